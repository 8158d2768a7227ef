"""A row of each table that people look at but that no verb of the tests' own makes."""

from __future__ import annotations

import zlib

from django.utils import timezone

from notices.models import (
    Delivery,
    Letter,
    LetterBatch,
    ProviderEvent,
    Question,
    StreamGap,
    Suppression,
    TrackingReject,
    WebhookRefusal,
    WebhookRequest,
)


def one_of_each(delivery: Delivery) -> None:
    """One event, request, refusal, suppression, letter, batch, reject, gap and question, about `delivery`."""
    now = timezone.now()
    event = {"esp": "postmark", "kind": "relayed", "received_at": now, "provider_id": "p-1"}
    ProviderEvent.objects.create(
        key=b"\x01" * 32,
        event_id="e-1",
        recipient="ana@mail.example",
        body=zlib.compress(b'{"ID":1}'),
        **event,
    )
    WebhookRequest.objects.create(
        esp="postmark",
        purpose="tracking",
        content_type="application/json",
        body=zlib.compress(b"{not json"),
        state="failed",
        reason="Not JSON.",
    )
    WebhookRefusal.objects.create(esp="postmark", day=now.date(), reason="unverified", count=3, last_at=now)
    Suppression.objects.create(
        address="ana@mail.example", reason="complained", source="dsn", since=now, recorded_at=now
    )
    batch = LetterBatch.objects.create(created_at=now, created_by="user:mona", count=1)
    Letter.objects.create(
        delivery=delivery, pdf=b"%PDF-1.7", sha256=b"\x02" * 32, pages=1, batch=batch, place=1
    )
    TrackingReject.objects.create(
        file="post.csv", line=3, row="x;y", reason="No such letter.", rejected_at=now, key=b"\x03" * 32
    )
    StreamGap.objects.create(
        stream="postmark", began_at=now, noticed_at=now, expected=100, missing=90, usual=2
    )
    Question.objects.create(delivery=delivery, stream="postmark", times=1, asked_at=now, trouble="404")
