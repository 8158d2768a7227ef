"""Take in the platform's own record of addresses and take-over marks: set-based, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.db import connection, transaction

from cases.actions.intake.addresses import COLUMNS, TABLE, contradicted, copy_into, merge_named
from cases.actions.intake.importing import ImportReport
from cases.actors import Actor
from cases.models import RejectedRow as StoredReject
from cases.models import Wave
from cases.reading import ContactRow, RejectedRow

BATCH = 10_000

_TYPES = "int8 int8 text int2 timestamptz text text text text text timestamptz".split()

# Sorted and held in the order that intake of flags uses.
_HOLD = """
SELECT external_id, id FROM cases_account WHERE external_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
_MARKS = """
INSERT INTO cases_accountmark (account_id, kind, begins_at, ends_at, source, end_recorded_at)
SELECT account_id, kind, begins_at, max(ends_at), source, CASE WHEN max(ends_at) IS NULL THEN NULL ELSE now() END
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[])
     AS t(account_id, kind, begins_at, ends_at, source)
GROUP BY account_id, kind, begins_at, source
ON CONFLICT (account_id, kind, begins_at, source) DO UPDATE
    SET ends_at = excluded.ends_at, end_recorded_at = now()
    WHERE cases_accountmark.ends_at IS NULL AND excluded.ends_at IS NOT NULL
"""


def import_contacts(
    items: Iterable[ContactRow | RejectedRow],
    *,
    actor: Actor,
    at: datetime,
    file_name: str = "",
    source: str = "",
    on_progress: Callable[[Counter[str]], None] | None = None,
) -> ImportReport:
    """Merge rows into accounts that there are; keep the others whole, with the reason. Safe to run twice.

    Returns:
        The run, and its counts: rows, rejected, addresses_new, addresses_verified, marks_new_or_ended.
    """
    counts: Counter[str] = Counter(
        dict.fromkeys(("rows", "rejected", "addresses_new", "addresses_verified", "marks_new_or_ended"), 0)
    )
    wave = Wave.objects.create(source=source, file_name=file_name, started_by=actor.label, started_at=at)
    for rows, rejects in _batches(items):
        with transaction.atomic():
            refused = _merge(rows, counts) + rejects
            StoredReject.objects.bulk_create(
                StoredReject(wave=wave, line=row.line, raw=row.raw, reasons=list(row.reasons))
                for row in refused
            )
            counts.update(rows=len(rows) + len(rejects), rejected=len(refused))
            Wave.objects.filter(pk=wave.pk).update(counts=dict(counts))
        if on_progress:
            on_progress(counts)
    Wave.objects.filter(pk=wave.pk).update(finished_at=at)
    return ImportReport(wave.pk, counts)


def _batches(
    items: Iterable[ContactRow | RejectedRow],
) -> Iterator[tuple[list[ContactRow], list[RejectedRow]]]:
    rows: list[ContactRow] = []
    rejects: list[RejectedRow] = []
    for item in items:
        if isinstance(item, RejectedRow):
            rejects.append(item)
        else:
            rows.append(item)
        if len(rows) + len(rejects) >= BATCH:
            yield rows, rejects
            rows, rejects = [], []
    if rows or rejects:
        yield rows, rejects


def _merge(rows: list[ContactRow], counts: Counter[str]) -> list[RejectedRow]:
    """Merge one batch; returns the rows that could not be taken after all."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [list({row.external_id for row in rows})])
        accounts: dict[str, int] = dict(cursor.fetchall())
    refused = [
        _reject(row, f"external_id is {row.external_id}, and no such account was ever flagged.")
        for row in rows
        if row.external_id not in accounts
    ]
    known = [row for row in rows if row.external_id in accounts]
    if with_address := [row for row in known if row.channel]:
        with connection.cursor() as cursor:
            cursor.execute(TABLE)
        copy_into("named", COLUMNS, _TYPES, (_named(row, accounts[row.external_id]) for row in with_address))
        counts.update(merge_named())
        lines = contradicted()
        refused += [
            _reject(
                row, "Another address is on record for this account, channel and rank from that very moment."
            )
            for row in with_address
            if row.line in lines
        ]
    if marks := [row for row in known if row.mark]:
        with connection.cursor() as cursor:
            cursor.execute(
                _MARKS,
                [
                    [accounts[row.external_id] for row in marks],
                    [row.mark for row in marks],
                    [row.mark_from for row in marks],
                    [row.mark_to for row in marks],
                    [row.source for row in marks],
                ],
            )
            counts.update(marks_new_or_ended=cursor.rowcount)
    return refused


def _named(row: ContactRow, account_id: int) -> tuple[object, ...]:
    return (
        row.line,
        account_id,
        row.channel,
        row.rank,
        row.changed_at,
        row.address,
        row.canonical,
        row.source,
        row.changed_by,
        row.label,
        row.verified_at,
    )


def _reject(row: ContactRow, reason: str) -> RejectedRow:
    """A row that was read, but does not fit what is on record; kept as what was read in it."""
    values = (row.external_id, row.channel, row.address, row.changed_at, row.mark, row.mark_from)
    return RejectedRow(row.line, ", ".join(str(value) for value in values if value), (reason,))
