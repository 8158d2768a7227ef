"""Streams of deliveries: accepted when and by whom the test says, and reported on where it says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from notices import recording
from notices.issuing import issue
from notices.ledger import NewFact
from notices.models import Delivery, TemplateVersion
from notices.queueing import Contact
from tests.notices.builders import a_template, an_order

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEEMED = {"grade": 2, "deemed": {"channels": 2, "days": 7}}
BOTH = [[Contact("email", "ana@mail.example", 7)], [Contact("inapp", "u-1")]]


def hours(number: float) -> datetime:
    """So many hours before now."""
    return NOW - timedelta(hours=number)


def accepted(
    times: Sequence[datetime], stream: str = "postmark", *, expects: bool = True, **order: Any
) -> list[Delivery]:
    """One notice for each time, whose e-mail `stream` took then; deliveries by other channels were posted then."""
    if not TemplateVersion.objects.exists():
        a_template()
    orders = [an_order(**{"recipient": f"u-{n}", **order}) for n in range(len(times))]
    notice_ids = issue(orders, actor="system:test", at=min(times))
    facts = []
    for notice_id, at in zip(notice_ids, times, strict=True):
        for delivery in Delivery.objects.filter(notice=notice_id):
            mail = delivery.channel == "email"
            delivery.state, delivery.settled_at, delivery.created_at = "accepted", at, at
            delivery.provider = stream if mail else "inapp"
            delivery.provider_id = f"pm-{delivery.pk}" if mail else ""
            delivery.expects_report = expects and mail
            delivery.save(
                update_fields=[
                    "state",
                    "settled_at",
                    "provider",
                    "provider_id",
                    "expects_report",
                    "created_at",
                ]
            )
            kind = "submitted" if mail else "posted"
            facts.append(
                NewFact(notice_id, kind, delivery.provider, at, delivery.pk, event_id=f"{delivery.pk}:1")
            )
    recording.record(facts, now=max(times))
    return list(Delivery.objects.filter(notice__in=notice_ids, channel="email").order_by("pk"))


def report(
    deliveries: Sequence[Delivery], kind: str = "relayed", *, after: timedelta = timedelta(minutes=1)
) -> None:
    """The provider's own report on each, as its webhook would bring it."""
    facts = []
    for delivery in deliveries:
        assert delivery.settled_at is not None
        at = delivery.settled_at + after
        facts.append(
            NewFact(
                delivery.notice_id,
                kind,
                delivery.provider,
                at,
                delivery.pk,
                {"webhook": kind, "at": at.isoformat()},
            )
        )
    recording.record(facts, now=NOW)


def every(minutes: float, count: int, *, until: datetime) -> list[datetime]:
    """`count` times, `minutes` apart, the last at `until`, oldest first."""
    return [until - timedelta(minutes=minutes * n) for n in reversed(range(count))]


def a_cut_stream(stream: str = "postmark", **order: Any) -> tuple[list[Delivery], list[Delivery]]:
    """120 deliveries that were reported on in time, then 60 within an hour of which nothing was heard."""
    before = accepted(every(2, 120, until=hours(2.2)), stream, **order)
    report(before)
    return before, accepted(every(1, 60, until=hours(1.05)), stream, **order)
