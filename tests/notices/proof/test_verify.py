"""What a bundle proves, and that nothing else passes for one."""

from __future__ import annotations

import hashlib
import io
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices.proof import verify
from notices.proof.verify import Rejected
from tests.notices.proof.alog import (
    CONTENT,
    MESSAGE,
    Log,
    Signer,
    a_bundle,
    a_delivery,
    a_log,
    a_material,
    a_notice,
    growth_of,
    path_of,
    root_of,
)

Small = Callable[..., bytes]


def rejected(data: bytes, *keys: str) -> str:
    with pytest.raises(Rejected) as caught:
        verify.check(data, keys)
    return str(caught.value)


def signed_again(data: bytes, signer: Signer | None = None, **files: bytes | None) -> bytes:
    """A bundle with files changed, added or left out, whose manifest fits: what a forger with a key would make."""
    signer = signer or Signer()
    found = verify.unpack(data)
    head = found.pop("MANIFEST").decode().partition("\n\n")[0]
    for name, body in files.items():
        if body is None:
            del found[name]
        else:
            found[name] = body
    listed = "".join(f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in sorted(found))
    return verify.pack({**found, "MANIFEST": signer.sign(f"{head}\n\n{listed}")})


# --- Acceptance -----------------------------------------------------------------------------------------------------


def test_a_bundle_says_what_was_sent_when_to_whom_and_what_is_proven(small):
    said = verify.report(verify.check(small()))
    assert (said["standing"]["verdict"], said["standing"]["grade"]) == ("proven", 5)
    assert said["served_by"] == ["E-2"]
    assert [fact["kind"] for fact in said["facts"]] == ["relayed", "shown"]
    assert any("is addressed to ana@mail.example" in one for one in said["proven"])
    assert any("Served on 2026-05-03 12:00:07 UTC by E-2" in one for one in said["proven"])
    assert any("nothing says that the holder acknowledged it" in one for one in said["not_proven"])
    assert any("no further facts" in one for one in said["not_proven"])


def test_a_key_that_came_with_the_bundle_is_for_the_reader_to_compare(small):
    bundle = small()
    assert "Compare it with the key" in verify.trust(verify.check(bundle))[0]
    assert verify.trust(verify.check(bundle, [Signer().vkey])) == []


def test_the_key_of_another_is_refused(small):
    other = Signer(bytes([7]) * 32)
    assert "MANIFEST is not signed by log.example/ledger" in rejected(small(), other.vkey)
    forged = small(Log(other, a_log().leaves, a_log().opened))
    assert verify.check(forged).key.text == other.vkey  # whole, but of whom?
    assert "not signed by" in rejected(forged, Signer().vkey)


@pytest.mark.parametrize(
    "vkey",
    ["", "a", "a+b+c", "log.example/ledger+00000000+AAAA", Signer().vkey[:-2] + "x=", Signer().vkey + "A"],
)
def test_a_malformed_key_is_said_to_be_one(small, vkey):
    assert "--key" in rejected(small(), vkey)


def test_a_bounce_turns_the_verdict_and_says_so(small):
    log = a_log()
    log.add(
        "bounced", {"action": "failed", "diagnostic_code": "550 No such user", "remote_mta": "mx"}, hours=90
    )
    facts = [log.sealed(1), log.sealed(5)]
    contents = verify.check(small(log, facts=facts))
    assert (contents.standing.verdict, contents.standing.served_at) == ("disproven", None)
    assert "Not served" in verify.served_sentence(contents)
    assert verify.words(contents.entries[1]) == "failed, 550 No such user, mx"


def test_deemed_service_is_always_labelled(small):
    log = a_log()
    log.add("posted", {"message_sha256": hashlib.sha256(MESSAGE).hexdigest()}, delivery=4, source="inapp")
    inapp = a_delivery(id=4, channel="inapp", address="u-1", message="messages/D-4.eml")
    notice = a_notice(
        service_rule={"grade": 6, "deemed": {"channels": 2, "days": 7}}, deliveries=[a_delivery(), inapp]
    )
    messages = {"messages/D-3.eml": MESSAGE, "messages/D-4.eml": MESSAGE}
    contents = verify.check(
        small(log, notice=notice, facts=[log.sealed(1), log.sealed(5)], messages=messages)
    )
    assert verify.served_sentence(contents).startswith("Deemed served on 2026-05-10")
    assert any("service is deemed" in one for one in verify.not_proven(contents))
    blind = a_notice(
        service_rule=notice["service_rule"],
        deliveries=[a_delivery(blind_from="2026-05-04T00:00:00.000000Z"), inapp],
    )
    unheard = verify.check(small(log, notice=blind, facts=[log.sealed(1), log.sealed(5)], messages=messages))
    assert unheard.standing.served_at is None
    assert "a bounce might not have reached us" in unheard.standing.weakest_link


def test_a_short_text_and_a_letter_are_held_against_the_ledger_too(small):
    text, letter = b"Read it: https://log.example/n/1/", b"%PDF-1.7 a letter"
    log = Log()
    log.add("submitted", {"message_sha256": hashlib.sha256(text).hexdigest()}, delivery=3)
    log.add("posted", {verify.LETTER: hashlib.sha256(letter).hexdigest()}, delivery=4)
    sms = a_delivery(channel="sms", address="+4930123", message="messages/D-3.txt", content_from=-1)
    post = a_delivery(id=4, channel="post", address="Ana", message="messages/D-4.eml", content_from=0)
    given = {
        "notice": a_notice(deliveries=[sms, {**post, "letter": "messages/D-4.pdf"}], text=verify.TEXT),
        "facts": [log.sealed(0), log.sealed(1)],
        "messages": {
            "messages/D-3.txt": text,
            "messages/D-4.eml": CONTENT,
            "messages/D-4.pdf": letter,
            "messages/notice.eml": CONTENT,
        },
    }
    said = verify.proven(verify.check(small(log, **given)))
    assert any(one.startswith("messages/D-3.txt is, byte for byte, the message") for one in said)
    assert any(one.startswith("messages/D-4.pdf is, byte for byte, the letter") for one in said)
    for name, reason in (
        ("messages/D-3.txt", "not the message that E-1 names"),
        ("messages/D-4.pdf", "not the letter that E-2 names"),
        ("messages/D-4.eml", "does not hold the text"),
        ("messages/notice.eml", "does not hold the text"),
    ):
        messages = {**given["messages"], name: b"another"}
        with pytest.raises(Rejected, match=reason):
            small(log, **{**given, "messages": messages})


def test_a_fact_whose_words_were_erased_still_stands(small):
    log = a_log()
    contents = verify.check(small(log, facts=[log.sealed(1, erased=True), log.sealed(3)]))
    assert contents.standing.grade == 5
    assert verify.words(contents.entries[0]) == "(its words were erased)"
    assert any("E-2 said: their words were erased" in one for one in verify.not_proven(contents))
    assert any("messages/D-3.eml left: no fact" in one for one in verify.not_proven(contents))


def test_without_any_fact_nothing_is_claimed(small):
    contents = verify.check(small(facts=[]))
    assert contents.standing.verdict == "not_proven"
    assert not any("ledger holds" in one for one in verify.proven(contents))


def test_an_earlier_checkpoint_is_tied_to_the_bundle_s_own(small):
    log = a_log()
    older = {2: log.checkpoint(2), 5: log.checkpoint()}
    proof = {2: growth_of(2, log.hashes(5))}
    facts = [log.sealed(1, 2), log.sealed(3)]
    assert verify.check(small(log, checkpoints=older, consistency=proof, facts=facts)).head.size == 5
    with pytest.raises(Rejected, match=r"older/2/checkpoint\.txt is not a checkpoint of the log"):
        small(log, checkpoints=older, consistency={2: [bytes(32)]}, facts=facts)


def test_after_a_change_of_keys_the_new_one_vouches_for_the_old(small):
    old, new = Signer(), Signer(bytes([9]) * 32)
    log = a_log()
    signed_by_old = log.checkpoint()
    log.signer = new
    bundle = small(log, checkpoints={5: signed_by_old}, keys=[new.vkey, old.vkey])
    assert verify.check(bundle, [new.vkey]).key.text == new.vkey
    assert "MANIFEST is not signed by" in rejected(bundle, old.vkey)


# --- Refusal: bits --------------------------------------------------------------------------------------------------


def test_every_single_bit_of_a_small_bundle_counts(small):
    """All 8 bits of each byte that is not the body of a file, and of MANIFEST; one bit of each other byte."""
    data = small()
    chance = random.Random(3)
    bodies = set()
    for name, body in verify.unpack(data).items():
        if name != "MANIFEST":
            start = data.index(body, data.index(name.encode()))
            bodies |= set(range(start, start + len(body)))
    changed = bytearray(data)
    accepted = []
    for at in range(len(data)):
        for bit in [chance.randrange(8)] if at in bodies else range(8):
            changed[at] ^= 1 << bit
            try:
                verify.check(bytes(changed))
                accepted.append((at, bit))
            except Rejected:
                pass
            changed[at] ^= 1 << bit
    assert accepted == []
    assert 8_000 < len(data) < 16_000


def test_bits_of_the_real_bundle_summary_and_program_included(real):
    data = bytearray(real)
    chance = random.Random(4)
    for at in chance.sample(range(len(data)), 4_000):
        data[at] ^= 1 << chance.randrange(8)
        assert rejected(bytes(data))
        data[:] = real


@pytest.fixture(scope="module")
def real() -> bytes:
    return a_bundle()


# --- Refusal: containers --------------------------------------------------------------------------------------------


def rezipped(data: bytes, **how: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **how) as archive:
        for name, body in verify.unpack(data).items():
            archive.writestr(name, body)
    return out.getvalue()


def with_comment(data: bytes) -> bytes:
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = b"nothing to see"
    return out.getvalue()


def renamed(data: bytes, name: str) -> bytes:
    """README.txt under a name of the same length, everywhere."""
    assert len(name) == len("README.txt")
    return data.replace(b"README.txt", name.encode())


BOMB = rezipped(verify.pack({"a": bytes(10_000_000)}), compression=zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (lambda data: b"", "not a proof bundle"),
        (lambda data: b"PK\x03\x04", "cut off"),
        (lambda data: b"%PDF-1.7", "not a proof bundle"),
        (lambda data: data[: len(data) // 2], "cut off"),
        (lambda data: data[:-1], "not as exported"),
        (lambda data: data + b"\x00", "not as exported"),
        (lambda data: b"#!/bin/sh\n" + data, "not a proof bundle"),
        (lambda data: data + data, "not as exported"),
        (with_comment, "not as exported"),
        (lambda data: rezipped(data, compression=zipfile.ZIP_DEFLATED), "packed again"),
        (rezipped, "not as exported"),
        (lambda data: BOMB, "packed again"),
        (lambda data: renamed(data, "../../etc/"), "forbidden name"),
        (lambda data: renamed(data, "/etc/paswd"), "forbidden name"),
        (lambda data: renamed(data, "keys.txt\0\0"), "forbidden name"),
        (lambda data: renamed(data, "a//././b/c"), "forbidden name"),
        (lambda data: renamed(data, "REAMDE.txt"), "README.txt is missing"),
        (lambda data: data.replace(b"keys.txt", b"MANIFEST"), "two files named MANIFEST"),
        (lambda data: bytes(verify.SIZE_LIMIT + 1), "larger than any"),
    ],
)
def test_no_other_container_passes(small, hostile, reason):
    assert reason in rejected(hostile(small()))


def test_files_in_another_order_are_refused(small):
    data = small()
    files = verify.unpack(data)
    swapped = {name: files[name] for name in sorted(files, reverse=True)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in swapped.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            archive.writestr(info, body)
    assert "not as exported" in rejected(out.getvalue())


@given(st.binary(max_size=300))
def test_noise_is_refused_in_words(noise):
    assert rejected(noise).endswith(".")
    assert rejected(b"PK\x03\x04" + noise).endswith(".")


# --- Refusal: contents that do not fit, by somebody who can sign ----------------------------------------------------


def changed(name: str, **values: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda files: {name: verify.canonical({**json.loads(files[name]), **values})}


DEEP = b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (changed("notice.json", recipient=7), "recipient is missing or of the wrong kind"),
        (changed("notice.json", number="N-13"), "notice.json is about N-13"),
        (changed("notice.json", service_rule={"grade": 1.5}), "service rule is malformed"),
        (changed("notice.json", service_rule={"grade": 3, "deemed": [1]}), "service rule is malformed"),
        (changed("notice.json", service_rule={"grade": 6}), "another standing"),
        (changed("notice.json", deliveries=[a_delivery(), a_delivery()]), "stands there twice"),
        (changed("notice.json", deliveries=[a_delivery(address="eve@mail.example")]), "not addressed to"),
        (
            changed("notice.json", deliveries=[a_delivery(message="messages/D-9.eml")]),
            "message of D-3 is missing",
        ),
        (changed("notice.json", deliveries=[a_delivery(content_from=0)]), "does not hold the text"),
        (changed("notice.json", deliveries=[a_delivery(id=4)]), "D-3, which notice.json does not know"),
        (changed("notice.json", issued_at="yesterday"), "not a time"),
        (changed("facts/E-2/leaf.json", kind="delivered"), "does not lead from"),
        (changed("facts/E-2/leaf.json", id=3), "not the ledger entry of E-2"),
        (changed("facts/E-2/leaf.json", more=1), "not the ledger entry of E-2"),
        (changed("facts/E-2/payload.json", reply="550 No"), "do not open it"),
        (lambda files: {"facts/E-2/salt": bytes(16)}, "do not open it"),
        (lambda files: {"facts/E-2/salt": None}, "do not open it"),
        (lambda files: {"facts/E-2/payload.json": None, "facts/E-2/salt": None}, ""),
        (lambda files: {"facts/E-2/proof.tlog-proof": None}, "not an inclusion proof"),
        (
            lambda files: {"facts/E-2/proof.tlog-proof": files["facts/E-4/proof.tlog-proof"]},
            "does not lead from",
        ),
        (lambda files: {"facts/E-2/leaf.json": b"[]"}, "not a JSON object"),
        (lambda files: {"facts/E-2/leaf.json": b'{"a":1, "b":2}'}, "canonical"),
        (lambda files: {"notice.json": b'{"number":"N-12","number":"N-12"}'}, "canonical"),
        (lambda files: {"notice.json": b'{"number":NaN}'}, "canonical"),
        (lambda files: {"notice.json": DEEP}, "canonical"),
        (lambda files: {"notice.json": b'"\\ud800"'}, "canonical"),
        (lambda files: {"notice.json": b'{"a":' + b"9" * 5_000 + b"}"}, "canonical"),
        (lambda files: {"messages/D-3.eml": MESSAGE + b"And pay."}, "not the message that E-2 names"),
        (lambda files: {"messages/D-8.eml": MESSAGE}, "messages/D-8.eml does not belong"),
        (lambda files: {"evil.exe": b"MZ"}, "evil.exe does not belong"),
        (lambda files: {"older/3/consistency.txt": b""}, "does not belong"),
        (lambda files: {"stamps/5-1.tst": b"\x30\x03\x02\x01\x00"}, "not a time-stamp"),
        (lambda files: {"stamps/4-1.tst": b""}, "over a checkpoint that is not in the bundle"),
        (lambda files: {"keys.txt": b"\xff\xfe"}, "not a verifier key"),
        (lambda files: {"checkpoint.txt": b"log.example/ledger\n5\n"}, "not a signed note"),
        (lambda files: {"checkpoint.txt": Signer().sign("log.example/ledger\n5\nAAAA\n")}, "32 bytes"),
        (
            lambda files: {"checkpoint.txt": Signer().sign("other.example\n5\n" + "A" * 43 + "=\n")},
            "of the log other",
        ),
        (lambda files: {"summary.pdf": b"%PDF another"}, "not the file that summary.pdf.note signs"),
        (lambda files: {"summary.pdf.note": Signer(bytes([7]) * 32).sign("x\n")}, "not signed by"),
        (lambda files: {"verify.py": None}, "verify.py is missing"),
    ],
)
def test_contents_that_do_not_fit_are_refused_though_the_manifest_does(small, change, reason):
    data = small()
    forged = signed_again(data, **change(verify.unpack(data)))
    if reason:
        assert reason in rejected(forged)
    else:  # the one thing that may be left out: words and salt together, as an erasure does
        assert verify.check(forged).entries[0].payload is None


def test_a_fact_of_another_notice_is_refused(small):
    log = a_log()
    with pytest.raises(Rejected, match="is about N-11, not about N-12"):
        small(log, facts=[log.sealed(0), log.sealed(1)])


def test_no_bundle_is_handed_out_that_would_be_rejected(small):
    with pytest.raises(Rejected, match="not the message that E-2 names"):
        small(messages={"messages/D-3.eml": MESSAGE.replace(b"Ana", b"Eva")})
    log = Log()
    other = MESSAGE.replace(b"Stop", b"Stay")
    log.add("relayed", {"message_sha256": hashlib.sha256(other).hexdigest()})
    with pytest.raises(Rejected, match="does not hold the text"):
        small(log, facts=[log.sealed(0)], messages={"messages/D-3.eml": other})


# --- The tree -------------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.data())
def test_proofs_of_every_size_lead_to_the_root_and_to_nothing_else(size, data):
    hashes = [hashlib.sha256(b"\x00" + bytes([n])).digest() for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path = path_of(index, hashes)
    assert verify.root_from_leaf(bytes([index]), index, size, path) == root_of(hashes)
    assert verify.root_from_leaf(bytes([index]), index, size, [*path, bytes(32)]) is None
    assert verify.root_from_leaf(bytes([index + 1]), index, size, path) != root_of(hashes)
    old = data.draw(st.integers(1, size))
    heads = verify.Head("x", old, root_of(hashes[:old])), verify.Head("x", size, root_of(hashes))
    growth = growth_of(old, hashes)
    assert verify.is_consistent(*heads, growth)
    assert not verify.is_consistent(*heads, [*growth, bytes(32)])
    if old < size:
        assert not verify.is_consistent(*heads, growth[:-1])
        assert not verify.is_consistent(verify.Head("x", old, bytes(32)), heads[1], growth)


# --- The program ----------------------------------------------------------------------------------------------------


def run(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """verify.py out of the bundle, in a folder with nothing else, isolated from the environment (python -I)."""
    program = file.parent / "verify.py"
    return subprocess.run(
        [sys.executable, "-I", str(program), file.name, *arguments],
        cwd=file.parent,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def handed_out(tmp_path: Path) -> Path:
    """A bundle in an empty folder, and the program that lay in it."""
    file = tmp_path / "proof.zip"
    file.write_bytes(a_bundle())
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None  # an ordinary ZIP to everybody else
        archive.extract("verify.py", tmp_path)
    return file


def test_the_program_in_the_bundle_needs_nothing_of_ours(handed_out):
    source = (handed_out.parent / "verify.py").read_text()
    blocker = "import sys\nfor name in ('django', 'notices', 'config', 'typst'): sys.modules[name] = None\n"
    (handed_out.parent / "verify.py").write_text(
        source.replace("import argparse\n", f"{blocker}import argparse\n")
    )
    done = run(handed_out, "--key", Signer().vkey)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ACCEPTED.")
    assert "NOT PROVEN" in done.stdout


def test_the_program_speaks_json(handed_out):
    said = json.loads(run(handed_out, "--json").stdout)
    assert (said["accepted"], said["standing"]["grade"], said["key_given"]) == (True, 5, False)


def test_the_program_rejects_in_one_sentence_and_by_its_exit_status(handed_out):
    data = bytearray(handed_out.read_bytes())
    data[data.index(b"250 Ok")] ^= 1
    handed_out.write_bytes(data)
    done = run(handed_out)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        "REJECTED. facts/E-2/payload.json is not the file that MANIFEST lists: its SHA-256 differs.\n"
    )
    assert json.loads(run(handed_out, "--json").stdout)["accepted"] is False


@pytest.mark.parametrize(
    "arguments", [["--tsa-cert", "none.pem"], ["--tsa-cert", "verify.py"], ["--key", "x"]]
)
def test_what_the_caller_gives_is_checked_too(handed_out, arguments):
    done = run(handed_out, *arguments)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("REJECTED. ")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    accepted, said = verify.examine(str(tmp_path / "none.zip"), [], [], as_json=False)
    assert (accepted, "cannot be read" in said) == (False, True)
    assert "cannot be read" in verify.examine(str(tmp_path), [], [], as_json=False)[1]


def test_hostile_words_cannot_drive_a_terminal(small):
    log = Log()
    evil = "\x1b[2J\u202eACCEPTED"
    log.add("relayed", {"message_sha256": hashlib.sha256(MESSAGE).hexdigest(), "reply": evil})
    bundle = small(log, facts=[log.sealed(0)], notice=a_notice(recipient_name=evil))
    said = verify.text_report(verify.check(bundle), verify.unpack(bundle))
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_material_is_given_without_its_standing():
    assert "standing" not in a_material().notice
    assert CONTENT in MESSAGE
