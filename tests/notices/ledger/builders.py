"""A ledger to look at, and the means to attack it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from notices.ledger import NewFact, seal
from notices.ledger.verifying import verify
from notices.models import Checkpoint, Evidence, Tile
from notices.recording import record
from tests.notices.builders import issued

CHANGE = "UPDATE notices_evidence SET source = 'x' WHERE id = (SELECT min(id) + 120 FROM notices_evidence)"

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Ledger:
    """A notice with its facts: their ids in the order in which they were recorded, and the checkpoints as signed."""

    notice_id: int
    ids: list[int]
    notes: list[str] = field(default_factory=list)


def recorded(count: int, notice_id: int | None = None) -> Ledger:
    """`count` facts about one notice, waiting to be sealed."""
    notice_id = notice_id or issued(NOW).pk
    before = set(Evidence.objects.values_list("pk", flat=True))
    facts = [
        NewFact(notice_id, "noted", "test", NOW + timedelta(seconds=i), payload={"n": len(before) + i})
        for i in range(count)
    ]
    record(facts, now=NOW)
    ids = Evidence.objects.exclude(pk__in=before).order_by("pk").values_list("pk", flat=True)
    return Ledger(notice_id, list(ids))


def sealed(*counts: int) -> Ledger:
    """Facts about one notice, recorded and sealed in lots of these sizes."""
    ledger = Ledger(issued(NOW).pk, [])
    for i, count in enumerate(counts):
        ledger.ids.extend(recorded(count, ledger.notice_id).ids)
        seal(now=NOW + timedelta(hours=i))
    ledger.notes.extend(Checkpoint.objects.values_list("note", flat=True))
    return ledger


@contextmanager
def as_superuser() -> Iterator[CursorWrapper]:
    """A person with every right: no trigger fires and no foreign key is looked at."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what is still to be checked would stand in the way
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin")


def everything_rewritten(change: str) -> None:
    """Change evidence, forget tree and checkpoints, and have it all sealed and signed anew with the real key."""
    sizes = list(Checkpoint.objects.values_list("size", flat=True))
    order = [
        pk
        for ids in Tile.objects.filter(level=0).order_by("number").values_list("ids", flat=True)
        for pk in ids
    ]
    with as_superuser() as cursor:
        cursor.execute(change)
        cursor.execute("DELETE FROM notices_tile")
        cursor.execute("DELETE FROM notices_checkpoint")
    done = 0
    for size in sizes:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO notices_sealqueue SELECT unnest(%s::bigint[])", [order[done:size]])
        seal(now=NOW)
        done = size


def found(**options):
    return [(finding.code, finding.where) for finding in verify(**options).findings]


def told(**options):
    return " | ".join(finding.sentence for finding in verify(**options).findings)


def attacked(sql, *lots):
    """A ledger of 260 and 40 facts, and one attack on it: `{n}` is the evidence id of leaf n."""
    ledger = sealed(*(lots or (260, 40)))
    names = {f"n{i}": pk for i, pk in enumerate(ledger.ids)}
    with as_superuser() as cursor:
        for statement in sql.split(";"):
            cursor.execute(statement.format(**names))
    return ledger
