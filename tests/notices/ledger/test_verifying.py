"""What a person with every right in the database can do to the ledger, and what `verify` says to it."""

from __future__ import annotations

import pytest

from notices.ledger import seal
from notices.ledger.verifying import findings, verify
from tests.notices.ledger.builders import NOW, as_superuser, attacked, found, recorded, sealed, told

pytestmark = pytest.mark.django_db


def test_an_untouched_ledger_is_fine():
    sealed(260, 40)
    recorded(3)
    report = verify()
    assert report.ok
    assert (report.leaves, report.checkpoints, report.waiting, report.notices) == (300, 2, 3, 2)


def test_an_empty_ledger_is_fine():
    assert verify().ok


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("kind = 'relayed'", "its kind differs from what was sealed: it was noted, and is now relayed"),
        ("test = true", "was not in it|is now said to be in it|in test mode"),
        ("source = 'smtp'", "source"),
        ("occurred_at = occurred_at - interval '1 microsecond'", "one of its times"),
        ("recorded_at = recorded_at + interval '1 day'", "one of its times"),
        ("delivery_id = 5", "delivery"),
        ("notice_id = notice_id + 1", "notice"),
        ("key = sha256('x')", "its key"),
        ("commitment = sha256('x')", "its commitment differs from what was sealed; its payload is the one"),
    ],
)
@pytest.mark.parametrize("leaf", [7, 290])
def test_evidence_that_was_changed_is_named(change, said, leaf):
    ledger = attacked(f"UPDATE notices_evidence SET {change} WHERE id = {{n{leaf}}}")
    name = f"E-{ledger.ids[leaf]}"
    changed = [finding for finding in verify().findings if finding.code == "evidence_changed"]
    assert [finding.where for finding in changed] == [name]
    assert changed[0].sentence.startswith(f"{name} (leaf {leaf}): ")
    assert any(part in changed[0].sentence for part in said.split("|"))


def test_evidence_that_was_deleted_is_named():
    ledger = attacked(
        "DELETE FROM notices_evidence WHERE id = {n9}; DELETE FROM notices_evidencepayload WHERE evidence_id = {n9}"
    )
    assert found() == [("evidence_deleted", f"E-{ledger.ids[9]}")]
    assert "(leaf 9) was sealed, and is no longer" in told()


def test_evidence_that_was_truncated_is_counted():
    attacked("TRUNCATE notices_evidence, notices_evidencepayload CASCADE")
    report = verify()
    assert len([f for f in report.findings if f.code == "evidence_deleted"]) == findings.LIMIT
    assert report.more == {"evidence_deleted": 200}


def test_evidence_put_past_the_queue_is_named():
    attacked(
        "INSERT INTO notices_evidence (id, notice_id, kind, source, occurred_at, test, key, commitment) "
        "VALUES (900000000, 1, 'acknowledged', 'holder', now(), false, sha256('a'), sha256('b'))"
    )
    assert ("evidence_added", "E-900000000") in found()


def test_evidence_whose_place_in_the_queue_was_removed_is_named():
    waiting = recorded(3).ids
    with as_superuser() as cursor:
        cursor.execute("DELETE FROM notices_sealqueue WHERE evidence_id = %s", [waiting[1]])
    seal(now=NOW)
    assert found() == [("evidence_added", f"E-{waiting[1]}")]


def test_evidence_that_was_sealed_and_queued_again_is_named():
    ledger = attacked("INSERT INTO notices_sealqueue VALUES ({n4})")
    assert found() == [("sealed_twice", f"E-{ledger.ids[4]}")]
    seal(now=NOW)
    assert found() == [("sealed_twice", f"E-{ledger.ids[4]}")]


def test_another_order_is_named():
    ledger = attacked(
        "UPDATE notices_tile SET ids[4] = ids[5], ids[5] = ids[4] WHERE level = 0 AND number = 0"
    )
    assert found() == [("order_changed", "leaf 3"), ("order_changed", "leaf 4")]
    assert (
        f"Leaf 3 was sealed as E-{ledger.ids[3]}, and tile 0/0 now says that it is E-{ledger.ids[4]}"
        in told()
    )


@pytest.mark.parametrize(
    "change",
    ['body = \'{{"n":0,"x":1}}\'', "salt = decode(repeat('00', 16), 'hex')", "body = '?'", "salt = ''"],
)
def test_a_payload_that_was_changed_is_named(change):
    ledger = attacked(f"UPDATE notices_evidencepayload SET {change} WHERE evidence_id = {{n5}}")
    assert found() == [("payload_changed", f"E-{ledger.ids[5]}")]


def test_a_payload_of_waiting_evidence_that_was_changed_is_named():
    waiting = recorded(2).ids
    with as_superuser() as cursor:
        cursor.execute("UPDATE notices_evidencepayload SET salt = '' WHERE evidence_id = %s", [waiting[0]])
    assert found() == [("payload_changed", f"E-{waiting[0]}")]


def test_a_payload_that_was_deleted_is_named():
    ledger = attacked("DELETE FROM notices_evidencepayload WHERE evidence_id = {n5}")
    assert found() == [("payload_missing", f"E-{ledger.ids[5]}")]


def test_a_payload_that_was_emptied_without_a_word_is_named():
    ledger = attacked("UPDATE notices_evidencepayload SET salt = '', body = '' WHERE evidence_id = {n5}")
    assert found() == [("payload_changed", f"E-{ledger.ids[5]}")]
    assert "no fact says" in told()


FLIP = """UPDATE notices_tile SET hashes = set_byte(hashes, {at}, 255 - get_byte(hashes, {at}))
WHERE level = {level} AND number = {number}"""


@pytest.mark.parametrize(
    ("level", "number", "at", "said"),
    [
        (0, 0, 65, "its hash of leaf 2 (E-"),
        (0, 1, 0, "its hash of leaf 256 (E-"),
        (1, 0, 3, "hash 0 in it is not the root of tile 0/0"),
    ],
)
def test_a_tile_that_was_changed_is_named(level, number, at, said):
    attacked(FLIP.format(at=at, level=level, number=number))
    assert found() == [("tile_changed", f"tile {level}/{number}")]
    assert said in told()


@pytest.mark.parametrize(("level", "number"), [(0, 0), (1, 0)])
def test_a_tile_that_was_deleted_is_named(level, number):
    attacked(f"DELETE FROM notices_tile WHERE level = {level} AND number = {number}")
    assert ("tile_removed", f"tile {level}/{number}") in found()


def test_the_last_tile_deleted_leaves_checkpoints_of_a_larger_tree():
    ledger = attacked("DELETE FROM notices_tile WHERE level = 0 AND number = 1")
    assert "is of a larger tree than there is: leaves 256 to 299 are gone" in told()
    assert ("evidence_added", f"E-{ledger.ids[-1]}") in found()


def test_a_tile_cut_short_is_named():
    attacked(
        "UPDATE notices_tile SET hashes = substr(hashes, 1, 320), ids = ids[1:10] WHERE level = 0 AND number = 0"
    )
    assert ("tile_changed", "tile 0/0") in found()


def test_the_last_tile_cut_short_is_named():
    attacked(
        "UPDATE notices_tile SET hashes = substr(hashes, 1, 320), ids = ids[1:10] WHERE level = 0 AND number = 1"
    )
    assert "is of a larger tree than there is: leaves 266 to 299 are gone" in told()


def test_a_tile_without_the_form_of_one_is_named():
    attacked(
        "ALTER TABLE notices_tile DROP CONSTRAINT tile_names_its_leaves;"
        "UPDATE notices_tile SET ids = NULL WHERE level = 0 AND number = 0"
    )
    assert ("tile_changed", "tile 0/0") in found()


def test_a_tile_too_many_is_named():
    attacked("INSERT INTO notices_tile VALUES (2, 0, sha256(''), NULL, NULL)")
    assert found() == [("tile_added", "tile 2/0")]


def test_a_span_that_would_hide_facts_is_named():
    attacked("UPDATE notices_tile SET span = '[1,2)' WHERE level = 0 AND number = 0")
    assert found() == [("tile_changed", "tile 0/0")]


def test_all_tiles_truncated():
    attacked("TRUNCATE notices_tile")
    report = verify()
    assert {finding.code for finding in report.findings} == {"fork", "evidence_added"}
    assert "leaves 0 to 299 are gone" in told()


def test_a_leaf_added_past_the_sealer_is_named():
    """Evidence and tile, both by hand, but no signature under it."""
    attacked(
        "INSERT INTO notices_evidence (id, notice_id, kind, source, occurred_at, test, key, commitment) "
        "SELECT 900000000, notice_id, 'noted', 'holder', now(), false, sha256('a'), commitment "
        "FROM notices_evidence WHERE id = {n0};"
        "UPDATE notices_tile SET hashes = hashes || sha256('x'), ids = ids || 900000000, span = '[1,900000001)' "
        "WHERE level = 0 AND number = 1"
    )
    assert ("checkpoint_removed", "leaf 300") in found()
