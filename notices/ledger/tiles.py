"""The tree as tiles (C2SP tlog-tiles): up to 256 neighbouring hashes of every eighth level, and paths to them. Pure.

A tile at level L and number N holds the perfect subtrees of height 8 * L from index 256 * N on. Whatever else the
tree has is hashed from these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from notices.ledger.merkle import Node, Range, cover, fold, perfect_root

HASH = 32  # bytes
WIDTH = 256  # hashes in a full tile
HEIGHT = 8  # levels of the tree that a tile spans

Place = tuple[int, int]
"""A tile: (level, number)."""


class NoTile(LookupError):
    """The tree needs a tile, or hashes of one, that is not there."""


def place(node: Node) -> Place:
    """The tile from which the hash of a perfect subtree is made."""
    height, index = node
    return height // HEIGHT, (index << height % HEIGHT) // WIDTH


def widths(size: int) -> dict[Place, int]:
    """The tiles of a tree of `size` leaves that are less than full, with their numbers of hashes."""
    partial, level = {}, 0
    while size >> HEIGHT * level:
        count = size >> HEIGHT * level
        if count % WIDTH:
            partial[level, count // WIDTH] = count % WIDTH
        level += 1
    return partial


class Tiles:
    """The contents of some tiles, and the hashes that can be made from them."""

    def __init__(self, contents: Mapping[Place, bytes]) -> None:
        self._contents = contents
        self._made: dict[Node, bytes] = {}  # proofs of neighbours have most of their hashes in common

    def node(self, node: Node) -> bytes:
        """The hash of a perfect subtree. Raises NoTile."""
        if node not in self._made:
            self._made[node] = self._make(node)
        return self._made[node]

    def _make(self, node: Node) -> bytes:
        height, index = node
        first, count = (index << height % HEIGHT) % WIDTH, 1 << height % HEIGHT
        content = self._contents.get(place(node), b"")
        part = content[first * HASH : (first + count) * HASH]
        if len(part) != count * HASH:
            level, number = place(node)
            raise NoTile(
                f"Tile {level}/{number} lacks hashes {first} to {first + count - 1}; see `manage.py ledger verify`."
            )
        return perfect_root(hashes(part))

    def range_hash(self, leaves: Range) -> bytes:
        """The hash of a range of leaves. Raises NoTile."""
        return fold([self.node(part) for part in cover(leaves)])

    def root(self, size: int) -> bytes:
        """The root of the tree of `size` leaves. Raises NoTile."""
        return self.range_hash((0, size))


def places(ranges: Iterable[Range]) -> set[Place]:
    """The tiles from which the hashes of these ranges are made."""
    return {place(node) for leaves in ranges for node in cover(leaves)}


def hashes(content: bytes) -> list[bytes]:
    """The hashes of a tile's content, one by one."""
    return [content[i : i + HASH] for i in range(0, len(content), HASH)]


def grow(size: int, edge: Mapping[Place, bytes], leaves: Sequence[bytes]) -> dict[Place, bytes]:
    """What is added to which tiles when leaves join a tree.

    Args:
        size: leaves in the tree so far.
        edge: contents of the tiles that `widths(size)` names.
        leaves: the hashes of the new leaves, in order.
    """
    added: dict[Place, bytes] = {}
    level, fresh = 0, list(leaves)
    while fresh:
        count = size >> HEIGHT * level
        number, width = divmod(count, WIDTH)
        before = hashes(edge[level, number]) if width else []
        line = before + fresh
        done = []
        for start in range(0, len(line), WIDTH):
            tile = line[start : start + WIDTH]
            added[level, number] = b"".join(tile[width:])
            if len(tile) == WIDTH:
                done.append(perfect_root(tile))
            number, width = number + 1, 0
        level, fresh = level + 1, done
    return added


_PATH = re.compile(r"((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")


def write_path(number: int) -> str:
    """The number of a tile as its path has it: 1234067 is x001/x234/067."""
    digits = f"{number:d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    *groups, last = (digits[i : i + 3] for i in range(0, len(digits), 3))
    return "".join(f"x{group}/" for group in groups) + last


def read_path(text: str) -> tuple[int, int] | None:
    """The number and width of a tile from the end of its path; None if no tile has this path.

    Each tile has one path: no more zeros than needed, and `.p/W` with a W of 1 to 255 only for a part of a tile.
    """
    match = _PATH.fullmatch(text)
    if not match or not text.isascii() or len(text) > 100:
        return None
    number = int(match[1].replace("x", "").replace("/", ""))
    width = int(match[2]) if match[2] else WIDTH
    if write_path(number) != match[1] or (match[2] and width >= WIDTH):
        return None
    return number, width
