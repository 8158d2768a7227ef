"""Stored requests into evidence. What cannot be matched or recorded waits as an event; nothing is dropped.

A batch of requests is claimed, read, recorded and deleted in one transaction: a crash leaves them as they were.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from notices.events import mail, providers, twilio, waiting
from notices.events.matching import match
from notices.events.parsing import Parsed, Stored, Unread, load, parse
from notices.events.providers import TRACKING
from notices.events.recording import record
from notices.models import WebhookRequest

log = logging.getLogger(__name__)

REQUESTS = 2_000  # claimed at once
OCTETS = 1_500_000  # of deflated bodies read at once: some thousand events
SECONDS = 20.0  # after which a task lets others have their turn


def interpret(*, now: datetime, seconds: float = SECONDS) -> Counter[str]:
    """Work off what has come in and what waits, for about so many seconds.

    Returns:
        How many: requests, recorded, unmatched, unread, failed, matched (events that had waited), mail.
    """
    counts: Counter[str] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until and (done := _batch(now)):
        counts += done
    while time.monotonic() < until and (done := waiting.take_up(now=now)):
        counts += done
    while time.monotonic() < until and (done := mail.take_in(now=now)):
        counts += done
    return counts


def _batch(now: datetime) -> Counter[str]:
    with transaction.atomic():
        claimed = _claim(now)
        if not claimed:
            return Counter()
        parsed = [(stored, _parse(stored)) for stored in claimed]
        matched, unmatched = match([reading for _, each in parsed for reading in each.readings])
        failed = record(matched, now=now)
        waiting.keep(unmatched, failed, now=now)
        _set_apart([(stored, each) for stored, each in parsed if each.unread])
        for_mail = [stored.id for stored, each in parsed if each.mail]
        _done([stored.id for stored in claimed], for_mail)
    return Counter(
        requests=len(claimed),
        recorded=len(matched) - len(failed),
        unmatched=len(unmatched),
        unread=sum(len(each.unread) for _, each in parsed),
        failed=len(failed),
    )


def _parse(stored: Stored) -> Parsed:
    if stored.esp == twilio.ESP:
        return twilio.parse(stored)
    endpoint = providers.endpoint(stored.esp, TRACKING)
    if endpoint is None:
        return Parsed(unread=(Unread(b"", f"{stored.esp} is not configured any more."),))
    return parse(stored, endpoint)


def _claim(now: datetime) -> list[Stored]:
    """Lock the oldest requests that nobody else has, as many as are to be read at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, octet_length(body) FROM notices_webhookrequest
            WHERE state = 'waiting' AND purpose = 'tracking' AND (due_at IS NULL OR due_at <= %s)
            ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
            """,
            [now, REQUESTS],
        )
        ids: list[int] = []
        octets = 0
        for pk, size in cursor.fetchall():
            octets += size
            if ids and octets > OCTETS:
                break
            ids.append(pk)
        return load(ids)


def _set_apart(parsed: Sequence[tuple[Stored, Parsed]]) -> None:
    """Keep what could not be read, each part as a request of its own, for a person."""
    WebhookRequest.objects.bulk_create(
        WebhookRequest(
            esp=stored.esp,
            purpose=stored.purpose,
            received_at=stored.received_at,
            content_type=stored.content_type,
            headers=stored.headers,
            body=waiting.deflate(unread.body) if unread.body else stored.body,
            state=WebhookRequest.State.FAILED,
            tries=stored.tries + 1,
            reason=unread.reason,
        )
        for stored, each in parsed
        for unread in each.unread
    )


def _done(ids: Sequence[int], for_mail: Sequence[int]) -> None:
    """Delete the requests whose content is safe elsewhere; those that bring mail go on to the other task."""
    with connection.cursor() as cursor:
        if for_mail:
            cursor.execute(
                "UPDATE notices_webhookrequest SET purpose = 'inbound' WHERE id = ANY(%s)", [list(for_mail)]
            )
        gone = set(ids) - set(for_mail)
        cursor.execute("DELETE FROM notices_webhookrequest WHERE id = ANY(%s)", [list(gone)])
