"""Evidence in: append it, grade the notices anew, tell who needs to know. All in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from notices import ledger, queries
from notices.grading import VERSION, Standing
from notices.ledger import NewFact
from notices.signals import Change, evidence_recorded


def record(facts: Sequence[NewFact], *, now: datetime) -> list[Change]:
    """Append facts and bring the standing of their notices up to date. Facts known already change nothing.

    Returns:
        The notices whose service changed, as told to the receivers of `evidence_recorded`.
    """
    with transaction.atomic():
        # Whoever grades a notice holds its row, so no two can each miss the other's fact. One order for all.
        lock({fact.notice_id for fact in facts})
        return _regrade(ledger.append(facts), now=now)


def regrade(notice_ids: Iterable[int], *, now: datetime) -> list[Change]:
    """Grade notices anew from the evidence that they have; for deemed service, whose only event is time."""
    with transaction.atomic():
        ids = sorted(notice_ids)
        lock(ids)
        return _regrade(ids, now=now)


def lock(notice_ids: Iterable[int]) -> None:
    """Hold these notices' rows until the transaction ends, in the one order that all use."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM notices_notice WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [sorted(notice_ids)],
        )


# The columns of a notice that hold its standing: grade, verdict, served_at, deemed, deemed_due_at, grading_version.
_Columns = tuple[int, str, datetime | None, bool, datetime | None, int]


def _regrade(notice_ids: Sequence[int], *, now: datetime) -> list[Change]:
    if not notice_ids:
        return []
    before, standings = _held(notice_ids), queries.standings(notice_ids, now=now)
    changed = {pk: s for pk, s in standings.items() if _columns(s) != before[pk]}
    served_before = {pk: before[pk][2] for pk in changed}
    _store(changed, served_before)
    changes = [
        Change(pk, served_before[pk], s.served_at)
        for pk, s in changed.items()
        if served_before[pk] != s.served_at
    ]
    if changes:
        evidence_recorded.send(sender=None, changes=changes)
    return changes


def _columns(s: Standing) -> _Columns:
    return s.grade, str(s.verdict), s.served_at, s.deemed, s.deemed_due_at, VERSION


def _held(notice_ids: Sequence[int]) -> dict[int, _Columns]:
    """The standing that the rows hold, by notice id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, grade, verdict, served_at, deemed, deemed_due_at, grading_version FROM notices_notice "
            "WHERE id = ANY(%s)",
            [list(notice_ids)],
        )
        return {pk: tuple(columns) for pk, *columns in cursor.fetchall()}


def _store(standings: dict[int, Standing], served_before: dict[int, datetime | None]) -> None:
    """Write changed standings. `served_at` is named only where it changes: its trigger costs a look-up."""
    for with_service in (False, True):
        rows = [(pk, s) for pk, s in standings.items() if (s.served_at != served_before[pk]) is with_service]
        if not rows:
            continue
        served = ", served_at = t.served_at" if with_service else ""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                UPDATE notices_notice n
                SET grade = t.grade, verdict = t.verdict, deemed = t.deemed, deemed_due_at = t.deemed_due_at,
                    grading_version = %s {served}
                FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::timestamptz[], %s::bool[], %s::timestamptz[])
                     AS t(id, grade, verdict, served_at, deemed, deemed_due_at)
                WHERE n.id = t.id
                """,
                [
                    VERSION,
                    [pk for pk, _ in rows],
                    [s.grade for _, s in rows],
                    [str(s.verdict) for _, s in rows],
                    [s.served_at for _, s in rows],
                    [s.deemed for _, s in rows],
                    [s.deemed_due_at for _, s in rows],
                ],
            )
