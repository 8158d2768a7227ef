"""Who is to report on a delivery, until when, and which of these reports are overdue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from notices import recording
from notices.channels.base import Outcome
from notices.events import providers
from notices.grading import REPORTS, moment
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.models import Watermark
from notices.silence import asking, streams

BATCH = 2_000
SOURCE = "reconcile"
_MARK = "overdue"
# A delivery is written some minutes after it was taken, at most; so far each sweep looks back behind the one before.
_OVERLAP = timedelta(minutes=15)

REPORT_KINDS = sorted(kind.value for kind in REPORTS)


def expects_report(outcome: Outcome) -> bool:
    """Whether, by this outcome, a later report of what became of the message must come.

    A mail server that offered DSN and was asked for it (RFC 3461: NOTIFY=SUCCESS) reports success as well as
    failure; so does a provider whose tracking webhook is set up. Of a server without DSN only bounces come, and the
    in-app inbox reports nothing: of them nothing is expected. A channel of another kind says so itself, by
    `detail["reports"]`.
    """
    if outcome.kind != Kind.SUBMITTED or outcome.detail.get("test_mode"):
        return False
    if outcome.provider.startswith("smtp:"):
        dsn = outcome.detail.get("dsn") or {}
        return bool(dsn.get("offered") and dsn.get("asked"))
    if "esp" in outcome.detail:
        return has_webhook(outcome.provider)
    return bool(outcome.detail.get("reports"))


def has_webhook(provider: str) -> bool:
    """Whether our door for the reports of a provider is open: it has one, and a secret that guards it.

    Args:
        provider: as in `Outcome.provider`, for example postmark or amazon_ses.
    """
    if not providers.known(provider, providers.TRACKING):
        return False
    endpoint = providers.endpoint(provider, providers.TRACKING)
    return endpoint is not None and endpoint.secured


def patience() -> timedelta:
    """How long a report may take before it is overdue."""
    return timedelta(hours=settings.NOTICE_EXPECT_HOURS)


@dataclass(frozen=True, slots=True)
class Unreported:
    """A delivery whose report has not come, and when it was accepted (aware)."""

    id: int
    notice_id: int
    accepted_at: datetime


def mark_overdue(*, now: datetime, dry_run: bool = False) -> dict[str, int]:
    """Append a fact to each delivery whose report is overdue, once. It changes no grade.

    Each sweep looks only at the deliveries that came of age since the one before, over a partial index.

    Returns:
        How many by stream.
    """
    mark = Watermark.objects.filter(name=_MARK).first()
    since = mark.reached_at - _OVERLAP if mark else datetime.min.replace(tzinfo=UTC)
    until = now - patience()
    counts: dict[str, int] = {}
    for stream in streams.names():
        for unreported in _unreported(stream, since=since, until=until):
            counts[stream] = counts.get(stream, 0) + (
                len(unreported) if dry_run else _append(stream, unreported, now=now)
            )
    if not dry_run and (mark is None or mark.reached_at < until):
        Watermark.objects.update_or_create(name=_MARK, defaults={"reached_at": until})
    return counts


def _unreported(stream: str, *, since: datetime, until: datetime) -> Iterator[list[Unreported]]:
    """Those of a stream accepted after `since` and not after `until`, in batches."""
    position: tuple[datetime, int] = since, 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT d.id, d.notice_id, d.settled_at, EXISTS (
                    SELECT 1 FROM notices_evidence e
                    WHERE e.notice_id = d.notice_id AND e.delivery_id = d.id AND e.kind = ANY(%s)
                )
                FROM (
                    SELECT id, notice_id, settled_at FROM notices_delivery
                    WHERE expects_report AND provider = %s AND settled_at >= %s AND settled_at <= %s
                      AND (settled_at, id) > (%s, %s)
                    ORDER BY settled_at, id LIMIT %s
                ) d ORDER BY d.settled_at, d.id
                """,
                [REPORT_KINDS, stream, position[0], until, *position, BATCH],
            )
            rows = cursor.fetchall()
        if missing := [Unreported(pk, notice_id, at) for pk, notice_id, at, reported in rows if not reported]:
            yield missing
        if len(rows) < BATCH:
            return
        position = rows[-1][2], rows[-1][0]


def _append(stream: str, unreported: Sequence[Unreported], *, now: datetime) -> int:
    """Append the facts, but for reports that came this very moment, and facts that are there already."""
    with transaction.atomic():
        recording.lock(each.notice_id for each in unreported)
        fresh = _still_silent([each.id for each in unreported], [each.notice_id for each in unreported])
        facts = [_fact(stream, each) for each in unreported if each.id in fresh]
        recording.record(facts, now=now)
        asking.note(stream, sorted(fresh), now=now)
    return len(facts)


def _still_silent(delivery_ids: list[int], notice_ids: list[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.id FROM unnest(%s::bigint[], %s::bigint[]) AS t(id, notice_id)
            WHERE NOT EXISTS (
                SELECT 1 FROM notices_evidence e
                WHERE e.notice_id = t.notice_id AND e.delivery_id = t.id AND e.kind = ANY(%s)
            )
            """,
            [delivery_ids, notice_ids, [*REPORT_KINDS, Kind.OVERDUE.value]],
        )
        return {pk for (pk,) in cursor.fetchall()}


def _fact(stream: str, each: Unreported) -> NewFact:
    due_at = each.accepted_at + patience()
    what = (
        f"The report of {stream} is overdue since {moment(due_at)}: it took the message on "
        f"{moment(each.accepted_at)}. No data is neither delivered nor not delivered."
    )
    payload = {"what": what, "stream": stream, "accepted_at": each.accepted_at.isoformat()}
    return NewFact(
        each.notice_id, Kind.OVERDUE, SOURCE, due_at, each.id, payload, event_id=f"{each.id}:overdue"
    )
