"""A ledger in memory, and bundles from it: written from RFC 6962 and the C2SP formats alone, not from our own code."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from notices.proof.assembling import Material, SealedFact, assemble
from notices.proof.summary import Text

ORIGIN = "log.example/ledger"
NOW = datetime(2026, 5, 12, 12, tzinfo=UTC)
SENT = datetime(2026, 5, 3, 12, 0, 7, tzinfo=UTC)
CONTENT = b"Subject: A warning\r\n\r\nStop.\r\n"
MESSAGE = b"To: Ana <ana@mail.example>\r\nMessage-ID: <1@log.example>\r\n" + CONTENT


def root_of(hashes: list[bytes]) -> bytes:
    """RFC 6962, 2.1."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(hashes[:k]) + root_of(hashes[k:])).digest()


def path_of(index: int, hashes: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1."""
    if len(hashes) == 1:
        return []
    k = 1 << (len(hashes) - 1).bit_length() - 1
    if index < k:
        return [*path_of(index, hashes[:k]), root_of(hashes[k:])]
    return [*path_of(index - k, hashes[k:]), root_of(hashes[:k])]


def growth_of(old: int, hashes: list[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962, 2.1.2."""
    if old == len(hashes):
        return [] if whole else [root_of(hashes)]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    if old <= k:
        return [*growth_of(old, hashes[:k], whole), root_of(hashes[k:])]
    return [*growth_of(old - k, hashes[k:], False), root_of(hashes[:k])]


@dataclass
class Signer:
    """An Ed25519 key of a name, made from a seed."""

    seed: bytes = bytes(32)
    name: str = ORIGIN

    @property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def _raw(self) -> bytes:
        return b"\x01" + self.private.public_key().public_bytes_raw()

    @property
    def _id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + self._raw).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self._id.hex()}+{base64.b64encode(self._raw).decode()}"

    def sign(self, text: str) -> bytes:
        signature = base64.b64encode(self._id + self.private.sign(text.encode())).decode()
        return f"{text}\n— {self.name} {signature}\n".encode()


def jcs(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@dataclass
class Log:
    """The whole ledger: leaves, and what a bundle needs of them."""

    signer: Signer = field(default_factory=Signer)
    leaves: list[bytes] = field(default_factory=list)
    opened: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)  # salt and payload by index

    def add(self, kind: str, payload: dict[str, Any], *, hours: float = 0, **changes: Any) -> int:
        pk = len(self.leaves) + 1
        at, salt, body = SENT + timedelta(hours=hours), bytes([pk]) * 16, jcs(payload)
        self.opened[len(self.leaves)] = salt, body
        leaf = {
            "at": written(at),
            "commitment": hashlib.sha256(salt + body).hexdigest(),
            "delivery": 3,
            "id": pk,
            "key": hashlib.sha256(str(pk).encode()).hexdigest(),
            "kind": kind,
            "notice": 12,
            "recorded": written(at + timedelta(seconds=2)),
            "source": "smtp:mx.mail.example",
            "test": False,
            "v": 1,
            **changes,
        }
        self.leaves.append(jcs(leaf))
        return len(self.leaves) - 1

    def hashes(self, size: int) -> list[bytes]:
        return [hashlib.sha256(b"\x00" + leaf).digest() for leaf in self.leaves[:size]]

    def checkpoint(self, size: int | None = None) -> bytes:
        size = size or len(self.leaves)
        root = base64.b64encode(root_of(self.hashes(size))).decode()
        return self.signer.sign(f"{self.signer.name}\n{size}\n{root}\n")

    def sealed(self, index: int, size: int | None = None, *, erased: bool = False) -> SealedFact:
        size = size or len(self.leaves)
        salt, payload = (None, None) if erased else self.opened[index]
        path = path_of(index, self.hashes(size))
        return SealedFact(
            json.loads(self.leaves[index])["id"], self.leaves[index], index, path, size, payload, salt
        )


def written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def a_notice(**changes: Any) -> dict[str, Any]:
    return {
        "number": "N-12",
        "reference": "N-12-4f02c7e19ab35d",
        "recipient": "u-1",
        "recipient_name": "Ana Kovač",
        "kind": "warning",
        "policy_version": "data-selling@1",
        "language": "en",
        "language_asked": "en",
        "platform": "Example",
        "content_sha256": hashlib.sha256(CONTENT).hexdigest(),
        "text": "",
        "issued_at": written(SENT),
        "issued_by": "system:test",
        "service_rule": {"grade": 2},
        "deliveries": [a_delivery()],
        **changes,
    }


def a_delivery(**changes: Any) -> dict[str, Any]:
    return {
        "id": 3,
        "channel": "email",
        "address": "ana@mail.example",
        "state": "accepted",
        "created_at": written(SENT),
        "message": "messages/D-3.eml",
        "letter": "",
        "content_from": len(MESSAGE) - len(CONTENT),
        "blind_from": "",
        **changes,
    }


def a_log() -> Log:
    """A ledger in which the notice's two facts lie among others."""
    log = Log()
    log.add("noted", {}, notice=11, delivery=None)
    log.add("relayed", {"message_sha256": hashlib.sha256(MESSAGE).hexdigest(), "reply": "250 Ok"})
    log.add("noted", {}, notice=13, delivery=None)
    log.add(
        "shown",
        {"content_sha256": hashlib.sha256(CONTENT).hexdigest()},
        hours=70,
        delivery=None,
        source="holder",
    )
    log.add("noted", {}, notice=14, delivery=None)
    return log


def a_material(log: Log | None = None, **changes: Any) -> Material:
    log = log or a_log()
    given: dict[str, Any] = {
        "notice": a_notice(),
        "made": NOW,
        "checkpoints": {len(log.leaves): log.checkpoint()},
        "keys": [log.signer.vkey],
        "messages": {"messages/D-3.eml": MESSAGE},
        "text": Text("A warning", "Stop."),
    }
    if "facts" not in changes:
        given["facts"] = [log.sealed(1), log.sealed(3)]
    return Material(**{**given, **changes})


def a_bundle(log: Log | None = None, **changes: Any) -> bytes:
    log = log or a_log()
    return assemble(a_material(log, **changes), log.signer.sign)
