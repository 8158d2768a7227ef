"""Proofs from the tiles: that facts are in a tree, and that a tree begins with an older one. A few queries for all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from notices.ledger.leaves import leaf
from notices.ledger.merkle import Range, consistency_path, inclusion_path
from notices.ledger.rows import evidence_rows
from notices.ledger.tiles import WIDTH, Place, Tiles, places


class NotSealed(LookupError):
    """Some of the evidence is not in the tree of this size; `evidence_ids` are those."""

    def __init__(self, evidence_ids: Sequence[int], size: int) -> None:
        self.evidence_ids = tuple(evidence_ids)
        some = ", ".join(f"E-{pk}" for pk in self.evidence_ids[:5]) + (
            "…" if len(self.evidence_ids) > 5 else ""
        )
        super().__init__(
            f"Not in the tree of {size} leaves: {some}. `manage.py ledger seal` seals what waits."
        )


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That a leaf is number `index` of a tree: the leaf's bytes, and the hashes beside its way up to the root."""

    index: int
    leaf: bytes
    hashes: tuple[bytes, ...]


def prove(evidence_ids: Sequence[int], *, size: int) -> dict[int, InclusionProof]:
    """Inclusion proofs of facts in the tree of `size` leaves, by evidence id. Three queries, however many facts.

    Raises:
        NotSealed: some are not in that tree.
        NoTile: the tree is damaged.
    """
    indices = find(evidence_ids, size)
    if missing := [pk for pk in evidence_ids if pk not in indices]:
        raise NotSealed(missing, size)
    paths = {pk: inclusion_path(index, size) for pk, index in indices.items()}
    tiles = load(part for path in paths.values() for part in path)
    leaves = {row[0]: leaf(row) for row in evidence_rows(list(indices))}
    return {
        pk: InclusionProof(indices[pk], leaves[pk], tuple(tiles.range_hash(part) for part in paths[pk]))
        for pk in dict.fromkeys(evidence_ids)
    }


def consistency(old: int, new: int) -> tuple[bytes, ...]:
    """The proof that the tree of `new` leaves begins with the tree of `old` leaves (RFC 6962, 2.1.2). One query.

    Raises:
        NotInTree: `old` is 0, or greater than `new`.
        NoTile: the tree has fewer leaves than `new`, or is damaged.
    """
    path = consistency_path(old, new)
    tiles = load(path)
    return tuple(tiles.range_hash(part) for part in path)


def root(size: int) -> bytes:
    """The root of the tree when it had `size` leaves, from the tiles. One query. Raises NoTile."""
    return load([(0, size)]).root(size)


def find(evidence_ids: Collection[int], size: int) -> dict[int, int]:
    """The index of each piece of evidence in the tree of `size` leaves; those that are not in it are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT w.id, t.number * %s + array_position(t.ids, w.id) - 1
            FROM unnest(%s::bigint[]) AS w(id)
            CROSS JOIN LATERAL (SELECT number, ids FROM notices_tile WHERE level = 0 AND span @> w.id) t
            WHERE w.id = ANY(t.ids)
            """,
            [WIDTH, list(evidence_ids)],
        )
        return {pk: index for pk, index in sorted(cursor.fetchall(), reverse=True) if index < size}


def load(ranges: Iterable[Range]) -> Tiles:
    """The tiles from which the hashes of these ranges of leaves are made. One query."""
    return Tiles(fetch(places(ranges)))


def fetch(wanted: Collection[Place]) -> dict[Place, bytes]:
    """The contents of those of these tiles that are there. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.level, t.number, t.hashes
            FROM unnest(%s::int[], %s::bigint[]) AS w(level, number) JOIN notices_tile t USING (level, number)
            """,
            [[level for level, _ in wanted], [number for _, number in wanted]],
        )
        return {(level, number): bytes(content) for level, number, content in cursor.fetchall()}
