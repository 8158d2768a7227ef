"""Signed notes, keys and checkpoints: the formats' own examples, and everything that is not quite one."""

from __future__ import annotations

import base64

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from notices.ledger import keys
from notices.ledger.notes import BadKey, BadNote, Head, Signer, Verifier, open_note, write_proof

# From C2SP signed-note.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# From C2SP tlog-checkpoint.
HEAD = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

OURS = Signer("log.example/ledger", bytes(range(32)))
HEAD_OF_OURS = Head("log.example/ledger", 8, bytes(range(32, 64)))


def test_the_standards_example_is_read_and_written():
    verifier = Verifier.read(VKEY)
    assert str(verifier) == VKEY
    assert open_note(NOTE, [verifier]) == ("This is an example message.\n", [verifier])


def test_the_standards_checkpoint_is_read_and_written():
    head = Head.read(HEAD)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20852163)
    assert str(head) == HEAD


def test_a_key_comes_back_from_its_text():
    fresh = Signer.generate("log.example/ledger")
    again = Signer.read(fresh.secret())
    assert again.verifier == fresh.verifier == Verifier.read(str(fresh.verifier))
    assert fresh.secret().startswith("PRIVATE+KEY+log.example/ledger+")
    assert again.sign("x\n") == fresh.sign("x\n")


def test_other_signatures_beside_ours_are_left_alone():
    witness = Signer.generate("witness.example/w")
    note = OURS.sign(str(HEAD_OF_OURS))
    signed_by_both = note + witness.sign(str(HEAD_OF_OURS)).rpartition("\n\n")[2]
    text, signers = open_note(signed_by_both, [OURS.verifier])
    assert (text, signers) == (str(HEAD_OF_OURS), [OURS.verifier])
    assert len(open_note(signed_by_both, [OURS.verifier, witness.verifier])[1]) == 2


def test_a_name_alone_makes_no_known_key():
    with pytest.raises(BadNote, match="None of the known keys"):
        open_note(NOTE, [Signer.generate("example.com/foo").verifier])


@given(st.data())
def test_no_changed_note_is_accepted(data):
    note = OURS.sign(str(HEAD_OF_OURS)).encode()
    place, bit = data.draw(st.integers(0, len(note) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(note)
    changed[place] ^= 1 << bit
    with pytest.raises(BadNote):
        open_note(changed.decode(errors="replace"), [OURS.verifier])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "no signature\n",
        NOTE[:-1],
        NOTE.replace("— ", "- "),
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("example message", "example\tmessage"),
        NOTE.replace("example message", "example\rmessage"),
        NOTE.replace("aQM=", "aQM"),
        NOTE.replace("aQM=", "aQN="),
        NOTE + "\n",
        NOTE + "what is this?\n",
        "a" * 200_000 + NOTE,
    ],
)
def test_what_is_no_note(note):
    with pytest.raises(BadNote):
        open_note(note, [Verifier.read(VKEY)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n",
        "origin\n8\n",
        "\n8\n" + "A" * 43 + "=\n",
        "origin\n08\n" + "A" * 43 + "=\n",
        "origin\n-1\n" + "A" * 43 + "=\n",
        "origin\n8\nAAAA\n",
        "origin\n８\n" + "A" * 43 + "=\n",
    ],
)
def test_what_is_no_checkpoint(text):
    with pytest.raises(BadNote):
        Head.read(text)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        VKEY.replace("530d", "530e"),
        VKEY.replace("530d", "530D"),
        VKEY[:-1],
        VKEY + "=",
        VKEY.replace("/", " "),
        VKEY.replace("+Aek", "+Bek"),
        "+".join(VKEY.split("+")[1:]),
    ],
)
def test_what_is_no_verifier_key(vkey):
    with pytest.raises(BadKey):
        Verifier.read(vkey)


def test_an_error_about_a_secret_key_does_not_tell_it():
    secret = OURS.secret()
    with pytest.raises(BadKey) as refused:
        Signer.read(secret.replace("ledger+", "ledgers+"))
    assert secret[-20:] not in str(refused.value)


@pytest.mark.parametrize("text", ["no line feed", "a\x00b\n", "a\rb\n"])
def test_what_cannot_be_signed(text):
    with pytest.raises(ValueError, match="line feed"):
        OURS.sign(text)


def test_a_proof_as_text():
    text = write_proof(5, [bytes(32), b"\xff" * 32], OURS.sign(str(HEAD_OF_OURS)))
    first, index, one, two, empty, origin, *_ = text.split("\n")
    assert (first, index, empty, origin) == ("c2sp.org/tlog-proof@v1", "index 5", "", "log.example/ledger")
    assert [base64.b64decode(line) for line in (one, two)] == [bytes(32), b"\xff" * 32]
    assert text.endswith(OURS.sign(str(HEAD_OF_OURS)))


# --- Keys from the settings ------------------------------------------------------------------------------------------


def test_after_a_rotation_both_keys_are_believed_the_new_one_first(settings):
    old, new = Signer.generate("log.example/ledger"), Signer.generate("log.example/ledger")
    settings.LEDGER_ORIGIN, settings.LEDGER_KEY = "log.example/ledger", new.secret()
    settings.LEDGER_OLD_KEYS = [str(old.verifier)]
    assert keys.verifier_keys() == [str(new.verifier), str(old.verifier)]
    assert open_note(old.sign("x\n"), keys.verifiers())[1] == [old.verifier]


def test_a_key_of_another_ledger_is_refused_in_words(settings):
    settings.LEDGER_ORIGIN, settings.LEDGER_KEY = "log.example/ledger", Signer.generate("other").secret()
    with pytest.raises(ImproperlyConfigured, match="LEDGER_ORIGIN is log"):
        keys.signer()


@pytest.mark.parametrize("name", ["LEDGER_KEY", "LEDGER_OLD_KEYS"])
def test_a_broken_key_is_refused_in_words(settings, name):
    setattr(settings, name, ["broken"] if name == "LEDGER_OLD_KEYS" else "broken")
    with pytest.raises(ImproperlyConfigured, match=name):
        keys.verifiers()


def test_only_the_sealer_signs_checkpoints():
    assert keys.sign_note("MANIFEST\n").startswith(b"MANIFEST\n\n")
    with pytest.raises(ValueError, match="only the sealer"):
        keys.sign_note(str(HEAD_OF_OURS))
