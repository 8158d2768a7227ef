"""`manage.py ledger`, as people and programs use it."""

from __future__ import annotations

import base64
import json

import pytest
from django.core.management import CommandError, call_command

from notices.ledger import latest_checkpoint, merkle
from notices.ledger.notes import Signer, Verifier
from tests.notices.ledger.builders import as_superuser, recorded, sealed

pytestmark = pytest.mark.django_db


def test_seal_says_how_many(capsys):
    recorded(3)
    call_command("ledger", "seal")
    assert capsys.readouterr().out == "Sealed 3; the tree has 3 leaves.\n"
    call_command("ledger", "seal", "--json")
    assert json.loads(capsys.readouterr().out) == {"count": 0, "size": 3}


def test_seal_refuses_a_broken_tree_in_words():
    sealed(3)
    recorded(1)
    with as_superuser() as cursor:
        cursor.execute("UPDATE notices_checkpoint SET root = sha256('x')")
    with pytest.raises(CommandError, match="nothing more is sealed"):
        call_command("ledger", "seal")


def test_verify_of_an_untouched_ledger(capsys):
    sealed(3)
    call_command("ledger", "verify")
    said = capsys.readouterr().out
    assert said.startswith("All is as it was sealed: 3 leaves")
    assert "--against FILE" in said


def test_verify_exits_with_1_on_a_finding(capsys):
    ledger = sealed(3)
    with as_superuser() as cursor:
        cursor.execute("UPDATE notices_evidence SET kind = 'relayed' WHERE id = %s", [ledger.ids[1]])
    with pytest.raises(SystemExit) as ended:
        call_command("ledger", "verify")
    assert ended.value.code == 1
    assert f"E-{ledger.ids[1]} (leaf 1): its kind differs" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        call_command("ledger", "verify", "--json")
    report = json.loads(capsys.readouterr().out)
    assert not report["ok"]
    assert [finding["code"] for finding in report["findings"]] == ["evidence_changed"]


def test_verify_against_files_and_folders(capsys, tmp_path):
    for i, note in enumerate(sealed(3, 4, 5).notes):
        (tmp_path / f"{i}.txt").write_text(note)
    call_command("ledger", "verify", "--against", tmp_path, "--against", tmp_path / "1.txt")
    assert "Compared with 3 checkpoints kept elsewhere" in capsys.readouterr().out
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("ledger", "verify", "--against", tmp_path / "none")


def test_checkpoint_prints_the_note(capsys):
    notes = sealed(3, 2).notes
    call_command("ledger", "checkpoint")
    assert capsys.readouterr().out == notes[1]
    call_command("ledger", "checkpoint", "--size", "3")
    assert capsys.readouterr().out == notes[0]
    call_command("ledger", "checkpoint", "--json")
    assert json.loads(capsys.readouterr().out)["size"] == 5


def test_without_a_checkpoint_it_says_what_to_do():
    with pytest.raises(CommandError, match="ledger seal"):
        call_command("ledger", "checkpoint")
    sealed(3)
    with pytest.raises(CommandError, match="no checkpoint of 2"):
        call_command("ledger", "checkpoint", "--size", "2")


def test_prove_prints_a_proof_that_holds(capsys, tmp_path):
    ledger = sealed(300)
    call_command("ledger", "prove", f"E-{ledger.ids[7]}", "--leaf", tmp_path / "leaf")
    head, _, note = capsys.readouterr().out.partition("\n\n")
    first, index, *steps = head.split("\n")
    assert (first, index, note) == ("c2sp.org/tlog-proof@v1", "index 7", ledger.notes[0])
    leaf = merkle.leaf_hash((tmp_path / "leaf").read_bytes())
    path = [base64.b64decode(step) for step in steps]
    assert merkle.verify_inclusion(7, 300, leaf, path, bytes(latest_checkpoint().root))


def test_prove_in_an_earlier_tree(capsys):
    ledger = sealed(3, 2)
    call_command("ledger", "prove", str(ledger.ids[0]), "--size", "3", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["proof"].endswith(ledger.notes[0])
    assert json.loads(found["leaf"])["id"] == ledger.ids[0]


@pytest.mark.parametrize(("asked", "said"), [("E-x", "written like E-123"), ("E-999999", "Not in the tree")])
def test_prove_says_what_is_wrong(asked, said):
    sealed(1)
    with pytest.raises(CommandError, match=said):
        call_command("ledger", "prove", asked)


def test_key_makes_a_key(capsys, settings):
    call_command("ledger", "key")
    told = capsys.readouterr()
    secret = told.out.strip().removeprefix("LEDGER_KEY=")
    signer = Signer.read(secret)
    assert signer.verifier.name == settings.LEDGER_ORIGIN
    assert str(signer.verifier) in told.err.split("\n")
    call_command("ledger", "key", "log.example/ledger")
    assert Verifier.read(capsys.readouterr().err.split("\n")[1]).name == "log.example/ledger"
    with pytest.raises(CommandError, match="without a space"):
        call_command("ledger", "key", "not a name")
