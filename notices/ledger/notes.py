"""Signed notes, checkpoints and proofs as text (C2SP signed-note, tlog-checkpoint, tlog-proof), with Ed25519. Pure.

A key's text is `name+id+base64(0x01 || public key)`, and that of the one who signs begins with `PRIVATE+KEY+` and
holds the 32-byte seed in place of the public key. The id is the first four bytes of the SHA-256 of name, line feed,
0x01 and public key, in hexadecimal.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
_PRIVATE = "PRIVATE+KEY+"
_NAME = re.compile(r"[^\s+\x00-\x1f]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_LIMIT = 100_000  # characters in a note; a few signatures fit many times
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


class BadKey(ValueError):
    """A text is not a key of the form that it should have; the message says why, without the key."""


class BadNote(ValueError):
    """A text is not a note, or not a checkpoint, or nobody we know signed it; the message says which."""


def unbase64(text: str) -> bytes:
    """The bytes that only this text stands for. Raises ValueError for anything but canonical base64."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("That is not base64.") from error
    if base64.b64encode(raw).decode() != text:
        raise ValueError("That is not base64 in its only form.")
    return raw


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _key_parts(text: str, what: str) -> tuple[str, str, bytes]:
    """Name, id and the 32 bytes of a key's text. Raises BadKey."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        raw = unbase64(encoded)
    except ValueError:
        raw = b""
    if not _NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{8}", key_id) or len(raw) != 33:
        raise BadKey(f"A {what} has another form.")
    if raw[:1] != _ED25519:
        raise BadKey(f"This {what} is not of type 1, Ed25519.")
    return name, key_id, raw[1:]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with the name that it signs by. `str()` is its vkey."""

    name: str
    public: bytes

    @classmethod
    def read(cls, vkey: str) -> Verifier:
        """Raises BadKey."""
        name, key_id, public = _key_parts(vkey, "verifier key (name+id+key)")
        verifier = cls(name, public)
        if verifier.id.hex() != key_id:
            raise BadKey("This verifier key does not have the id that it states.")
        return verifier

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_base64(_ED25519 + self.public)}"

    def signed(self, text: str, signature: bytes) -> bool:
        """Whether the signature (64 bytes, without the key's id) is this key's, over the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """A private key with the name that it signs by."""

    def __init__(self, name: str, seed: bytes) -> None:
        if not _NAME.fullmatch(name):
            raise BadKey("A key's name is a word without a space or a plus sign.")
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> Signer:
        return cls(name, os.urandom(32))

    @classmethod
    def read(cls, text: str) -> Signer:
        """Raises BadKey."""
        what = "signer key (PRIVATE+KEY+name+id+key)"
        if not text.startswith(_PRIVATE):
            raise BadKey(f"A {what} has another form.")
        name, key_id, seed = _key_parts(text.removeprefix(_PRIVATE), what)
        signer = cls(name, seed)
        if signer.verifier.id.hex() != key_id:
            raise BadKey("This signer key does not have the id that it states.")
        return signer

    def secret(self) -> str:
        """The key as text. Whoever has it signs as we do."""
        verifier = self.verifier
        return f"{_PRIVATE}{verifier.name}+{verifier.id.hex()}+{_base64(_ED25519 + self._seed)}"

    def sign(self, text: str) -> str:
        """The signed note of a text that ends in a line feed. Raises ValueError for what no note may hold."""
        if not text.endswith("\n") or _CONTROL.search(text):
            raise ValueError("The text of a note ends in a line feed and holds no other control character.")
        signature = self.verifier.id + self._key.sign(text.encode())
        return f"{text}\n— {self.verifier.name} {_base64(signature)}\n"


def open_note(note: str, verifiers: Iterable[Verifier]) -> tuple[str, list[Verifier]]:
    """The text of a note, and those of `verifiers` that signed it: at least one. Others' signatures are left alone.

    Raises:
        BadNote: malformed, signed by none of them, or with a signature in the name of one of them that does not hold.
    """
    text, gap, lines = note.rpartition("\n\n")
    if len(note) > _LIMIT or not gap or not lines.endswith("\n") or _CONTROL.search(note):
        raise BadNote("This is not a signed note.")
    text += "\n"
    known = {(verifier.name, verifier.id): verifier for verifier in verifiers}
    signers = []
    for line in lines[:-1].split("\n"):
        name, signature = _signature(line)
        verifier = known.get((name, signature[:4]))
        if verifier is None:
            continue
        if not verifier.signed(text, signature[4:]):
            raise BadNote(f"The signature in the name of {name} does not hold.")
        signers.append(verifier)
    if not signers:
        raise BadNote("None of the known keys signed this note.")
    return text, signers


def _signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE.fullmatch(line)
    try:
        raw = unbase64(match[2]) if match else b""
    except ValueError:
        raw = b""
    if not match or len(raw) < 5:
        raise BadNote("This note has a line that is no signature.")
    return match[1], raw


@dataclass(frozen=True, slots=True)
class Head:
    """What a checkpoint says: the log, how many leaves it has, and the root of their tree. `str()` is its text."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def read(cls, text: str) -> Head:
        """Lines after the third are left alone, as the format asks. Raises BadNote."""
        origin, *rest = text.split("\n")
        size, root = (*rest, "", "")[:2]
        try:
            raw = unbase64(root)
        except ValueError:
            raw = b""
        if not origin or not re.fullmatch(r"0|[1-9][0-9]{0,17}", size) or len(raw) != 32:
            raise BadNote("This note is not a checkpoint.")
        return cls(origin, int(size), raw)

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


def write_proof(index: int, path: Sequence[bytes], checkpoint: str) -> str:
    """An inclusion proof with its checkpoint as one text (C2SP tlog-proof)."""
    lines = "".join(f"{_base64(step)}\n" for step in path)
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{lines}\n{checkpoint}"
