"""Gaps in the reports of a stream: opened, closed, and what rests on silence graded anew when either happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil

from django.db import connection, transaction
from django.db.models import Q

from notices import recording
from notices.models import StreamGap
from notices.silence import expecting, rule, streams

BATCH = 500
# Of what was expected in a gap, this share more than usual may stay missing for good when it closes by itself.
LEFT_OVER = 0.02


class NoReason(ValueError):
    """A person closes a gap with a reason, or not at all."""


def open_gaps() -> list[StreamGap]:
    """The gaps that are open now, oldest first."""
    return list(StreamGap.objects.filter(ended_at__isnull=True).order_by("began_at"))


def find(stream: str, *, now: datetime) -> rule.Interruption | None:
    """Whether the reports of a stream are interrupted now; see `rule`."""
    window = streams.window(stream, now=now)
    if not window:
        return None
    earlier = streams.earlier(stream, before=window[0].at)
    found = rule.interruption(window, earlier)
    if found is not None and found.not_before is not None:
        between = streams.sample(stream, since=found.not_before, until=found.began_at)
        return replace(found, began_at=rule.change_point(between, found.usual) or found.began_at)
    if found is None and rule.never_reported(window, earlier, overdue_before=now - expecting.patience()):
        seen = [*(each for run in earlier for each in run), *window]
        if not streams.ever_reported(stream):
            return rule.Interruption(seen[0].at, len(seen), len(seen), 0.0)
    return found


def open_new(*, now: datetime, dry_run: bool = False) -> dict[str, rule.Interruption]:
    """Open a gap for each stream that is interrupted and has none. Returns them by stream."""
    known = {gap.stream for gap in open_gaps()}
    found = {}
    for stream in streams.names():
        interruption = None if stream in known else find(stream, now=now)
        if interruption is None:
            continue
        found[stream] = interruption
        if not dry_run:
            _open(stream, interruption, now=now)
    return found


def _open(stream: str, found: rule.Interruption, *, now: datetime) -> None:
    expected, missing = streams.count(stream, since=found.began_at, until=now - streams.AGE)
    # Two sweeps at once may both find it; the constraint lets one of them open it.
    StreamGap.objects.bulk_create(
        [
            StreamGap(
                stream=stream,
                began_at=found.began_at,
                noticed_at=now,
                expected=expected,
                missing=missing,
                usual=round(found.usual * 100),
            )
        ],
        ignore_conflicts=True,
    )


def close_filled(*, now: datetime) -> list[StreamGap]:
    """Look again at the open gaps: note where reports flow again, and close those where nothing is missing any more.

    Returns:
        The gaps that were closed.
    """
    closed = []
    for gap in open_gaps():
        usual = gap.usual / 100
        if gap.resumed_at is None and rule.flows(streams.window(gap.stream, now=now), usual):
            gap.resumed_at = now - streams.AGE
            _ask_once_more(gap, now=now)
        expected, missing = streams.count(
            gap.stream, since=gap.began_at, until=gap.resumed_at or now - streams.AGE
        )
        gap.expected, gap.missing = expected, missing
        if gap.resumed_at is not None and missing <= ceil(expected * (usual + LEFT_OVER)):
            gap.ended_at, gap.closed, gap.regraded_at = now, StreamGap.Closed.ARRIVED, None
            closed.append(gap)
        _save(gap)
    return closed


def _save(gap: StreamGap) -> None:
    """Write what changed, unless somebody has closed the gap meanwhile."""
    columns = ("resumed_at", "expected", "missing", "ended_at", "closed", "regraded_at")
    StreamGap.objects.filter(pk=gap.pk, ended_at__isnull=True).update(
        **{column: getattr(gap, column) for column in columns}
    )


def _ask_once_more(gap: StreamGap, *, now: datetime) -> None:
    """What was learnt by asking while reports were missing may have been followed by a bounce that was missed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE notices_question SET answered_at = NULL, again = true, times = 0, next_at = %s
            WHERE stream = %s AND answered_at IS NOT NULL AND asked_at >= %s
            """,
            [now, gap.stream, gap.began_at],
        )


def close_by_person(gap_id: int, *, who: str, reason: str, at: datetime) -> bool:
    """Close a gap on a person's word. Returns whether it was open.

    Args:
        who: the person, as a label (user:name).
        reason: why nothing that is still missing matters; kept, and shown to those who ask.

    Raises:
        NoReason: the reason is empty.
    """
    if not reason.strip():
        raise NoReason("Say why this gap may be closed although reports are missing: it is kept with it.")
    return bool(
        StreamGap.objects.filter(pk=gap_id, ended_at__isnull=True).update(
            ended_at=at,
            closed=StreamGap.Closed.BY_PERSON,
            closed_by=who,
            reason=reason.strip(),
            regraded_at=None,
        )
    )


def regrade(*, now: datetime) -> int:
    """Grade anew what the opening or closing of a gap touches: deemed service counts silence. Safe to run twice.

    Returns:
        How many notices were looked at.
    """
    total = 0
    for gap in StreamGap.objects.filter(regraded_at__isnull=True).order_by("pk"):
        touched = _served_by_silence(gap) if gap.ended_at is None else _held_back(gap)
        for start in range(0, len(touched), BATCH):
            recording.regrade(touched[start : start + BATCH], now=now)
        total += len(touched)
        same = Q(ended_at__isnull=True) if gap.ended_at is None else Q(ended_at=gap.ended_at)
        StreamGap.objects.filter(same, pk=gap.pk).update(regraded_at=now)
    return total


def _served_by_silence(gap: StreamGap) -> list[int]:
    """Notices that count as served by silence that may not have been one. (Those to come are held when due.)"""
    return _ids(
        """
        SELECT DISTINCT n.id FROM notices_notice n JOIN notices_delivery d ON d.notice_id = n.id
        WHERE n.deemed AND n.served_at > %s AND d.provider = %s ORDER BY n.id
        """,
        [gap.began_at, gap.stream],
    )


def _held_back(gap: StreamGap) -> list[int]:
    """Notices of whose deliveries the days of silence reached into the gap, and that are not served otherwise."""
    return _ids(
        """
        SELECT DISTINCT n.id FROM notices_delivery d JOIN notices_notice n ON n.id = d.notice_id
        WHERE d.provider = %s AND n.service_rule #>> '{deemed,days}' IS NOT NULL AND n.deemed_due_at IS NULL
          AND (n.served_at IS NULL OR n.deemed OR n.served_at > %s)
          AND d.settled_at > %s - make_interval(days => (n.service_rule #>> '{deemed,days}')::int)
        ORDER BY n.id
        """,
        [gap.stream, gap.began_at, gap.began_at],
    )


def _ids(sql: str, params: Sequence[str | datetime]) -> list[int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [pk for (pk,) in cursor.fetchall()]
