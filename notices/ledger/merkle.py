"""The mathematics of a Merkle tree (RFC 6962, section 2.1; checks as in RFC 9162, 2.1.3.2 and 2.1.4.2). Pure.

A tree of n leaves splits at k, the largest power of two smaller than n: the first k leaves to the left. So every tree
is made of perfect subtrees, and a perfect subtree, named by its height and its index among those of that height, never
changes again once its last leaf is there. Proofs are lists of ranges of leaves; `cover` says of which perfect subtrees
a range consists, and `fold` makes its hash from theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

EMPTY = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""

Range = tuple[int, int]
"""Leaves from the first number up to, and without, the second."""

Node = tuple[int, int]
"""A perfect subtree: (height, index); it covers the leaves from index * 2**height on, 2**height of them."""

_sha256 = hashlib.sha256


class NotInTree(ValueError):
    """A proof was asked for that no tree of this size has."""


def leaf_hash(leaf: bytes) -> bytes:
    return _sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over 1, 2, 4, 8 … hashes of one level."""
    level = list(hashes)
    while len(level) > 1:
        level = [
            _sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=True)
        ]
    return level[0]


def split(size: int) -> int:
    """The largest power of two smaller than `size`, which is 2 or more."""
    return 1 << (size - 1).bit_length() - 1


def cover(leaves: Range) -> list[Node]:
    """The perfect subtrees of a range, left to right.

    The range is one that a proof names: it starts at a multiple of the largest power of two that fits into it.
    """
    start, end = leaves
    nodes = []
    while start < end:
        height = (end - start).bit_length() - 1
        nodes.append((height, start >> height))
        start += 1 << height
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash of a range from those of its perfect subtrees, left to right; of none: that of the empty tree."""
    if not hashes:
        return EMPTY
    *rest, root = hashes
    for left in reversed(rest):
        root = node_hash(left, root)
    return root


def range_hash(leaves: Range, node: Callable[[Node], bytes]) -> bytes:
    """The hash of a range, where `node` knows the hashes of perfect subtrees."""
    return fold([node(part) for part in cover(leaves)])


def inclusion_path(index: int, size: int) -> list[Range]:
    """What proves that leaf `index` is in the tree of `size` leaves: its sibling first, the root's child last.

    Raises:
        NotInTree: there is no such leaf in that tree.
    """
    if not 0 <= index < size:
        raise NotInTree(f"A tree of {size} leaves has no leaf {index}.")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_path(old: int, new: int) -> list[Range]:
    """What proves that the tree of `new` leaves begins with the tree of `old` leaves, as RFC 6962, 2.1.2 lists it.

    Raises:
        NotInTree: `old` is 0, or greater than `new`.
    """
    if not 0 < old <= new:
        raise NotInTree(f"There is no proof from a tree of {old} leaves to one of {new}.")
    path = []
    start, end = 0, new
    while old < end:
        middle = start + split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    # What is left ends where the old tree ends. If it is all of the old tree, its hash is known already.
    return path[::-1] if start == 0 else [(start, end), *path[::-1]]


def root_from_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that a proof leads to from the hash of a leaf; None where the proof has not this place's length."""
    if not 0 <= index < size or not _are_hashes(leaf, *path):
        return None
    node, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            node = node_hash(sibling, node)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    return node if last == 0 else None


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that the leaf with hash `leaf` is number `index` of the tree of `size` with `root`."""
    return root_from_inclusion(index, size, leaf, path) == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the tree of `new` leaves with `new_root` begins with that of `old` with `old_root`.

    From the empty tree nothing can be proven, so `old` = 0 is never accepted.
    """
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    if not _are_hashes(old_root, new_root, *path):
        return False
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return False
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            second = node_hash(second, step)
        index, last = index >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == len(EMPTY) for value in values)


class CompactRange:
    """The perfect subtrees of a tree that grows at its right end: enough for its root, however large it is."""

    def __init__(self, nodes: Iterable[tuple[int, bytes]] = ()) -> None:
        self._nodes: list[tuple[int, bytes]] = list(nodes)  # (height, hash), the heights falling

    def add(self, node: bytes, height: int = 0) -> None:
        """Add a perfect subtree of 2**height leaves. The tree so far has a multiple of that many."""
        nodes = self._nodes
        while nodes and nodes[-1][0] == height:
            node = node_hash(nodes.pop()[1], node)
            height += 1
        nodes.append((height, node))

    def root(self) -> bytes:
        return fold([node for _, node in self._nodes])

    def copy(self) -> CompactRange:
        return CompactRange(self._nodes)
