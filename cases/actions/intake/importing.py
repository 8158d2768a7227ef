"""Run a stream of rows through the merge, in batches, keeping what could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from cases.actions.intake.merging import merge
from cases.actors import Actor
from cases.models import Policy, Wave
from cases.models import RejectedRow as StoredReject
from cases.reading import FlagRow, RejectedRow

BATCH = 10_000

Report = Callable[[Counter[str]], None]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `wave_id` is None for a dry run, which leaves nothing behind.

    Counts: rows, rejected, flags_new, flags_known, cases_opened, cases_joined, accounts_new.
    """

    wave_id: int | None
    counts: Counter[str]


def known_policies() -> dict[str, int]:
    """Policies that have a ladder, so that a case can be opened: {slug: id}."""
    return dict(Policy.objects.filter(ladders__isnull=False).values_list("slug", "pk").distinct())


def import_flags(
    items: Iterable[FlagRow | RejectedRow],
    *,
    actor: Actor,
    at: datetime,
    file_name: str = "",
    source: str = "",
    dry_run: bool = False,
    on_progress: Report | None = None,
    on_reject: Callable[[RejectedRow], None] | None = None,
) -> ImportReport:
    """Merge rows into cases; keep rejected rows whole. Safe to run twice and in several processes at once.

    Memory stays flat: two batches are in memory at a time, one being read while PostgreSQL merges the other.

    Args:
        dry_run: do everything in one transaction and roll it back.
        on_progress: told the counts after each batch.
        on_reject: told each rejected row as it comes.
    """
    counts: Counter[str] = Counter(
        dict.fromkeys(
            ("rows", "rejected", "flags_new", "flags_known", "cases_opened", "cases_joined", "accounts_new"),
            0,
        )
    )
    policies = known_policies()
    wave = Wave(source=source, file_name=file_name, started_by=actor.label, started_at=at)

    def merge_batch(batch: _Batch) -> None:
        with transaction.atomic():
            counts.update(merge(batch.rows, policies, wave_id=wave.pk, actor=actor, at=at))
            counts.update(rows=len(batch.rows) + len(batch.rejects), rejected=len(batch.rejects))
            StoredReject.objects.bulk_create(
                StoredReject(wave=wave, line=row.line, raw=row.raw, reasons=list(row.reasons))
                for row in batch.rejects
            )
            Wave.objects.filter(pk=wave.pk).update(counts=dict(counts))
        if on_progress:
            on_progress(counts)

    with _rolled_back() if dry_run else _Overlap() as overlap:
        wave.save()
        for batch in _batches(items, on_reject):
            overlap.run(merge_batch, batch)
        overlap.finish()
        Wave.objects.filter(pk=wave.pk).update(finished_at=at)
    return ImportReport(None if dry_run else wave.pk, counts)


@dataclass(slots=True)
class _Batch:
    rows: list[FlagRow]
    rejects: list[RejectedRow]


def _batches(
    items: Iterable[FlagRow | RejectedRow], on_reject: Callable[[RejectedRow], None] | None
) -> Iterator[_Batch]:
    batch = _Batch([], [])
    for item in items:
        if isinstance(item, FlagRow):
            batch.rows.append(item)
        else:
            batch.rejects.append(item)
            if on_reject:
                on_reject(item)
        if len(batch.rows) + len(batch.rejects) >= BATCH:
            yield batch
            batch = _Batch([], [])
    if batch.rows or batch.rejects:
        yield batch


class _Direct:
    """Merge here and now, on the caller's connection."""

    def run(self, merge_batch: Callable[[_Batch], None], batch: _Batch) -> None:
        merge_batch(batch)

    def finish(self) -> None:
        pass


@contextmanager
def _rolled_back() -> Iterator[_Direct]:
    with transaction.atomic():
        yield _Direct()
        transaction.set_rollback(True)


def _close_connection() -> None:
    """Close the connection of the thread that this runs in: each has its own."""
    connection.close()


class _Overlap:
    """Merge in a second thread, with a connection of its own, while the caller reads on: at most one batch waits."""

    def __enter__(self) -> _Overlap:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._pending: Future[None] | None = None
        return self

    def run(self, merge_batch: Callable[[_Batch], None], batch: _Batch) -> None:
        self.finish()
        self._pending = self._thread.submit(merge_batch, batch)

    def finish(self) -> None:
        """Wait for the batch under way; an error in it is raised here."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def __exit__(self, *_: object) -> None:
        self._thread.submit(_close_connection)
        self._thread.shutdown()
