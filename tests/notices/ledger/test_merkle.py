"""The mathematics of the tree: known figures, public vectors where they are at hand, and a naive second opinion."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices.ledger import merkle
from notices.ledger.merkle import leaf_hash
from notices.ledger.tiles import HASH, WIDTH, Tiles, grow, places, read_path, widths, write_path
from tests.notices.ledger import naive

# The eight leaves, roots and proofs by which implementations of RFC 6962 have been compared since 2013.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in "|00|10|2021|3031|40414243|5051525354555657|606162636465666768696a6b6c6d6e6f".split("|")
]
ROOTS = """
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
    fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
    aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
    d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
    4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
    76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
    ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
    5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
""".split()
INCLUSION = {
    (0, 1): "",
    (0, 8): """
        96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7
        5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e
        6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4""",
    (5, 8): """
        bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b
        ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0
        d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7""",
    (2, 3): "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    (1, 5): """
        6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
        5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e
        bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b""",
}
CONSISTENCY = {
    (1, 1): "",
    (1, 8): INCLUSION[0, 8],
    (6, 8): """
        0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a
        ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0
        d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7""",
    (2, 5): """
        5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e
        bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b""",
}

sizes = st.integers(1, 700)


def tree(count: int, batches: list[int] | None = None) -> tuple[list[bytes], Tiles]:
    """`count` leaves, and the tiles of their tree, grown in batches."""
    leaves = [b"leaf %d" % i for i in range(count)]
    contents: dict[tuple[int, int], bytes] = {}
    size = 0
    for batch in [*(batches or []), count]:
        fresh = leaves[size : size + batch]
        edge = {place: contents[place] for place in widths(size)}
        for place, added in grow(size, edge, [leaf_hash(leaf) for leaf in fresh]).items():
            contents[place] = contents.get(place, b"") + added
        size += len(fresh)
    return leaves, Tiles(contents)


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_of_the_eight_leaves(size):
    compact = merkle.CompactRange()
    for leaf in LEAVES[:size]:
        compact.add(leaf_hash(leaf))
    assert compact.root().hex() == ROOTS[size]
    assert merkle.EMPTY.hex() == ROOTS[0]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_inclusion_proofs_of_the_eight_leaves(index, size):
    tiles = Tiles({(0, 0): b"".join(leaf_hash(leaf) for leaf in LEAVES[:size])})
    path = [tiles.range_hash(part) for part in merkle.inclusion_path(index, size)]
    assert [step.hex() for step in path] == INCLUSION[index, size].split()
    assert merkle.verify_inclusion(index, size, leaf_hash(LEAVES[index]), path, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_the_consistency_proofs_of_the_eight_leaves(old, new):
    tiles = Tiles({(0, 0): b"".join(leaf_hash(leaf) for leaf in LEAVES[:new])})
    path = [tiles.range_hash(part) for part in merkle.consistency_path(old, new)]
    assert [step.hex() for step in path] == CONSISTENCY[old, new].split()
    assert merkle.verify_consistency(old, new, bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new]), path)


@given(sizes, st.lists(sizes, max_size=4), st.data())
def test_a_tree_grown_in_any_batches_proves_what_the_naive_tree_proves(size, batches, data):
    leaves, tiles = tree(size, batches)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    root = naive.mth(leaves)
    assert tiles.root(size) == root
    assert tiles.root(old) == naive.mth(leaves[:old])
    path = [tiles.range_hash(part) for part in merkle.inclusion_path(index, size)]
    assert path == naive.path(index, leaves)
    assert merkle.verify_inclusion(index, size, leaf_hash(leaves[index]), path, root)
    steps = [tiles.range_hash(part) for part in merkle.consistency_path(old, size)]
    assert steps == naive.proof(old, leaves)
    assert merkle.verify_consistency(old, size, naive.mth(leaves[:old]), root, steps)


@st.composite
def mutations(draw: st.DrawFn, path: list[bytes]) -> list[bytes]:
    """A proof that differs from `path`: a bit flipped, a step more, less, or in another place."""
    ways = ["more", *(["flip", "less"] if path else []), *(["swap"] if len(path) > 1 else [])]
    way, changed = draw(st.sampled_from(ways)), list(path)
    if way == "more":
        changed.insert(draw(st.integers(0, len(path))), draw(st.binary(min_size=HASH, max_size=HASH)))
    elif way == "swap":
        i = draw(st.integers(0, len(path) - 2))
        changed[i], changed[i + 1] = changed[i + 1], changed[i]
    else:
        i = draw(st.integers(0, len(path) - 1))
        if way == "less":
            del changed[i]
        else:
            bit = draw(st.integers(0, HASH * 8 - 1))
            number = int.from_bytes(changed[i], "big") ^ (1 << bit)
            changed[i] = number.to_bytes(HASH, "big")
    return changed


@given(st.integers(1, 300), st.data())
def test_no_changed_inclusion_proof_is_accepted(size, data):
    leaves, _ = tree(size)
    index = data.draw(st.integers(0, size - 1))
    path, root, leaf = naive.path(index, leaves), naive.mth(leaves), leaf_hash(leaves[index])
    changed = data.draw(mutations(path))
    assert not merkle.verify_inclusion(index, size, leaf, changed, root)
    other = data.draw(st.integers(-1, size).filter(lambda i: i != index))
    assert not merkle.verify_inclusion(other, size, leaf, path, root)
    assert not merkle.verify_inclusion(index, size, leaf_hash(b"another"), path, root)


@given(st.integers(2, 300), st.data())
def test_no_changed_consistency_proof_is_accepted(size, data):
    leaves, _ = tree(size)
    old = data.draw(st.integers(1, size - 1))
    steps, old_root, root = naive.proof(old, leaves), naive.mth(leaves[:old]), naive.mth(leaves)
    changed = data.draw(mutations(steps))
    assert not merkle.verify_consistency(old, size, old_root, root, changed)
    assert not merkle.verify_consistency(old, size, naive.mth([*leaves[: old - 1], b"x"]), root, steps)
    assert not merkle.verify_consistency(0, size, merkle.EMPTY, root, [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 4), (9, 8)])
def test_there_is_no_proof_for_a_leaf_that_a_tree_has_not(index, size):
    with pytest.raises(merkle.NotInTree):
        merkle.inclusion_path(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 4), (5, 4)])
def test_there_is_no_proof_from_nothing_nor_backwards(old, new):
    with pytest.raises(merkle.NotInTree):
        merkle.consistency_path(old, new)


def test_proofs_in_ten_million_leaves_need_a_handful_of_tiles():
    size = 10_000_000
    wanted = [places(merkle.inclusion_path(index, size)) for index in (0, 1, 4_711_000, size - 1)]
    assert max(len(tiles) for tiles in wanted) <= 7


# --- Tiles (C2SP tlog-tiles) ---------------------------------------------------------------------------------------


def test_the_tiles_of_the_standards_own_examples():
    assert widths(70_000) == {(0, 273): 112, (1, 1): 17, (2, 0): 1}
    assert widths(256) == {(1, 0): 1}


@pytest.mark.parametrize(
    ("number", "text"), [(0, "000"), (67, "067"), (1000, "x001/000"), (1234067, "x001/x234/067")]
)
def test_the_path_of_a_tile(number, text):
    assert write_path(number) == text
    assert read_path(text) == (number, WIDTH)
    assert read_path(f"{text}.p/112") == (number, 112)


@given(st.integers(0, 2**54))
def test_every_number_has_a_path_and_every_path_is_of_one_number(number):
    assert read_path(write_path(number)) == (number, WIDTH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "00",
        "0000",
        "1234067",
        "x000/001",
        "001/067",
        "x001/x067",
        "x001/234/067",
        "067/",
        "/067",
        "067.p/0",
        "067.p/256",
        "067.p/007",
        "067.p/",
        "067.p",
        "067.p/1/2",
        "٠٦٧",
        "067\n",
        "x001/" * 50 + "000",
    ],
)
def test_what_is_no_path_of_a_tile(text):
    assert read_path(text) is None


# --- Public vectors: the folder that PUBLIC_VECTORS names, where it is set ----------------------------------------


FOLDER = os.environ.get("PUBLIC_VECTORS")

if FOLDER:

    @pytest.mark.parametrize(
        "file", [pytest.param(f, id=f.stem) for f in Path(FOLDER, "merkle").rglob("*.json")]
    )
    def test_public_vectors(file):
        case = json.loads(file.read_text())
        path = [base64.b64decode(step) for step in case["proof"] or []]

        def raw(name: str) -> bytes:
            return base64.b64decode(case[name] or "")

        if "leafIdx" in case:
            place = case["leafIdx"], case["treeSize"]
            accepted = merkle.verify_inclusion(*place, raw("leafHash"), path, raw("root"))
        else:
            place = case["size1"], case["size2"]
            accepted = merkle.verify_consistency(*place, raw("root1"), raw("root2"), path)
        assert accepted is not case["wantErr"]
