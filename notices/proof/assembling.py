"""From what is known about a notice to the bytes of its bundle. Pure: no database, no clock, no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any

from notices.proof import verify
from notices.proof.summary import Text, summary
from notices.proof.verify import Contents, Key

_HERE = Path(__file__).parent
PROGRAM = (_HERE / "verify.py").read_bytes()


@dataclass(frozen=True, slots=True)
class SealedFact:
    """One fact as it lies in the ledger. `payload` and `salt` are None where they were erased."""

    id: int
    leaf: bytes
    index: int
    hashes: Sequence[bytes]
    size: int
    payload: bytes | None
    salt: bytes | None


@dataclass(frozen=True, slots=True)
class Material:
    """All that goes into a bundle.

    Attributes:
        notice: notice.json, without the standing.
        checkpoints: the signed notes by size; the largest is the bundle's own, the others are time-stamped ones.
        consistency: for each smaller size, the proof that its tree is the beginning of the largest's.
        stamps: time-stamp tokens by size.
        messages: exact bytes by file name.
        text: of the notice as it may be shown; None where it was erased.
        keys: verifier keys of the ledger, the current one first.
    """

    notice: Mapping[str, Any]
    made: datetime
    checkpoints: Mapping[int, bytes]
    facts: Sequence[SealedFact]
    keys: Sequence[str]
    messages: Mapping[str, bytes] = field(default_factory=dict)
    text: Text | None = None
    consistency: Mapping[int, Sequence[bytes]] = field(default_factory=dict)
    stamps: Mapping[int, Sequence[bytes]] = field(default_factory=dict)


def assemble(material: Material, sign: Callable[[str], bytes]) -> bytes:
    """The bundle: a ZIP in the one form that `verify.pack` gives.

    Args:
        sign: gives the signed note of a text, under the first of `material.keys`.

    Raises:
        verify.Rejected: what is known does not fit together, so that no bundle of it would be accepted.
    """
    files, key = _files(material), Key.parse(material.keys[0], "keys.txt")
    keys = [Key.parse(text, "keys.txt") for text in material.keys]
    standing = _standing(material)
    files["notice.json"] = verify.canonical({**material.notice, "standing": standing})
    contents = verify.read(files, material.notice["number"], material.made, key, keys)
    pdf = summary(contents, material.text, material.messages)
    files["summary.pdf"] = pdf
    files["summary.pdf.note"] = sign(verify.summary_text(pdf))
    files["README.txt"] = _readme(contents)
    files["verify.py"] = PROGRAM
    files["MANIFEST"] = sign(_manifest(contents, files))
    data = verify.pack(files)
    verify.check(data)  # nothing is handed out that its own verify.py would reject
    return data


def _files(material: Material) -> dict[str, bytes]:
    size = max(material.checkpoints)
    files = {
        "checkpoint.txt": material.checkpoints[size],
        "keys.txt": "".join(f"{key}\n" for key in material.keys).encode(),
        **material.messages,
    }
    for older in material.checkpoints.keys() - {size}:
        files[f"older/{older}/checkpoint.txt"] = material.checkpoints[older]
        files[f"older/{older}/consistency.txt"] = _lines(material.consistency[older]).encode()
    for stamped, tokens in material.stamps.items():
        for number, token in enumerate(tokens, 1):
            files[f"stamps/{stamped}-{number}.tst"] = token
    for fact in material.facts:
        room = f"facts/E-{fact.id}"
        files[f"{room}/leaf.json"] = fact.leaf
        proof = f"c2sp.org/tlog-proof@v1\nindex {fact.index}\n{_lines(fact.hashes)}\n".encode()
        files[f"{room}/proof.tlog-proof"] = proof + material.checkpoints[fact.size]
        if fact.payload is not None and fact.salt is not None:
            files[f"{room}/payload.json"], files[f"{room}/salt"] = fact.payload, fact.salt
    return files


def _lines(hashes: Sequence[bytes]) -> str:
    return "".join(f"{base64.b64encode(one).decode()}\n" for one in hashes)


def _standing(material: Material) -> dict[str, Any]:
    """What the facts amount to, as `verify.py` will work it out."""
    leaves = [verify.read_json(fact.leaf, f"E-{fact.id}") for fact in material.facts]
    facts = [
        verify.Fact(
            leaf["kind"],
            verify.moment(leaf["at"], "leaf"),
            leaf["delivery"],
            leaf["test"],
            leaf["source"] in verify.WEAK_SOURCES,
        )
        for leaf in leaves
    ]
    attempts = verify.attempts(material.notice["deliveries"])
    rule = verify.rule(material.notice["service_rule"])
    return verify.standing_json(verify.judge(facts, attempts, rule, material.made))


def _readme(contents: Contents) -> bytes:
    return (
        Template((_HERE / "README.txt").read_text())
        .substitute(
            number=contents.notice["number"],
            platform=contents.notice["platform"],
            made=f"{contents.made:%Y-%m-%d %H:%M:%S} UTC",
            log=contents.head.origin,
            key=contents.key.text,
        )
        .encode()
    )


def _manifest(contents: Contents, files: Mapping[str, bytes]) -> str:
    listed = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    head = (verify.FORMAT, f"log {contents.head.origin}", f"notice {contents.notice['number']}")
    return "\n".join([*head, f"made {verify.written(contents.made)}", "", listed])
