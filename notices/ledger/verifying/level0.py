"""The tiles of level 0, left to right, each against the evidence that it names and against the level above."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from notices.ledger.merkle import perfect_root
from notices.ledger.proving import fetch
from notices.ledger.tiles import HASH, WIDTH, hashes
from notices.ledger.verifying import facts
from notices.ledger.verifying.facts import Fact
from notices.ledger.verifying.findings import Findings, Progress, span
from notices.ledger.verifying.tree import Tree

_TILES = 32  # at a time; with their evidence and payloads a few megabytes
_NO_HASH = bytes(HASH)


@dataclass(frozen=True, slots=True)
class _Tile:
    number: int
    hashes: list[bytes]
    ids: list[int]
    lowest: int
    highest: int

    def __str__(self) -> str:
        return f"tile 0/{self.number}"


def check(tree: Tree, findings: Findings, tell: Progress) -> None:
    """Compare every leaf with its evidence, and hand the leaves to `tree`."""
    last, total = _last()
    parents = _Parents()
    for tiles in _pages(findings):
        known = facts.load([pk for tile in tiles for pk in tile.ids], findings)
        for tile in tiles:
            while tree.size // WIDTH < tile.number:
                _missing(tree, parents, findings)
            _one(tile, known, tree, parents, findings, is_last=tile.number == last)
        tell("sealed facts", tree.size, total)


def _last() -> tuple[int, int]:
    """The number of the last tile, and how many leaves that makes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, octet_length(hashes) FROM notices_tile WHERE level = 0 ORDER BY number DESC LIMIT 1"
        )
        number, length = cursor.fetchone() or (0, 0)
    return number, number * WIDTH + length // HASH


def _pages(findings: Findings) -> Iterator[list[_Tile]]:
    following = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT number, hashes, ids, lower(span), upper(span) - 1 FROM notices_tile
                WHERE level = 0 AND number >= %s ORDER BY number LIMIT %s
                """,
                [following, _TILES],
            )
            rows: list[Any] = cursor.fetchall()
        if not rows:
            return
        yield [tile for row in rows if (tile := _read(row, findings))]
        following = rows[-1][0] + 1


def _read(row: Sequence[Any], findings: Findings) -> _Tile | None:
    """A tile as it is stored; None, and a finding, where it has not the form of a tile."""
    number, content, ids, low, high = row
    if not content or len(content) % HASH or [type(pk) for pk in ids or ()] != [int] * (len(content) // HASH):
        findings.add(
            "tile_changed", f"tile 0/{number}", f"Tile 0/{number} was changed: it has not the form of a tile."
        )
        return None
    return _Tile(number, hashes(bytes(content)), ids or [], low or 0, high or 0)


class _Parents:
    """What level 1 says about the tiles of level 0."""

    def __init__(self) -> None:
        self._number, self._hashes = -1, list[bytes]()

    def root(self, number: int) -> bytes | None:
        """The root of a full tile; None where level 1 does not say."""
        if number // WIDTH != self._number:
            self._number = number // WIDTH
            self._hashes = hashes(fetch([(1, self._number)]).get((1, self._number), b""))
        place = number % WIDTH
        return self._hashes[place] if place < len(self._hashes) else None


def _missing(tree: Tree, parents: _Parents, findings: Findings) -> None:
    number = tree.size // WIDTH
    leaves = span(tree.size, tree.size + WIDTH)
    findings.add("tile_removed", f"tile 0/{number}", f"Tile 0/{number} ({leaves}) is gone.")
    tree.add_missing(parents.root(number))


def _one(
    tile: _Tile,
    known: Mapping[int, Fact],
    tree: Tree,
    parents: _Parents,
    findings: Findings,
    *,
    is_last: bool,
) -> None:
    _check_span(tile, findings)
    if len(tile.hashes) < WIDTH and not is_last:
        findings.add(
            "tile_changed",
            str(tile),
            f"Tile 0/{tile.number} was cut short: it has {len(tile.hashes)} hashes, and others follow it.",
        )
        tree.add_missing(parents.root(tile.number))
        return
    now = [known[pk].hash if pk in known else _NO_HASH for pk in tile.ids]
    if now == tile.hashes:
        tree.add_tile(now)
        return
    if _tile_is_to_blame(tile, now, tree, parents):
        wrong = [i for i, pair in enumerate(zip(tile.hashes, now, strict=False)) if pair[0] != pair[1]]
        pk = tile.ids[wrong[0]]
        findings.add(
            "tile_changed",
            str(tile),
            f"Tile 0/{tile.number} was changed: its hash of leaf {tree.size + wrong[0]} (E-{pk}) is not that of the "
            f"evidence, and what was signed agrees with the evidence. Changed hashes in it: {len(wrong)}.",
        )
        tree.add_tile(now)
        return
    nearby = {pk: known[pk] for pk in tile.ids if pk in known}
    for i, (sealed, found) in enumerate(zip(tile.hashes, now, strict=False)):
        if sealed != found:
            facts.explain(tree.size + i, tile.ids[i], sealed, nearby, str(tile), findings)
    tree.add_tile(tile.hashes)


def _check_span(tile: _Tile, findings: Findings) -> None:
    if not tile.lowest <= min(tile.ids) <= max(tile.ids) <= tile.highest:
        findings.add(
            "tile_changed",
            str(tile),
            f"Tile 0/{tile.number} says that it holds E-{tile.lowest} to E-{tile.highest}, and holds others: proofs "
            "of those would not be found.",
        )


def _tile_is_to_blame(tile: _Tile, now: Sequence[bytes], tree: Tree, parents: _Parents) -> bool:
    """Whether evidence and tile differ because the tile was changed: then what is above it agrees with the evidence."""
    if len(tile.hashes) == WIDTH and (above := parents.root(tile.number)) is not None:
        return perfect_root(tile.hashes) != above and perfect_root(now) == above
    claims = [claim for claim in tree.claimed_within(tree.size + len(tile.hashes)) if claim.size > tree.size]
    return bool(claims) and not tree.agrees(tile.hashes, claims) and tree.agrees(now, claims)
