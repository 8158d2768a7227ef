"""Checkpoints that were changed, removed or forged, and what checkpoints that were kept elsewhere find."""

from __future__ import annotations

import pytest

from notices.ledger import keys, latest_checkpoint, seal
from notices.ledger.notes import Head, Signer
from notices.ledger.verifying import verify
from notices.models import Checkpoint
from tests.notices.ledger.builders import (
    CHANGE,
    NOW,
    as_superuser,
    attacked,
    everything_rewritten,
    found,
    recorded,
    sealed,
    told,
)

pytestmark = pytest.mark.django_db


def test_evidence_and_tiles_rewritten_alike_contradict_the_checkpoints(monkeypatch):
    """All but the signatures: a fork."""
    sealed(100, 160, 40)
    signed = list(Checkpoint.objects.values())
    everything_rewritten(CHANGE)
    with as_superuser() as cursor:
        cursor.execute("DELETE FROM notices_checkpoint")
    Checkpoint.objects.bulk_create(Checkpoint(**values) for values in signed)
    assert [code for code, _ in found()] == ["fork", "fork"]
    assert "Checkpoint 2 (260 leaves" in told()
    assert "between leaf 100 and leaf 259" in told()


@pytest.mark.parametrize(
    ("attack", "code", "where"),
    [
        (
            "UPDATE notices_checkpoint SET root = sha256('x') WHERE id = 1",
            "checkpoint_forged",
            "checkpoint 1",
        ),
        ("UPDATE notices_checkpoint SET size = 259 WHERE id = 1", "checkpoint_forged", "checkpoint 1"),
        ("UPDATE notices_checkpoint SET note = '' WHERE id = 1", "checkpoint_forged", "checkpoint 1"),
        (
            "UPDATE notices_checkpoint SET note = 260 || note WHERE id = 1",
            "checkpoint_forged",
            "checkpoint 1",
        ),
        ("DELETE FROM notices_checkpoint WHERE id = 1", "checkpoint_removed", "checkpoint 1"),
        ("DELETE FROM notices_checkpoint WHERE id = 2", "checkpoint_removed", "leaf 260"),
        ("TRUNCATE notices_checkpoint CASCADE", "checkpoint_removed", "leaf 0"),
    ],
)
def test_checkpoints_that_were_changed_or_removed_are_named(attack, code, where):
    attacked(attack)
    assert (code, where) in found()


def test_a_checkpoint_signed_by_another_key_is_named():
    sealed(10)
    head = Head("localhost:8000/ledger", 10, bytes(latest_checkpoint().root))
    note = Signer.generate(head.origin).sign(str(head))
    with as_superuser() as cursor:
        cursor.execute("UPDATE notices_checkpoint SET note = %s", [note])
    assert found() == [("checkpoint_forged", "checkpoint 1")]
    assert "None of the known keys signed this note" in told()


def test_a_checkpoint_of_a_fork_signed_with_our_key_is_named():
    sealed(10, 10)
    note = keys.signer().sign(str(Head("localhost:8000/ledger", 10, bytes(32))))
    with as_superuser() as cursor:
        cursor.execute("UPDATE notices_checkpoint SET note = %s, root = %s WHERE id = 1", [note, bytes(32)])
    assert [code for code, _ in found()] == ["fork"]


def test_after_a_rotation_old_checkpoints_are_good_as_long_as_the_old_key_is_kept(settings):
    old = str(keys.signer().verifier)
    sealed(3)
    settings.LEDGER_KEY = Signer.generate(settings.LEDGER_ORIGIN).secret()
    assert found() == [("checkpoint_forged", "checkpoint 1")]
    settings.LEDGER_OLD_KEYS = [old]
    recorded(2)
    seal(now=NOW)
    assert verify().ok


# --- Against checkpoints that were kept elsewhere -------------------------------------------------------------------


def test_history_rewritten_and_signed_with_the_stolen_key_is_found_by_an_earlier_checkpoint_only():
    sealed(100, 160, 40)
    kept = list(Checkpoint.objects.values_list("note", flat=True))
    everything_rewritten(CHANGE)
    assert verify().ok
    assert found(against={"before.txt": kept[0]}) == []
    assert [code for code, _ in found(against={"before.txt": kept[0], "after.txt": kept[1]})] == ["rewritten"]
    assert "The checkpoint in after.txt (260 leaves) has another root" in told(against={"after.txt": kept[1]})


def test_history_cut_off_is_found_by_an_earlier_checkpoint_only():
    kept = attacked(
        "DELETE FROM notices_checkpoint WHERE id = 2;"
        "DELETE FROM notices_evidence WHERE id > {n259};"
        "DELETE FROM notices_evidencepayload WHERE evidence_id > {n259};"
        "UPDATE notices_tile SET hashes = substr(hashes, 1, 128), ids = ids[1:4] WHERE level = 0 AND number = 1"
    ).notes[-1]
    assert verify().ok
    assert "leaves 260 to 299 are gone" in told(against={"kept": kept})


def test_checkpoints_that_were_kept_agree_with_an_untouched_ledger():
    sealed(1, 255, 44)
    kept = dict(Checkpoint.objects.values_list("pk", "note"))
    report = verify(against={str(pk): note for pk, note in kept.items()})
    assert report.ok
    assert report.against == 3


def test_a_file_that_is_no_checkpoint_of_ours_is_named():
    sealed(3)
    foreign = Signer.generate("other.example/log").sign(str(Head("other.example/log", 3, bytes(32))))
    assert found(against={"a": "nonsense", "b": foreign}) == [
        ("against_unreadable", "a"),
        ("against_unreadable", "b"),
    ]
