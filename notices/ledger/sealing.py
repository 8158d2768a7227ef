"""Sealing: what waits in the queue joins the tree, and the new head is signed. The only place that writes tiles.

Evidence comes in without a thought of the tree. Here one sealer at a time takes what it can see of the queue, batch
by batch, and gives the batch the next indices. It does not matter in which order transactions commit: what it cannot
see yet still lies in the queue for the next run. Each batch is one transaction, from queue to signed checkpoint, so a
sealer that is killed leaves nothing half done, and the tree never has a size without a checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from psycopg.types.range import Range as PgRange

from notices.ledger import keys
from notices.ledger.leaves import leaf
from notices.ledger.merkle import EMPTY, leaf_hash
from notices.ledger.notes import Head
from notices.ledger.proving import fetch
from notices.ledger.rows import evidence_rows, in_binary
from notices.ledger.tiles import HASH, WIDTH, NoTile, Place, Tiles, grow, widths
from notices.models import Checkpoint

BATCH = 16_384  # leaves; about 0.2 s of work and 20 MB

_LOCK = 0x5345414C  # "SEAL"; of this database's advisory locks


class LedgerBroken(Exception):
    """The tree is not what its last checkpoint says, so no further one may be signed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a run did: how many leaves it added, and how many the tree has now."""

    count: int
    size: int


@dataclass(frozen=True, slots=True)
class _Tree:
    """The tree as the sealer holds it: its last checkpoint's number and size, and its incomplete tiles."""

    number: int
    size: int
    edge: Mapping[Place, bytes]


def seal(*, now: datetime) -> Sealed:
    """Seal all that is queued, in batches, each with a signed checkpoint. Leaves at once if another sealer is at work.

    Args:
        now: the time that the checkpoints are dated, aware.

    Raises:
        LedgerBroken: somebody changed tiles or checkpoints. Nothing is sealed; what waits goes on waiting.
    """
    total, after, found = 0, 0, False
    while True:
        with transaction.atomic():
            if not _is_sealer():
                break
            queued = _queued(after)
            # What was deleted before it was sealed stays in the queue, for `verify` to name.
            rows = evidence_rows(queued)
            if rows:
                extend([row[0] for row in rows], [leaf_hash(leaf(row)) for row in rows], now=now)
        total, found = total + len(rows), found or bool(rows)
        if queued:
            after = queued[-1]
        elif found and after:
            after, found = 0, False  # once more: meanwhile smaller ids may have been committed
        else:
            break
    latest = latest_checkpoint()
    return Sealed(total, latest.size if latest else 0)


def latest_checkpoint() -> Checkpoint | None:
    """The signed head of the whole tree; None as long as nothing was sealed."""
    return Checkpoint.objects.order_by("-size").first()


def _is_sealer() -> bool:
    """Whether this transaction is the one that seals, until it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _queued(after: int) -> list[int]:
    """The next batch of the queue. `after` only turns its pages within one run, past rows whose evidence is gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT evidence_id FROM notices_sealqueue WHERE evidence_id > %s ORDER BY evidence_id LIMIT %s",
            [after, BATCH],
        )
        return [pk for (pk,) in cursor.fetchall()]


def extend(ids: list[int], hashes: Sequence[bytes], *, now: datetime) -> None:
    """Put leaves with these hashes, of evidence with these ids, into the tree; sign its new head; empty the queue.

    Belongs into a transaction that holds the sealer's lock. Raises LedgerBroken.
    """
    tree = _tree()
    added = grow(tree.size, tree.edge, hashes)
    _write(tree, added, ids)
    size = tree.size + len(ids)
    _sign(tree.number + 1, size, _root(size, tree, added), now)
    in_binary("DELETE FROM notices_sealqueue WHERE evidence_id = ANY(%b::bigint[])", [ids])


def _tree() -> _Tree:
    """The tree as it is, after a look at whether it is what the last checkpoint says. Raises LedgerBroken."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, size, root FROM notices_checkpoint ORDER BY size DESC LIMIT 1")
        number, size, root = cursor.fetchone() or (0, 0, EMPTY)
        cursor.execute(
            "SELECT number, octet_length(hashes) FROM notices_tile WHERE level = 0 ORDER BY 1 DESC LIMIT 1"
        )
        last, length = cursor.fetchone() or (0, 0)
    edge = fetch(widths(size))
    try:
        intact = last * WIDTH + length // HASH == size and Tiles(edge).root(size) == bytes(root)
    except NoTile:
        intact = False
    if not intact:
        raise LedgerBroken(
            f"The tree is not the one of its last checkpoint ({size} leaves), so nothing more is sealed and signed. "
            "New evidence waits in the queue. Run `manage.py ledger verify`, which says what was changed, and restore "
            "that from a backup."
        )
    return _Tree(number, size, edge)


def _write(tree: _Tree, added: Mapping[Place, bytes], ids: Sequence[int]) -> None:
    """Write what is added to the tiles: those begun before grow, the others are new."""
    of_tile: dict[Place, list[int]] = {}
    start = 0
    for place, content in added.items():
        if place[0] == 0:
            of_tile[place] = list(ids[start : start + len(content) // HASH])
            start += len(of_tile[place])
    spans = {place: PgRange(min(own), max(own) + 1) for place, own in of_tile.items()}
    with connection.cursor() as cursor:
        for place in added.keys() & tree.edge.keys():
            cursor.execute(
                "UPDATE notices_tile SET hashes = hashes || %s, ids = ids || %s::bigint[], "
                "span = range_merge(span, %s::int8range) WHERE level = %s AND number = %s",
                (added[place], of_tile.get(place), spans.get(place), *place),  # type: ignore[arg-type]  # psycopg takes ranges
            )
    with (
        connection.connection.cursor() as cursor,
        cursor.copy(
            "COPY notices_tile (level, number, hashes, ids, span) FROM STDIN (FORMAT binary)"
        ) as copy,
    ):
        copy.set_types(["int2", "int8", "bytea", "int8[]", "int8range"])
        for place in added.keys() - tree.edge.keys():
            copy.write_row((*place, added[place], of_tile.get(place), spans.get(place)))


def _root(size: int, tree: _Tree, added: Mapping[Place, bytes]) -> bytes:
    """The root of the grown tree, from what is at hand."""
    return Tiles({place: tree.edge.get(place, b"") + added.get(place, b"") for place in widths(size)}).root(
        size
    )


def _sign(number: int, size: int, root: bytes, now: datetime) -> None:
    signer = keys.signer()
    note = signer.sign(str(Head(signer.verifier.name, size, root)))
    Checkpoint.objects.create(id=number, size=size, root=root, note=note, signed_at=now)
