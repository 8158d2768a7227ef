"""The tree from left to right, with nothing kept but its edge: tiles against tiles, roots against signed heads."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.db import connection

from notices.ledger.merkle import CompactRange, perfect_root
from notices.ledger.proving import fetch
from notices.ledger.tiles import HASH, HEIGHT, WIDTH, hashes
from notices.ledger.verifying.findings import Findings, span
from notices.ledger.verifying.heads import Claim


class Tree:
    """Takes the hashes of all leaves, tile by tile, and compares what follows from them with what is stored."""

    def __init__(self, claims: Iterable[Iterable[Claim]], findings: Findings) -> None:
        self._claims = _Peekable(heapq.merge(*claims, key=lambda claim: claim.size))
        self._findings = findings
        self._range = CompactRange()
        self._pending: list[
            list[bytes]
        ] = []  # by level, from 1 on: hashes of the tile that is being followed
        self._tiles: list[int] = []  # by level, from 1 on: how many tiles were full
        self._lost = False  # a tile is missing, and nobody knows its hash: no root can be known any more
        self.size = 0
        self.signed = 0  # leaves under the greatest checkpoint whose root is right

    def claimed_within(self, end: int) -> list[Claim]:
        """The heads of sizes up to `end` that are still to be looked at."""
        return self._claims.up_to(end)

    def agrees(self, leaves: Sequence[bytes], claims: Sequence[Claim]) -> bool:
        """Whether the greatest of these heads, all within the next tile, follows if that tile has these leaves."""
        last = claims[-1]
        trial = self._range.copy()
        for leaf in leaves[: last.size - self.size]:
            trial.add(leaf)
        return trial.root() == last.root

    def add_tile(self, leaves: Sequence[bytes]) -> None:
        """The next tile of level 0. Only the last one may be less than full."""
        claims = self._claims.take(self.size + len(leaves))
        if len(leaves) == WIDTH and (not claims or claims[0].size == self.size + WIDTH):
            root = perfect_root(leaves)
            self._range.add(root, HEIGHT)
            self.size += WIDTH
            self._check(claims)
            self._above(root)
            return
        for leaf in leaves:
            self._range.add(leaf)
            self.size += 1
            while claims and claims[0].size == self.size:
                self._check([claims.pop(0)])
        if len(leaves) == WIDTH:
            self._above(perfect_root(leaves))

    def add_missing(self, root: bytes | None) -> None:
        """A full tile that is not there, but for its root, which the level above may know."""
        claims = self._claims.take(self.size + WIDTH)
        start, self.size = self.size, self.size + WIDTH
        if root is None:
            self._lost = True
            root = bytes(HASH)
        self._range.add(root, HEIGHT)
        self._check([claim for claim in claims if claim.size == self.size])
        if inside := [claim for claim in claims if claim.size < self.size]:
            self._findings.add(
                "unknowable",
                f"checkpoint of {inside[0].size} leaves",
                f"{len(inside)} signed heads within {span(start, self.size)} cannot be checked: that tile is gone.",
            )
        self._above(root)

    def _check(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            if self._lost:
                self._findings.add(
                    "unknowable", claim.who, f"{claim.who} cannot be checked: tiles before it are gone."
                )
            elif claim.root == self._range.root():
                self.signed = max(self.signed, claim.size)
            else:
                self._findings.add(
                    claim.code,
                    claim.who,
                    f"{claim.who} has another root than the tree at that size: {_blame(claim, self.signed)}",
                )

    def _above(self, root: bytes, level: int = 1) -> None:
        """A hash that the level above should have."""
        while len(self._pending) < level:
            self._pending.append([])
            self._tiles.append(0)
        line = self._pending[level - 1]
        line.append(root)
        if len(line) == WIDTH:
            self._compare(level)
            self._tiles[level - 1] += 1
            self._pending[level - 1] = []
            self._above(perfect_root(line), level + 1)

    def _compare(self, level: int) -> None:
        """The tile at the right end of `level` against the hashes that follow from the leaves."""
        number, expected = self._tiles[level - 1], self._pending[level - 1]
        stored = fetch([(level, number)]).get((level, number))
        leaves = span(
            number * WIDTH ** (level + 1), number * WIDTH ** (level + 1) + len(expected) * WIDTH**level
        )
        name = f"tile {level}/{number}"
        if stored is None:
            self._findings.add("tile_removed", name, f"Tile {level}/{number} ({leaves}) is gone.")
        elif (found := hashes(stored)) != expected:
            wrong = [i for i, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]]
            what = (
                f"hash {wrong[0]} in it is not the root of tile {level - 1}/{number * WIDTH + wrong[0]}"
                if wrong
                else f"it has {len(found)} hashes, and should have {len(expected)}"
            )
            self._findings.add("tile_changed", name, f"Tile {level}/{number} ({leaves}) was changed: {what}.")

    def finish(self, own_size: int) -> None:
        """After the last tile: incomplete tiles above, tiles too many, and heads of trees larger than this one.

        Args:
            own_size: leaves under the greatest checkpoint in our own table.
        """
        for level, line in enumerate(self._pending, start=1):
            if line:
                self._compare(level)
        self._tiles_too_many()
        for claim in self._claims:
            self._findings.add(
                claim.code,
                claim.who,
                f"{claim.who} is of a larger tree than there is: {span(self.size, claim.size)} are gone.",
            )
        if own_size < self.size:
            self._findings.add(
                "checkpoint_removed",
                f"leaf {own_size}",
                f"The tree has {self.size} leaves, and the greatest checkpoint is of {own_size}: checkpoints after it "
                "were removed, or leaves were added without the sealer.",
            )

    def _tiles_too_many(self) -> None:
        expected: Mapping[int, int] = {
            level: count + bool(line)
            for level, (count, line) in enumerate(zip(self._tiles, self._pending, strict=True), start=1)
        }
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT t.level, t.number
                FROM notices_tile t LEFT JOIN unnest(%s::int[], %s::bigint[]) AS e(level, count) USING (level)
                WHERE t.level > 0 AND t.number >= coalesce(e.count, 0) ORDER BY 1, 2 LIMIT 1000
                """,
                [list(expected), list(expected.values())],
            )
            for level, number in cursor.fetchall():
                self._findings.add(
                    "tile_added",
                    f"tile {level}/{number}",
                    f"Tile {level}/{number} is there, and a tree of {self.size} leaves has no such tile.",
                )


def _blame(claim: Claim, signed: int) -> str:
    if claim.code == "rewritten":
        return "history was rewritten after that checkpoint was handed out."
    since = f"between leaf {signed} and leaf {claim.size - 1}" if signed else f"before leaf {claim.size}"
    return f"what was sealed {since} was changed in evidence and tiles alike, or this is a fork."


class _Peekable:
    """Heads in order, looked at before they are taken."""

    def __init__(self, claims: Iterator[Claim]) -> None:
        self._rest = claims
        self._ahead: list[Claim] = []
        self._done = False

    def up_to(self, end: int) -> list[Claim]:
        while not self._done and (not self._ahead or self._ahead[-1].size <= end):
            following = next(self._rest, None)
            if following is None:
                self._done = True
            else:
                self._ahead.append(following)
        return [claim for claim in self._ahead if claim.size <= end]

    def take(self, end: int) -> list[Claim]:
        taken = self.up_to(end)
        self._ahead = self._ahead[len(taken) :]
        return taken

    def __iter__(self) -> Iterator[Claim]:
        yield from self._ahead
        yield from self._rest
