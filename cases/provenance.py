"""Where the address of an attempt came from, and whether it was the account's when the notice left.

"That was not my address then" is answered here, as of any moment: from what was on record by then. Nothing here
writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from cases.models import AccountMark, Changer, ContactPoint
from notices.history import AttemptHistory


@dataclass(frozen=True, slots=True)
class MarkSeen:
    """A take-over mark that has to do with an address. `ends_at` is None while it lasts, as far as was known."""

    kind: str
    label: str
    begins_at: datetime
    ends_at: datetime | None
    source: str

    def covers(self, moment: datetime) -> bool:
        return self.begins_at <= moment and (self.ends_at is None or moment < self.ends_at)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is on record about the address that one attempt used.

    Attributes:
        source, changed_by, changed_by_label: who told us of it, and who made it the account's.
        since, until: when it was the account's; `until` is None while it is.
        recorded_at: when we learnt of it.
        verified_at: when it was first verified, or None.
        sent_at: when the attempt was handed over, else when it was queued.
        current: it was the account's address when it was sent, by all that was known at the moment asked about.
        current_then: the same by what was known when it was sent.
        replaced_known_at: when we learnt what took its place, or None.
        began_marked: take-over marks during which it became the account's.
        sent_marked: take-over marks during which it was sent to.
        before: the address verified before it, or "".
        before_used: numbers of the attempts that took the same notice there.
    """

    source: str
    changed_by: str
    changed_by_label: str
    since: datetime
    until: datetime | None
    recorded_at: datetime
    verified_at: datetime | None
    sent_at: datetime
    current: bool
    current_then: bool
    replaced_known_at: datetime | None
    began_marked: tuple[MarkSeen, ...]
    sent_marked: tuple[MarkSeen, ...]
    before: str
    before_used: tuple[str, ...]

    @property
    def by_whom(self) -> str:
        """Who made it the account's address, for people."""
        if self.changed_by == Changer.IMPORT:
            return "who set it is not known"
        label = str(Changer(self.changed_by).label)
        return f"set by {label}" + (f" ({self.changed_by_label})" if self.changed_by_label else "")


@dataclass(frozen=True, slots=True)
class _Run:
    """Contact points that follow each other with the same address. `next` is the one that took its place."""

    points: tuple[ContactPoint, ...]
    next: ContactPoint | None = None

    @property
    def since(self) -> datetime:
        return self.points[0].valid_from

    @property
    def until(self) -> datetime | None:
        return self.next.valid_from if self.next else None

    @property
    def verified_at(self) -> datetime | None:
        return min((p.verified_at for p in self.points if p.verified_at), default=None)

    def holds(self, moment: datetime) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)


def provenances(attempts: Sequence[AttemptHistory], *, known_at: datetime) -> dict[int, Provenance]:
    """The provenance of each attempt's address by the attempt's id; three queries for all.

    Attempts of no recorded address (the in-app inbox, or one that was erased) are left out.

    Args:
        attempts: of one notice or of many.
        known_at: what was on record by then.
    """
    wanted = {a.contact_ref for a in attempts if a.contact_ref is not None}
    its_own = ContactPoint.objects.filter(
        pk__in=wanted, account=OuterRef("account"), channel=OuterRef("channel")
    )
    lines: dict[tuple[int, str, int], list[ContactPoint]] = {}
    by_id: dict[int, ContactPoint] = {}
    points = ContactPoint.objects.filter(Exists(its_own)).order_by("valid_from", "pk") if wanted else []
    for point in points:
        lines.setdefault((point.account_id, point.channel, point.rank), []).append(point)
        by_id[point.pk] = point
    marks = _marks({point.account_id for point in by_id.values()}, known_at)
    found = {}
    for attempt in attempts:
        used = by_id.get(attempt.contact_ref or 0)
        if used is not None:
            line = lines[used.account_id, used.channel, used.rank]
            found[attempt.id] = _provenance(
                attempt, used, line, marks.get(used.account_id, ()), attempts, by_id, known_at
            )
    return found


def _marks(account_ids: set[int], known_at: datetime) -> dict[int, list[MarkSeen]]:
    found: dict[int, list[MarkSeen]] = {}
    if not account_ids:
        return found
    for mark in AccountMark.objects.filter(account__in=account_ids, recorded_at__lte=known_at).order_by(
        "begins_at"
    ):
        end_known = mark.end_recorded_at is not None and mark.end_recorded_at <= known_at
        found.setdefault(mark.account_id, []).append(
            MarkSeen(
                mark.kind,
                str(AccountMark.Kind(mark.kind).label),
                mark.begins_at,
                mark.ends_at if end_known else None,
                mark.source,
            )
        )
    return found


def _runs(points: Sequence[ContactPoint], known_at: datetime, always: ContactPoint) -> list[_Run]:
    """The periods of one account, channel and rank as known at a moment, oldest first; `always` was surely known."""
    groups: list[list[ContactPoint]] = []
    for point in points:
        if point.recorded_at > known_at and point.pk != always.pk:
            continue
        if groups and groups[-1][-1].canonical == point.canonical:
            groups[-1].append(point)
        else:
            groups.append([point])
    following: list[ContactPoint | None] = [group[0] for group in groups[1:]]
    return [_Run(tuple(group), after) for group, after in zip(groups, [*following, None], strict=True)]


def _provenance(
    attempt: AttemptHistory,
    point: ContactPoint,
    line: Sequence[ContactPoint],
    marks: Sequence[MarkSeen],
    attempts: Sequence[AttemptHistory],
    by_id: Mapping[int, ContactPoint],
    known_at: datetime,
) -> Provenance:
    sent_at = attempt.called_at or attempt.queued_at
    runs = _runs(line, known_at, point)
    number, run = next((i, r) for i, r in enumerate(runs) if point in r.points)
    then = next(r for r in _runs(line, sent_at, point) if point in r.points)
    first = run.points[0]
    before = next(
        (r for r in reversed(runs[:number]) if r.verified_at and r.points[0].canonical != point.canonical),
        None,
    )
    others = [
        a.number
        for a in attempts
        if before and a.notice_id == attempt.notice_id and a.contact_ref in {p.pk for p in before.points}
    ]
    return Provenance(
        source=first.source,
        changed_by=first.changed_by,
        changed_by_label=first.changed_by_label,
        since=run.since,
        until=run.until,
        recorded_at=first.recorded_at,
        verified_at=run.verified_at if run.verified_at and run.verified_at <= known_at else None,
        sent_at=sent_at,
        # The same address may have been the account's again by then.
        current=any(r.holds(sent_at) and r.points[0].canonical == point.canonical for r in runs),
        current_then=then.holds(sent_at),
        replaced_known_at=run.next.recorded_at if run.next else None,
        began_marked=tuple(mark for mark in marks if mark.covers(run.since)),
        sent_marked=tuple(mark for mark in marks if mark.covers(sent_at)),
        before=before.points[-1].address if before else "",
        before_used=tuple(others),
    )
