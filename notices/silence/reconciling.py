"""One round of reconciling: what is overdue, which streams are cut, what their providers say, what is whole again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from notices.grading import REPORTS
from notices.models import StreamGap
from notices.silence import asking, expecting, gaps

SHOWN = timedelta(days=7)


@dataclass(slots=True)
class Round:
    """What one round did, by stream where it is a mapping."""

    overdue: dict[str, int] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    asked: dict[str, asking.Counts] = field(default_factory=dict)
    regraded: int = 0


def reconcile(*, now: datetime, ask: bool, dry_run: bool = False) -> Round:
    """Do one round. Safe to run twice, also at once. Never inside a transaction when `ask`.

    Args:
        ask: whether providers are asked about what is missing.
        dry_run: say what would be found; write nothing, ask nobody.
    """
    done = Round(overdue=expecting.mark_overdue(now=now, dry_run=dry_run))
    done.opened = sorted(gaps.open_new(now=now, dry_run=dry_run))
    if dry_run:
        return done
    gaps.regrade(now=now)  # what a new gap makes doubtful stops counting before anything else is waited for
    for gap in gaps.open_gaps():
        asking.note_gap(gap, now=now)
    if ask:
        done.asked = asking.ask_due(now=now)
    done.closed = [gap.stream for gap in gaps.close_filled(now=now)]
    done.regraded = gaps.regrade(now=now)
    return done


@dataclass(frozen=True, slots=True)
class Line:
    """One stream as people read it: of the deliveries that it took in the last `SHOWN`.

    Attributes:
        accepted: all that it took.
        expected: those on which it is to report.
        reported: those of the expected on which it did.
        overdue: those of the expected whose time has passed without a report.
        gap_since: since when its reports are missing, where a gap is open.
        note: why it cannot be asked, or that nothing is expected of it.
    """

    stream: str
    accepted: int
    expected: int
    reported: int
    overdue: int
    gap_since: datetime | None
    note: str


def lines(*, now: datetime) -> list[Line]:
    """The streams of the last `SHOWN`, and those with an open gap. One pass over the deliveries of that time."""
    since = {gap.stream: gap.began_at for gap in StreamGap.objects.filter(ended_at__isnull=True)}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT provider, count(*), count(*) FILTER (WHERE expects_report),
                   count(*) FILTER (WHERE expects_report AND reported),
                   count(*) FILTER (WHERE expects_report AND NOT reported AND settled_at <= %s)
            FROM (
                SELECT d.provider, d.expects_report, d.settled_at, d.expects_report AND EXISTS (
                    SELECT 1 FROM notices_evidence e
                    WHERE e.notice_id = d.notice_id AND e.delivery_id = d.id AND e.kind = ANY(%s)
                ) AS reported
                FROM notices_delivery d WHERE d.state = 'accepted' AND d.provider <> '' AND d.settled_at > %s
            ) d GROUP BY provider
            """,
            [now - expecting.patience(), sorted(kind.value for kind in REPORTS), now - SHOWN],
        )
        found = {row[0]: row[1:] for row in cursor.fetchall()}
    return [
        _line(stream, found.get(stream, (0, 0, 0, 0)), since.get(stream))
        for stream in sorted({*found, *since})
    ]


def _line(stream: str, counts: tuple[int, int, int, int], gap_since: datetime | None) -> Line:
    accepted, expected, reported, overdue = counts
    note = asking.can_ask(stream) if expected else "nothing is expected of it"
    return Line(stream, accepted, expected, reported, overdue, gap_since, note)
