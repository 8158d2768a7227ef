#!/usr/bin/env python3
"""Check a proof bundle of Due Notice, offline.

    python verify.py FILE.zip [--key VKEY] [--tsa-cert FILE] [--json]

Needs Python 3.10 or later and the package `cryptography` (42 or later), nothing else: no network, no database, no
word from whoever made the bundle. It is one file on purpose: it lies in every bundle, and can be read from top to
bottom. It accepts a bundle only if every byte is as it was exported; then it says what the bundle proves, and what
it does not. Exit status: 0 accepted, 1 rejected (one sentence says which file fails, and how).

What it builds on: C2SP signed-note, tlog-checkpoint and tlog-proof; RFC 6962 (Merkle tree); RFC 8032 (Ed25519);
RFC 8785 (canonical JSON); RFC 3161, 5652 and 5816 (time-stamps).
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import struct
import sys
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.serialization import Encoding
except ImportError as error:  # pragma: no cover
    raise SystemExit(
        "verify.py needs the package cryptography, 42 or later: pip install cryptography"
    ) from error

UTC = timezone.utc  # noqa: UP017  (this file also runs on Python 3.10)
FORMAT = "due-notice/bundle@v1"
SUMMARY_FORMAT = "due-notice/summary@v1"
SIZE_LIMIT = 64 * 1024 * 1024  # bytes; a bundle holds one notice


class Rejected(Exception):
    """The bundle does not hold; the message is a sentence that says which file fails, and how."""


# --- The container: a ZIP in one form only --------------------------------------------------------------------------

_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_VERSION, _MADE_BY, _DATE, _MODE = 20, 0x0314, 0x0021, 0o100644 << 16  # 1980-01-01, a plain file


def pack(files: Mapping[str, bytes]) -> bytes:
    """The one ZIP of these files: sorted by name, stored, dated 1980, nothing optional.

    Since there is only one, a reader packs again what it found and compares: no bit of the container is free.
    """
    body, directory = bytearray(), bytearray()
    for name in sorted(files):
        data, raw = files[name], name.encode("ascii")
        sizes = (zlib.crc32(data), len(data), len(data))
        directory += _CENTRAL.pack(
            b"PK\x01\x02", _MADE_BY, _VERSION, 0, 0, 0, _DATE, *sizes, len(raw), 0, 0, 0, 0, _MODE, len(body)
        )
        directory += raw
        body += _LOCAL.pack(b"PK\x03\x04", _VERSION, 0, 0, 0, _DATE, *sizes, len(raw), 0) + raw + data
    end = _END.pack(b"PK\x05\x06", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return bytes(body + directory) + end


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of a ZIP of our form. Nothing is decompressed, so nothing can swell."""
    if len(data) > SIZE_LIMIT:
        raise Rejected(f"The file is larger than any proof bundle ({SIZE_LIMIT >> 20} MiB).")
    files: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        if len(data) < at + _LOCAL.size:
            raise Rejected(
                f"The ZIP is cut off at byte {len(data)}, within the header of its file {len(files) + 1}."
            )
        _, _, flags, method, _, _, _, packed, size, name_size, extra = _LOCAL.unpack_from(data, at)
        start = at + _LOCAL.size + name_size
        name = data[at + _LOCAL.size : start].decode("ascii", "replace")
        if not _NAME.fullmatch(name) or len(name) > 200:
            raise Rejected(f"The ZIP holds a file of a forbidden name ({shown(name)[:80]!r}, at byte {at}).")
        if name in files:
            raise Rejected(f"The ZIP holds two files named {name}.")
        if flags or method or extra or packed != size:
            raise Rejected(
                f"{name}: its ZIP header (at byte {at}) is not as exported. Was the bundle unpacked and packed again? "
                "Check the file as it was handed out."
            )
        if len(data) < start + size:
            raise Rejected(f"{name}: the ZIP is cut off within it, at byte {len(data)}.")
        files[name] = data[start : start + size]
        at = start + size
    if not files:
        raise Rejected("This is not a proof bundle: it does not begin as a ZIP does.")
    return files


def _same_container(files: Mapping[str, bytes], data: bytes) -> None:
    whole = pack(files)
    if whole == data:
        return
    at = next(
        (i for i, (a, b) in enumerate(zip(whole, data, strict=False)) if a != b), min(len(whole), len(data))
    )
    raise Rejected(
        f"The ZIP around the files is not as exported: it differs from byte {at} of {len(data):,} on (headers, order, "
        "times, directory, comments, or bytes before or after it)."
    )


def shown(text: str) -> str:
    """Text of others, safe to print: control characters, also those that turn the writing around, are spelt out."""
    return re.sub(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]",
        lambda match: f"\\u{ord(match[0]):04x}",
        text,
    )


# --- Signed notes (c2sp.org/signed-note) ----------------------------------------------------------------------------


def unbase64(text: str, what: str) -> bytes:
    """Strict: text that another text would stand for as well is refused (unused bits, missing padding)."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    if not raw or base64.b64encode(raw).decode() != text:
        raise Rejected(f"{what} is not base64.")
    return raw


@dataclass(frozen=True)
class Key:
    """A verifier key: `name+id+base64(0x01 || 32 bytes of Ed25519)`."""

    name: str
    id: bytes
    public: bytes
    text: str

    @classmethod
    def parse(cls, text: str, where: str) -> Key:
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        wrong = f"{where}: {shown(text)[:120]!r} is not a verifier key of the form name+id+key."
        if not name or re.search(r"\s", name) or not re.fullmatch(r"[0-9a-f]{8}", key_id):
            raise Rejected(wrong)
        raw = unbase64(encoded, f"{where}: the key {shown(name)}")
        if len(raw) != 33 or raw[0] != 1:
            raise Rejected(f"{where}: the key {shown(name)} is not an Ed25519 key.")
        if hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != key_id:
            raise Rejected(f"{where}: the key {shown(name)} does not have the id that it states.")
        return cls(name, bytes.fromhex(key_id), raw[1:], text)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}"


_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


def open_note(raw: bytes, keys: Collection[Key], where: str, *, alone: bool = False) -> tuple[str, Key]:
    """The text of a signed note and the key that signed it. `alone`: no other signature may stand beside it."""
    try:
        note = raw.decode()
    except UnicodeDecodeError:
        raise Rejected(f"{where} is not text in UTF-8.") from None
    text, gap, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not gap or lines.pop() != "" or not 1 <= len(lines) <= 64 or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise Rejected(f"{where} is not a signed note.")
    text += "\n"
    signers: list[Key] = []
    for line in lines:
        match = _SIGNATURE.fullmatch(line)
        if not match:
            raise Rejected(f"{where} has a malformed signature line.")
        signature = unbase64(match[2], f"{where}: its signature")
        for key in keys:
            if (key.name, key.id) == (match[1], signature[:4]):
                try:
                    ed25519.Ed25519PublicKey.from_public_bytes(key.public).verify(
                        signature[4:], text.encode()
                    )
                except (InvalidSignature, ValueError):
                    raise Rejected(
                        f"{where}: the signature of {shown(str(key))} does not fit what it signs."
                    ) from None
                signers.append(key)
    if not signers:
        raise Rejected(
            f"{where} is not signed by {' or '.join(shown(str(key)) for key in keys) or 'any key'}."
        )
    if alone and len(lines) > 1:
        raise Rejected(f"{where} has more than one signature.")
    return text, signers[0]


@dataclass(frozen=True)
class Head:
    """A checkpoint: the log's name, how many entries it had, and the root of its Merkle tree."""

    origin: str
    size: int
    root: bytes


def open_checkpoint(raw: bytes, keys: Collection[Key], where: str) -> Head:
    """A checkpoint (c2sp.org/tlog-checkpoint) signed by one of `keys`."""
    text, _ = open_note(raw, keys, where)
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0] or not re.fullmatch(r"[1-9]\d{0,17}", lines[1]):
        raise Rejected(f"{where} is not a checkpoint.")
    root = unbase64(lines[2], f"{where}: its root")
    if len(root) != 32:
        raise Rejected(f"{where}: its root is not 32 bytes long.")
    return Head(lines[0], int(lines[1]), root)


# --- The Merkle tree (RFC 6962, 2.1; checks as in RFC 9162, 2.1.3 and 2.1.4) ----------------------------------------


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from_leaf(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to, or None where the proof cannot be one for this place."""
    if not 0 <= index < size:
        return None
    node, last = hashlib.sha256(b"\x00" + leaf).digest(), size - 1
    for sibling in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            node = _node(sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = _node(node, sibling)
        index, last = index >> 1, last >> 1
    return node if last == 0 else None


def is_consistent(old: Head, new: Head, path: Sequence[bytes]) -> bool:
    """Whether the tree of `new` begins with the tree of `old`."""
    if old.size == new.size:
        return old.root == new.root and not path
    if not 0 < old.size < new.size:
        return False
    steps = list(path)
    if old.size & (old.size - 1) == 0:
        steps.insert(0, old.root)
    index, last = old.size - 1, new.size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    if not steps:
        return False
    first = second = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            first, second = _node(sibling, first), _node(sibling, second)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            second = _node(second, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and (first, second) == (old.root, new.root)


def hash_lines(text: str, where: str) -> list[bytes]:
    """One base64 SHA-256 a line, no more than any proof has."""
    lines = text.split("\n")[:-1] if text else []
    found = [unbase64(line, f"{where}: a hash in it") for line in lines]
    if (text and not text.endswith("\n")) or len(found) > 130 or any(len(one) != 32 for one in found):
        raise Rejected(f"{where} is not a list of SHA-256 hashes.")
    return found


def read_proof(raw: bytes, where: str) -> tuple[int, list[bytes], bytes]:
    """A proof (c2sp.org/tlog-proof): the entry's index, the path to the root, and the checkpoint as it stands there."""
    head, gap, checkpoint = raw.partition(b"\n\n")
    text = head.decode("ascii", "replace") + "\n"
    match = re.fullmatch(r"c2sp\.org/tlog-proof@v1\nindex (0|[1-9]\d{0,17})\n((?:[A-Za-z0-9+/=]+\n)*)", text)
    if not match or not gap:
        raise Rejected(f"{where} is not an inclusion proof.")
    return int(match[1]), hash_lines(match[2], where), checkpoint


# --- JSON and times -------------------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """RFC 8785 for values of the kind that evidence is made of: no floats, ASCII keys."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def read_json(raw: bytes, where: str) -> dict[str, Any]:
    """An object whose bytes are its canonical ones."""
    try:
        value = json.loads(raw.decode())
        same = canonical(value) == raw
    except (ValueError, RecursionError):
        same, value = False, None
    if not same or not isinstance(value, dict):
        raise Rejected(f"{where} is not a JSON object in canonical form.")
    return value


def moment(text: Any, where: str) -> datetime:
    """A time as the ledger writes it: UTC, six digits of a second."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text):
            raise ValueError
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise Rejected(f"{where}: {shown(str(text))[:60]!r} is not a time in UTC.") from None


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


# --- Time-stamps (RFC 3161), as far as DER has to be read for them --------------------------------------------------

_SIGNED_DATA, _TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_TIME_STAMPING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.8")
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
# Signature algorithms that name their digest; the others (RSA, PSS) take the signer's digest algorithm.
_SIGNATURES = {
    "1.2.840.113549.1.1.11": "2.16.840.1.101.3.4.2.1",
    "1.2.840.113549.1.1.12": "2.16.840.1.101.3.4.2.2",
    "1.2.840.113549.1.1.13": "2.16.840.1.101.3.4.2.3",
    "1.2.840.10045.4.3.2": "2.16.840.1.101.3.4.2.1",
    "1.2.840.10045.4.3.3": "2.16.840.1.101.3.4.2.2",
    "1.2.840.10045.4.3.4": "2.16.840.1.101.3.4.2.3",
}
_RSA_PSS = "1.2.840.113549.1.1.10"
_CERTIFICATE_TROUBLES = (
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)


class NotDer(Exception):
    """Bytes that are not DER, or not of the shape that is asked for."""


@dataclass(frozen=True)
class Element:
    """One DER element: its tag, what is in it, and its own bytes."""

    tag: int
    body: bytes
    raw: bytes

    def parts(self) -> list[Element]:
        """What a constructed element is made of."""
        found, at = [], 0
        while at < len(self.body):
            found.append(element(self.body, at))
            at += len(found[-1].raw)
        return found

    def oid(self) -> str:
        if self.tag != 0x06 or not self.body or self.body[-1] & 0x80:
            raise NotDer("an object identifier is missing")
        numbers, value = [], 0
        for byte in self.body:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(value)
                value = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))

    def expect(self, tag: int) -> Element:
        if self.tag != tag:
            raise NotDer(f"tag {self.tag:02x} stands where {tag:02x} belongs")
        return self


def element(data: bytes, at: int = 0) -> Element:
    """The DER element at `at`: single-byte tags and definite, shortest lengths only."""
    if len(data) < at + 2 or data[at] & 0x1F == 0x1F:
        raise NotDer("it is cut off")
    length, start = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or len(data) < start + count:
            raise NotDer("a length is malformed")
        length, start = int.from_bytes(data[start : start + count], "big"), start + count
        if length < 0x80 or length >> 8 * (count - 1) == 0:
            raise NotDer("a length is not in its shortest form")
    if len(data) < start + length:
        raise NotDer("it is cut off")
    return Element(data[at], data[start : start + length], data[at : start + length])


@dataclass(frozen=True)
class Stamp:
    """What a time-stamp says, its signature checked.

    Attributes:
        at: when the authority saw the stamped bytes, by its own clock.
        authority: the name in the certificate that signed.
        anchor: what the trust rests on: "" the token's own certificate only; else the name of a given certificate.
    """

    at: datetime
    authority: str
    anchor: str
    nonce: int | None = None


def open_stamp(token: bytes, stamped: bytes, where: str, anchors: Sequence[x509.Certificate] = ()) -> Stamp:
    """Check a time-stamp token (CMS SignedData, DER) over the SHA-2 of `stamped`.

    Args:
        anchors: certificates that are trusted: the authority's own, or one above it. Empty: the token's own word.
    """
    try:
        return _open_stamp(token, stamped, where, anchors)
    except (NotDer, IndexError, OverflowError, *_CERTIFICATE_TROUBLES) as error:
        raise Rejected(
            f"{where} is not a time-stamp that this program can read ({shown(str(error))[:200]})."
        ) from None


def _open_stamp(token: bytes, stamped: bytes, where: str, anchors: Sequence[x509.Certificate]) -> Stamp:
    outer = element(token)
    if len(outer.raw) != len(token):
        raise Rejected(f"{where} has bytes after its end.")
    kind, content = outer.expect(0x30).parts()
    if kind.oid() != _SIGNED_DATA:
        raise NotDer("it is not signed data")
    signed = content.expect(0xA0).parts()[0].expect(0x30).parts()
    content_kind, wrapped = signed[2].expect(0x30).parts()
    info = wrapped.expect(0xA0).parts()[0].expect(0x04).body
    if content_kind.oid() != _TST_INFO:
        raise NotDer("it does not hold a time-stamp")
    certificates = [
        x509.load_der_x509_certificate(one.raw)
        for part in signed[3:]
        if part.tag == 0xA0
        for one in part.parts()
        if one.tag == 0x30
    ]
    (signer,) = signed[-1].expect(0x31).parts()
    at, nonce = _stamp_info(info, stamped, where)
    certificate = _signer_certificate(signer.parts(), info, [*certificates, *anchors], where)
    _fit_to_stamp(certificate, at, where)
    anchor = _anchored(certificate, certificates, anchors, at, where)
    return Stamp(at, _name(certificate), anchor, nonce)


def _stamp_info(info: bytes, stamped: bytes, where: str) -> tuple[datetime, int | None]:
    """The time and the nonce in a TSTInfo (RFC 3161, 2.4.2) whose imprint is of `stamped`."""
    _, _, imprint, _, time, *rest = element(info).expect(0x30).parts()
    algorithm, digest = imprint.expect(0x30).parts()
    used = _DIGESTS.get(algorithm.parts()[0].oid())
    if used is None:
        raise NotDer("its imprint is not SHA-256, SHA-384 or SHA-512")
    if hashlib.new(used.name, stamped).digest() != digest.expect(0x04).body:
        raise Rejected(f"{where} is a time-stamp of something else.")
    text = time.expect(0x18).body.decode("ascii")
    whole, _, fraction = text.removesuffix("Z").partition(".")
    if not text.endswith("Z") or not re.fullmatch(r"\d{14}", whole) or not re.fullmatch(r"\d{0,9}", fraction):
        raise NotDer("its time is malformed")
    at = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    nonces = [int.from_bytes(part.body, "big", signed=True) for part in rest if part.tag == 0x02]
    return at + timedelta(microseconds=int(fraction[:6].ljust(6, "0"))), nonces[0] if nonces else None


def _signer_certificate(
    signer: list[Element], info: bytes, known: Sequence[x509.Certificate], where: str
) -> x509.Certificate:
    """The certificate by which the SignerInfo (RFC 5652, 5.3) holds: the one that its signed attributes name."""
    algorithm = signer[2].parts()[0].oid()
    attributes = signer[3].expect(0xA0)
    given: dict[str, Element] = {}
    for attribute in attributes.parts():
        name, values = attribute.expect(0x30).parts()
        given[name.oid()] = values.expect(0x31).parts()[0]
    digest = _DIGESTS.get(algorithm)
    if digest is None:
        raise NotDer("its digest is not SHA-256, SHA-384 or SHA-512")
    if given[_CONTENT_TYPE].oid() != _TST_INFO if _CONTENT_TYPE in given else True:
        raise NotDer("its signed attributes do not name a time-stamp")
    if _MESSAGE_DIGEST not in given or given[_MESSAGE_DIGEST].body != hashlib.new(digest.name, info).digest():
        raise Rejected(f"{where}: its signature is over another time-stamp.")
    named = _named_certificate(given)
    certificate = next((one for one in known if named(one)), None)
    if certificate is None:
        raise Rejected(f"{where}: the certificate that signed it is neither in it nor given with --tsa-cert.")
    signed = b"\x31" + attributes.raw[1:]  # RFC 5652, 5.4: signed as a SET, not under its context tag
    _check_signature(certificate, signer[4], signer[5].expect(0x04).body, signed, algorithm, where)
    return certificate


def _named_certificate(given: Mapping[str, Element]) -> Callable[[x509.Certificate], bool]:
    """Whether a certificate is the one that the signing-certificate attribute names (RFC 2634, 5.4; RFC 5816)."""
    kind = _SIGNING_CERTIFICATE_V2 if _SIGNING_CERTIFICATE_V2 in given else _SIGNING_CERTIFICATE
    if kind not in given:
        raise NotDer("it does not name the certificate that signed it")
    digest = "sha256" if kind == _SIGNING_CERTIFICATE_V2 else "sha1"
    parts = given[kind].expect(0x30).parts()[0].expect(0x30).parts()[0].expect(0x30).parts()
    if kind == _SIGNING_CERTIFICATE_V2 and parts[0].tag == 0x30:
        used = _DIGESTS.get(parts.pop(0).parts()[0].oid())
        if used is None:
            raise NotDer("it names its certificate by an unknown digest")
        digest = used.name
    wanted = parts[0].expect(0x04).body
    return lambda one: hashlib.new(digest, one.public_bytes(Encoding.DER)).digest() == wanted


def _check_signature(
    certificate: x509.Certificate,
    algorithm: Element,
    signature: bytes,
    signed: bytes,
    digest: str,
    where: str,
) -> None:
    name = algorithm.expect(0x30).parts()[0].oid()
    used = _DIGESTS[_SIGNATURES.get(name, digest)]
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and name == _RSA_PSS:
            key.verify(signature, signed, padding.PSS(padding.MGF1(used), padding.PSS.AUTO), used)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), used)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(used))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            raise NotDer("its certificate has a key of an unknown kind")
    except InvalidSignature:
        raise Rejected(f"{where}: the authority's signature does not fit.") from None


def _fit_to_stamp(certificate: x509.Certificate, at: datetime, where: str) -> None:
    """RFC 3161, 2.3: the key is for time-stamping and nothing else; and the certificate was good at that time."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except _CERTIFICATE_TROUBLES:
        uses = None
    if uses is None or not uses.critical or list(uses.value) != [_TIME_STAMPING]:
        raise Rejected(f"{where}: the certificate that signed it is not one for time-stamping.")
    _good_at(certificate, at, where)


def _good_at(certificate: x509.Certificate, at: datetime, where: str) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise Rejected(f"{where}: the certificate {_name(certificate)} was not valid at the time stamped.")


def _anchored(
    certificate: x509.Certificate,
    between: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: datetime,
    where: str,
) -> str:
    """The name of the given certificate that the signer's leads up to; "" where none was given."""
    if not anchors:
        return ""
    current = certificate
    for _ in range(8):
        if current in anchors:
            return _name(current)
        issuers = (one for one in [*anchors, *between] if _issued(one, current))
        issuer = next(issuers, None)
        if issuer is None or issuer == current:
            break
        _good_at(issuer, at, where)
        current = issuer
    raise Rejected(
        f"{where}: the authority's certificate ({_name(certificate)}) does not lead to the one given with --tsa-cert."
    )


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except _CERTIFICATE_TROUBLES:
        return False


def _name(certificate: x509.Certificate) -> str:
    try:
        return shown(certificate.subject.rfc4514_string())
    except ValueError:
        return "of an unreadable name"


# --- Grading: the same function as in the platform's notices/grading.py, which a test of the platform asserts ------

GRADING_VERSION = 2
GRADES = {
    "submitted": 1,
    "posted": 1,
    "relayed": 2,
    "delivered": 3,
    "auto_replied": 3,
    "complained": 4,
    "displayed": 4,
    "answered": 4,
    "signed_for": 4,
    "shown": 5,
    "acknowledged": 6,
    "replied": 6,
}
KINDS = {
    "submitted": "taken by our relay or provider",
    "posted": "posted to the in-app inbox",
    "relayed": "taken by the recipient's mail server",
    "delivered": "delivered to the mailbox",
    "auto_replied": "answered by an automatic reply",
    "complained": "reported as spam",
    "displayed": "displayed, by the mail program's own report",
    "shown": "shown to the signed-in account holder",
    "acknowledged": "acknowledged by the account holder",
    "replied": "answered by the account holder, with a signature that holds",
    "answered": "answered by mail, by somebody who had the notice",
    "signed_for": "signed for on receipt",
    "deferred": "refused for now; we try again",
    "delayed": "held up on the way; the carrier still tries",
    "refused": "refused for good",
    "suppressed": "withheld by the provider",
    "expired": "given up after repeated deferral",
    "bounced": "returned as undeliverable",
    "lost": "handed over, the answer never came",
    "opened": "opened (by whom or what is unknown)",
    "clicked": "a link was fetched (by whom or what is unknown)",
    "noted": "noted; worth nothing either way",
    "overdue": "the report that its carrier should have sent is overdue",
    "erased": "personal data erased; the facts stand",
}
BY_A_PERSON = 4
NOT_SENT, DEFEATING = {"refused", "suppressed", "expired"}, {"bounced"}
WEAK_SOURCES, WEAK_LIMIT = {"mailgun"}, 2
REPORTS = set(
    "relayed delivered delayed bounced refused suppressed expired auto_replied complained displayed signed_for opened "
    "clicked".split()
)
VERDICTS = {
    "proven": "Proven",
    "probable": "Probable",
    "not_proven": "Not proven",
    "disproven": "Disproven",
}
LINKS = {
    6: "None: the account holder has it.",
    5: "The session of the account was shown the text; nothing says that the holder acknowledged it.",
    4: "A person most likely saw it; nothing ties that person to the account.",
    3: "It reached the mailbox; nothing shows that a person saw it.",
    2: "Their mail server took it; nothing later shows that it reached the mailbox (it may lie in quarantine).",
    1: "It was handed over for delivery; nothing shows that it arrived.",
}


@dataclass(frozen=True)
class Fact:
    """One fact as far as grading looks at it; `at` is when it happened."""

    kind: str
    at: datetime
    delivery: int | None
    test: bool
    weak: bool


@dataclass(frozen=True)
class Attempt:
    """One delivery: its id, its channel, and from when on a bounce might not have reached the platform, if ever."""

    id: int
    channel: str
    blind_from: datetime | None = None


@dataclass(frozen=True)
class Rule:
    """When the notice counts as served: evidence of `grade`, or deemed, by so many channels or all of those named."""

    grade: int
    channels: int | tuple[str, ...] = 0
    days: int = 0

    def __str__(self) -> str:
        text = f"evidence of grade {self.grade} or more"
        if self.channels:
            of = self.channels
            on = f"{of} channels" if isinstance(of, int) else " and ".join(of)
            text += f", or deemed after {self.days} days without a bounce on {on}"
        return text

    def enough(self, channels: Collection[str]) -> bool:
        """Whether these channels, each of which kept the notice for long enough, make deemed service."""
        if isinstance(self.channels, int):
            return len(channels) >= self.channels
        return set(channels) >= set(self.channels)


@dataclass(frozen=True)
class Standing:
    """What the facts amount to."""

    grade: int
    verdict: str
    served_at: datetime | None
    deemed: bool
    deemed_due_at: datetime | None
    weakest_link: str


def judge(facts: Iterable[Fact], attempts: Collection[Attempt], rule: Rule, now: datetime) -> Standing:
    """Weigh the facts about a notice."""
    known = frozenset(facts)
    lost = defeated(known)
    standing = [fact for fact in known if strength(fact, lost) > 0]
    grade = max((strength(fact, lost) for fact in standing), default=0)
    served_at = min((fact.at for fact in standing if strength(fact, lost) >= rule.grade), default=None)
    deemed_at = _deemed_at(standing, attempts, rule)
    deemed = deemed_at is not None and deemed_at <= now and (served_at is None or deemed_at < served_at)
    if deemed:
        served_at = deemed_at
    link = _weakest_link(grade, known, attempts)
    if not served_at and not deemed_at:
        link += _silence_that_says_nothing(standing, attempts, rule)
    due = deemed_at if served_at is None else None
    return Standing(grade, _verdict(grade, known, attempts), served_at, deemed, due, link)


def defeated(known: Iterable[Fact]) -> dict[int | None, int]:
    """For each delivery that failed, up to which grade its facts count for nothing.

    A bounce takes all back but a person's own act; "withheld" or "given up", only what the provider itself took.
    """
    known = list(known)
    never_left = {fact.delivery: 1 for fact in known if fact.kind in NOT_SENT}
    return never_left | {fact.delivery: BY_A_PERSON - 1 for fact in known if fact.kind in DEFEATING}


def strength(fact: Fact, lost: Mapping[int | None, int]) -> int:
    """The grade of one fact beside the others."""
    if fact.test:
        return 0
    grade = GRADES.get(fact.kind, 0)
    if fact.weak:
        grade = min(grade, WEAK_LIMIT)
    return 0 if grade <= lost.get(fact.delivery, 0) else grade


def _deemed_at(standing: Iterable[Fact], attempts: Collection[Attempt], rule: Rule) -> datetime | None:
    """When enough channels had kept the notice for long enough, in days in which a bounce would have been seen."""
    if not rule.channels or not rule.days:
        return None
    attempt_of = {attempt.id: attempt for attempt in attempts}
    kept_until: dict[int, datetime] = {}
    for fact in standing:
        if fact.delivery in attempt_of:
            end = fact.at + timedelta(days=rule.days)
            kept_until[fact.delivery] = min(end, kept_until.get(fact.delivery, end))
    for due in sorted(set(kept_until.values())):
        silent = [attempt_of[pk] for pk, end in kept_until.items() if end <= due]
        if rule.enough({one.channel for one in silent if one.blind_from is None or due <= one.blind_from}):
            return due
    return None


def _silence_that_says_nothing(standing: Iterable[Fact], attempts: Collection[Attempt], rule: Rule) -> str:
    if _deemed_at(standing, [Attempt(one.id, one.channel) for one in attempts], rule) is None:
        return ""
    since = min(one.blind_from for one in attempts if one.blind_from is not None)
    return f" Silence serves nothing here: since {_in_words(since)} a bounce might not have reached us."


def _in_words(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y %H:%M} UTC"


def _failed(known: Iterable[Fact]) -> set[int | None]:
    return {fact.delivery for fact in known if fact.kind in NOT_SENT or fact.kind in DEFEATING}


def _verdict(grade: int, known: frozenset[Fact], attempts: Collection[Attempt]) -> str:
    if grade >= 3:
        return "proven" if grade >= 5 else "probable"
    failed = _failed(fact for fact in known if not fact.weak)
    return "disproven" if grade == 0 and failed >= {one.id for one in attempts} else "not_proven"


def _weakest_link(grade: int, known: frozenset[Fact], attempts: Collection[Attempt]) -> str:
    reported = {fact.delivery for fact in known if fact.kind in REPORTS}
    overdue = [fact.at for fact in known if fact.kind == "overdue" and fact.delivery not in reported]
    if grade == 1 and overdue:
        since = f"Its report is overdue since {_in_words(min(overdue))}"
        return f"{LINKS[1]} {since}; no data is neither delivered nor not delivered."
    if grade:
        return LINKS[grade]
    kinds = {fact.kind for fact in known}
    if not attempts:
        return "There was no address to send it to."
    if any(fact.test for fact in known):
        return "The provider was in test mode: nothing left it."
    if _failed(known) >= {one.id for one in attempts}:
        return "Every address refused it or sent it back."
    if "lost" in kinds:
        return "It was being handed over when the connection was lost; whether it was taken is unknown."
    if kinds & {"deferred", "delayed"}:
        return "It is held up on the way; the carrier still tries."
    return "It is queued here; nothing has left yet."


# --- The bundle -----------------------------------------------------------------------------------------------------

_ALWAYS = (
    "MANIFEST README.txt checkpoint.txt keys.txt notice.json summary.pdf summary.pdf.note verify.py".split()
)
_LEAF_KEYS = set("at commitment delivery id key kind notice recorded source test v".split())
TEXT, LETTER = "messages/notice.eml", "pdf_sha256"
_FACT = re.compile(r"facts/E-([1-9]\d{0,17})/leaf\.json")
_OLDER = re.compile(r"older/([1-9]\d{0,17})/checkpoint\.txt")
_STAMP = re.compile(r"stamps/([1-9]\d{0,17})-([1-9]\d?)\.tst")


@dataclass(frozen=True)
class Entry:
    """One fact with its place in the ledger.

    Attributes:
        payload: what the source said, or None where it was erased.
        size: of the checkpoint that its proof leads to.
        stamp: the earliest time-stamp of a checkpoint that holds it, if any.
    """

    id: int
    kind: str
    at: datetime
    recorded: datetime
    delivery: int | None
    source: str
    test: bool
    payload: Mapping[str, Any] | None
    index: int
    size: int
    grade: int = 0
    stamp: Stamp | None = None

    @property
    def number(self) -> str:
        return f"E-{self.id}"

    def fact(self) -> Fact:
        return Fact(self.kind, self.at, self.delivery, self.test, self.source in WEAK_SOURCES)


@dataclass(frozen=True)
class Contents:
    """What a bundle says, once all of it has been checked.

    Attributes:
        notice: notice.json: what the platform states about the notice and its deliveries.
        standing: what the facts amount to at `made`, worked out anew.
        key: whose signature holds; key_given: whether it was given, or came with the bundle.
    """

    notice: Mapping[str, Any]
    made: datetime
    head: Head
    entries: Sequence[Entry]
    standing: Standing
    rule: Rule
    key: Key
    key_given: bool
    stated_version: int = GRADING_VERSION

    @property
    def deliveries(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.notice["deliveries"]
        return found


def check(data: bytes, keys: Sequence[str] = (), anchors: Sequence[x509.Certificate] = ()) -> Contents:
    """Check a whole bundle.

    Args:
        data: the file, byte for byte.
        keys: verifier keys to trust; none: those in the bundle, for their holder to compare.
        anchors: certificates of time-stamp authorities to trust; none: those in the time-stamps.

    Raises:
        Rejected: something is not as it was exported, or does not follow.
    """
    files = unpack(data)
    missing = [name for name in _ALWAYS if name not in files]
    if missing:
        raise Rejected(f"{missing[0]} is missing from the bundle.")
    bundled = [
        Key.parse(line, "keys.txt") for line in files["keys.txt"].decode("utf-8", "replace").splitlines()
    ]
    trusted = [Key.parse(text.strip(), "--key") for text in keys] or bundled
    origin, number, made, key = _manifest(files, trusted)
    _same_container(files, data)
    _summary(files, trusted)
    if key.name != origin:
        raise Rejected(f"MANIFEST is about the log {shown(origin)}, and signed by {shown(str(key))}.")
    return read(files, number, made, key, [*trusted, *bundled], anchors, key_given=bool(keys))


def read(
    files: Mapping[str, bytes],
    number: str,
    made: datetime,
    key: Key,
    keys: Sequence[Key],
    anchors: Sequence[x509.Certificate] = (),
    *,
    key_given: bool = False,
) -> Contents:
    """What files that MANIFEST vouches for amount to: the ledger's proofs, the time-stamps, the messages, the grading.

    Args:
        key: that signed the bundle; keys: that may have signed checkpoints: it vouches for those in keys.txt, which
            are its predecessors.

    Raises:
        Rejected: something does not follow.
    """
    head = open_checkpoint(files["checkpoint.txt"], keys, "checkpoint.txt")
    if head.origin != key.name:
        raise Rejected(f"checkpoint.txt is of the log {shown(head.origin)}, the bundle of {shown(key.name)}.")
    heads = {head.size: head, **_older(files, head, keys)}
    notice = _notice(files, number)
    entries = _entries(files, notice, heads, _stamps(files, heads, anchors))
    _nothing_else(files, notice, heads, entries)
    asked = rule(notice["service_rule"])
    graded, standing = grade(entries, notice["deliveries"], asked, made)
    stated = notice["standing"]["version"]
    if stated == GRADING_VERSION and standing_json(standing) != notice["standing"]:
        raise Rejected("notice.json states another standing than its facts amount to.")
    return Contents(notice, made, head, graded, standing, asked, key, key_given, stated)


def _manifest(files: Mapping[str, bytes], trusted: Sequence[Key]) -> tuple[str, str, datetime, Key]:
    """Check MANIFEST and that each file is the one that it lists. Gives the log's name, the notice and the time."""
    text, key = open_note(files["MANIFEST"], trusted, "MANIFEST", alone=True)
    first, *listed = text.rstrip("\n").split("\n\n")
    match = re.fullmatch(rf"{re.escape(FORMAT)}\nlog (\S+)\nnotice (N-[1-9]\d{{0,17}})\nmade (\S+)", first)
    if not match or len(listed) != 1:
        raise Rejected(f"MANIFEST is not that of a proof bundle in the form {FORMAT}.")
    hashed: dict[str, str] = {}
    for line in listed[0].split("\n"):
        found = re.fullmatch(r"([0-9a-f]{64})  (\S+)", line)
        if not found or found[2] in hashed:
            raise Rejected("MANIFEST has a line that is not a SHA-256 and a file name, each name once.")
        hashed[found[2]] = found[1]
    for name, wanted in hashed.items():
        if name not in files:
            raise Rejected(f"{shown(name)} is missing from the bundle.")
        if hashlib.sha256(files[name]).hexdigest() != wanted:
            raise Rejected(f"{name} is not the file that MANIFEST lists: its SHA-256 differs.")
    extra = sorted(set(files) - set(hashed) - {"MANIFEST"})
    if extra:
        raise Rejected(f"{extra[0]} lies in the bundle, and MANIFEST does not list it.")
    return match[1], match[2], moment(match[3], "MANIFEST"), key


def _summary(files: Mapping[str, bytes], trusted: Sequence[Key]) -> None:
    text, _ = open_note(files["summary.pdf.note"], trusted, "summary.pdf.note", alone=True)
    if text != summary_text(files["summary.pdf"]):
        raise Rejected("summary.pdf is not the file that summary.pdf.note signs.")


def summary_text(pdf: bytes) -> str:
    """What is signed for a summary, apart from the bundle, so that it can be handed on alone."""
    return f"{SUMMARY_FORMAT}\n{hashlib.sha256(pdf).hexdigest()}\n"


def _older(files: Mapping[str, bytes], head: Head, keys: Sequence[Key]) -> dict[int, Head]:
    """The earlier checkpoints in the bundle, each shown to be of the same log."""
    heads: dict[int, Head] = {}
    for name in files:
        if match := _OLDER.fullmatch(name):
            old = open_checkpoint(files[name], keys, name)
            proof = f"older/{match[1]}/consistency.txt"
            path = hash_lines(files.get(proof, b"").decode("ascii", "replace"), proof)
            if old.size != int(match[1]) or old.origin != head.origin or not is_consistent(old, head, path):
                raise Rejected(f"{name} is not a checkpoint of the log that checkpoint.txt is of.")
            heads[old.size] = old
    return heads


def _stamps(
    files: Mapping[str, bytes], heads: Mapping[int, Head], anchors: Sequence[x509.Certificate]
) -> dict[int, list[Stamp]]:
    """The time-stamps by the size of the checkpoint that they are over."""
    stamps: dict[int, list[Stamp]] = {}
    for name in files:
        if match := _STAMP.fullmatch(name):
            size = int(match[1])
            if size not in heads:
                raise Rejected(f"{name} is over a checkpoint that is not in the bundle.")
            stamped = files[_checkpoint_of(files, size)]
            stamps.setdefault(size, []).append(open_stamp(files[name], stamped, name, anchors))
    return stamps


def _part(data: Mapping[str, Any], name: str, kinds: type | tuple[type, ...], where: str) -> Any:
    value = data.get(name)
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is int):
        raise Rejected(f"{where}: {name} is missing or of the wrong kind.")
    return value


def _notice(files: Mapping[str, bytes], number: str) -> dict[str, Any]:
    """notice.json, its shape checked."""
    where = "notice.json"
    notice = read_json(files[where], where)
    texts = (
        "number reference recipient recipient_name kind policy_version language platform content_sha256 text"
    )
    for name in texts.split():
        _part(notice, name, str, where)
    for name in ("service_rule", "standing"):
        _part(notice, name, dict, where)
    _part(notice["standing"], "version", int, where)
    moment(notice.get("issued_at"), where)
    if notice["number"] != number:
        raise Rejected(f"notice.json is about {shown(notice['number'])[:40]}, MANIFEST about {number}.")
    seen: set[int] = set()
    for delivery in _part(notice, "deliveries", list, where):
        if not isinstance(delivery, dict) or _part(delivery, "id", int, where) in seen:
            raise Rejected("notice.json: a delivery is malformed, or stands there twice.")
        seen.add(delivery["id"])
        for name in ("channel", "address", "state", "message", "letter", "blind_from"):
            _part(delivery, name, str, where)
        _part(delivery, "content_from", int, where)
        moment(delivery.get("created_at"), where)
    return notice


def rule(data: Mapping[str, Any]) -> Rule:
    """The service rule as notice.json has it: {"grade": 2, "deemed": {"channels": 2 or ["post"], "days": 7}}."""
    deemed = data.get("deemed") or {}
    if isinstance(deemed, dict):
        grade: Any = data.get("grade")
        channels, days = deemed.get("channels", 0), deemed.get("days", 0)
        named = isinstance(channels, list) and channels and all(isinstance(one, str) for one in channels)
        if _is_count(grade) and _is_count(days) and (named or _is_count(channels)):
            return Rule(grade, tuple(channels) if named else channels, days)
    raise Rejected("notice.json: the service rule is malformed.")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 36_500


def _entries(
    files: Mapping[str, bytes],
    notice: Mapping[str, Any],
    heads: Mapping[int, Head],
    stamps: Mapping[int, Sequence[Stamp]],
) -> list[Entry]:
    """Every fact: payload and salt to commitment to leaf to tree to checkpoint."""
    ids = sorted(int(match[1]) for name in files if (match := _FACT.fullmatch(name)))
    deliveries = {delivery["id"]: delivery for delivery in notice["deliveries"]}
    entries = [_entry(files, one, heads, stamps) for one in ids]
    for entry in entries:
        where = f"facts/{entry.number}/leaf.json"
        about = json.loads(files[where])["notice"]
        if f"N-{about}" != notice["number"]:
            raise Rejected(f"{where} is about N-{about}, not about {notice['number']}.")
        if entry.delivery is not None and entry.delivery not in deliveries:
            raise Rejected(
                f"{where} is about the delivery D-{entry.delivery}, which notice.json does not know."
            )
        _same_content(entry, notice)
    for delivery in notice["deliveries"]:
        if delivery["message"]:
            _same_message(files, delivery, entries, notice)
        if delivery["letter"]:
            _same_letter(files, delivery, entries)
    text = notice["text"]
    if text and (
        text != TEXT or hashlib.sha256(files.get(TEXT, b"")).hexdigest() != notice["content_sha256"]
    ):
        raise Rejected(f"{TEXT} does not hold the text of {notice['number']}: its SHA-256 differs.")
    return entries


def _entry(
    files: Mapping[str, bytes], pk: int, heads: Mapping[int, Head], stamps: Mapping[int, Sequence[Stamp]]
) -> Entry:
    room = f"facts/E-{pk}"
    where, raw = f"{room}/leaf.json", files[f"{room}/leaf.json"]
    leaf = read_json(raw, where)
    for name, kinds in (("id", int), ("notice", int), ("kind", str), ("source", str), ("commitment", str)):
        _part(leaf, name, kinds, where)
    _part(leaf, "delivery", (int, type(None)), where)
    _part(leaf, "test", bool, where)
    if set(leaf) != _LEAF_KEYS or leaf["v"] != 1 or leaf["id"] != pk:
        raise Rejected(f"{where} is not the ledger entry of E-{pk}.")
    payload = None
    if f"{room}/payload.json" in files or f"{room}/salt" in files:
        salt, body = files.get(f"{room}/salt", b""), files.get(f"{room}/payload.json", b"")
        if len(salt) != 16 or hashlib.sha256(salt + body).hexdigest() != leaf["commitment"]:
            raise Rejected(
                f"{room}/payload.json is not what the ledger committed to: salt and payload do not open it."
            )
        payload = read_json(body, f"{room}/payload.json")
    name = f"{room}/proof.tlog-proof"
    index, path, checkpoint = read_proof(files.get(name, b""), name)
    size = next((size for size in heads if checkpoint == files[_checkpoint_of(files, size)]), 0)
    if not size:
        raise Rejected(f"{name} leads to a checkpoint that is not in the bundle.")
    if root_from_leaf(raw, index, size, path) != heads[size].root:
        raise Rejected(f"{name} does not lead from {where} to the root of its checkpoint.")
    covering = [stamp for stamped, found in stamps.items() if stamped > index for stamp in found]
    return Entry(
        pk,
        leaf["kind"],
        moment(leaf["at"], where),
        moment(leaf["recorded"], where),
        leaf["delivery"],
        leaf["source"],
        leaf["test"],
        payload,
        index,
        size,
        stamp=min(covering, key=lambda stamp: stamp.at, default=None),
    )


def _checkpoint_of(files: Mapping[str, bytes], size: int) -> str:
    older = f"older/{size}/checkpoint.txt"
    return older if older in files else "checkpoint.txt"


def _same_content(entry: Entry, notice: Mapping[str, Any]) -> None:
    said = (entry.payload or {}).get("content_sha256")
    if said is not None and said != notice["content_sha256"]:
        raise Rejected(
            f"facts/{entry.number}/payload.json is about another text than that of {notice['number']}."
        )


def naming(entries: Iterable[Entry], delivery: int, what: str = "message_sha256") -> list[Entry]:
    """The facts in which the ledger holds the SHA-256 of the message (or the letter) of this delivery."""
    return [one for one in entries if one.delivery == delivery and (one.payload or {}).get(what)]


def _same_message(
    files: Mapping[str, bytes],
    delivery: Mapping[str, Any],
    entries: Sequence[Entry],
    notice: Mapping[str, Any],
) -> None:
    """The message is the one that the ledger names, its content the notice's, its recipient the delivery's."""
    name, start = delivery["message"], delivery["content_from"]
    if name != f"messages/D-{delivery['id']}.{'eml' if start >= 0 else 'txt'}" or name not in files:
        raise Rejected(f"The message of D-{delivery['id']} is missing from the bundle.")
    raw, digest = files[name], hashlib.sha256(files[name]).hexdigest()
    for entry in naming(entries, delivery["id"]):
        if (entry.payload or {})["message_sha256"] != digest:
            raise Rejected(f"{name} is not the message that {entry.number} names: its SHA-256 differs.")
    if start >= 0 and hashlib.sha256(raw[start:]).hexdigest() != notice["content_sha256"]:
        raise Rejected(f"{name} does not hold the text of {notice['number']}: its SHA-256 differs.")
    if delivery["channel"] == "email" and _to(raw) != delivery["address"]:
        raise Rejected(
            f"{name} is not addressed to the address that notice.json states for D-{delivery['id']}."
        )


def _same_letter(files: Mapping[str, bytes], delivery: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    """The letter as printed is the one that the ledger names."""
    name = f"messages/D-{delivery['id']}.pdf"
    if delivery["letter"] != name or name not in files:
        raise Rejected(f"The letter of D-{delivery['id']} is missing from the bundle.")
    digest = hashlib.sha256(files[name]).hexdigest()
    for entry in naming(entries, delivery["id"], LETTER):
        if (entry.payload or {})[LETTER] != digest:
            raise Rejected(f"{name} is not the letter that {entry.number} names: its SHA-256 differs.")


def _to(raw: bytes) -> str:
    """The address in the To line of a message of ours: what is in angle brackets, else all of it."""
    lines = raw[:4096].decode("utf-8", "replace").split("\r\n")
    said = next((line[4:] for line in lines if line.lower().startswith("to: ")), "")
    return said.rpartition("<")[2].rstrip(">") if said.endswith(">") else said


def _nothing_else(
    files: Mapping[str, bytes], notice: Mapping[str, Any], heads: Collection[int], entries: Sequence[Entry]
) -> None:
    """Nothing lies in the bundle without having been checked."""
    known = {*_ALWAYS, *(name for name in files if _STAMP.fullmatch(name))}
    known |= {delivery[name] for delivery in notice["deliveries"] for name in ("message", "letter")}
    known |= {notice["text"]}
    older = [size for size in heads if f"older/{size}/checkpoint.txt" in files]
    known |= {f"older/{size}/{name}" for size in older for name in ("checkpoint.txt", "consistency.txt")}
    parts = ("leaf.json", "payload.json", "salt", "proof.tlog-proof")
    known |= {f"facts/{entry.number}/{part}" for entry in entries for part in parts}
    if extra := sorted(set(files) - known):
        raise Rejected(f"{extra[0]} does not belong in a proof bundle.")


def grade(
    entries: Sequence[Entry], deliveries: Sequence[Mapping[str, Any]], asked: Rule, now: datetime
) -> tuple[list[Entry], Standing]:
    """The facts, oldest first, each with its grade beside the others; and what they amount to."""
    facts = [entry.fact() for entry in entries]
    lost = defeated(facts)
    graded = [
        Entry(**{**vars(entry), "grade": strength(fact, lost)})
        for entry, fact in zip(entries, facts, strict=True)
    ]
    standing = judge(facts, attempts(deliveries), asked, now)
    return sorted(graded, key=lambda entry: (entry.at, entry.id)), standing


def attempts(deliveries: Iterable[Mapping[str, Any]]) -> list[Attempt]:
    """The deliveries of notice.json as far as grading looks at them."""
    return [
        Attempt(
            one["id"], one["channel"], moment(one["blind_from"], "notice.json") if one["blind_from"] else None
        )
        for one in deliveries
    ]


def standing_json(standing: Standing, version: int = GRADING_VERSION) -> dict[str, Any]:
    """A standing as notice.json states it."""
    return {
        "version": version,
        "grade": standing.grade,
        "verdict": standing.verdict,
        "served_at": standing.served_at and written(standing.served_at),
        "deemed": standing.deemed,
        "deemed_due_at": standing.deemed_due_at and written(standing.deemed_due_at),
        "weakest_link": standing.weakest_link,
    }


def written(at: datetime) -> str:
    """A time as the ledger writes it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


# --- What the bundle says, in words ---------------------------------------------------------------------------------


def serving(contents: Contents) -> list[Entry]:
    """The facts that served the notice: strong enough for its rule, and the first to be."""
    if contents.standing.served_at is None or contents.standing.deemed:
        return []
    return [
        entry
        for entry in contents.entries
        if entry.grade >= max(contents.rule.grade, 1) and entry.at == contents.standing.served_at
    ]


def words(entry: Entry) -> str:
    """What the source said, in its own words, where its payload has any."""
    if entry.payload is None:
        return "(its words were erased)"
    payload = entry.payload
    if "action" in payload:
        said = payload.get("diagnostic_code") or payload.get("status") or ""
        return ", ".join(
            str(part) for part in (payload["action"], said, payload.get("remote_mta") or "") if part
        )
    return str(next((payload[name] for name in ("reply", "what", "last_reply") if payload.get(name)), ""))


def subject(raw: bytes) -> str:
    """The subject of a message; "" where it cannot be read."""
    try:
        return str(make_header(decode_header(str(message_from_bytes(raw[:65_536]).get("Subject", "")))))
    except (ValueError, LookupError, binascii.Error):
        return ""


def served_sentence(contents: Contents) -> str:
    """Whether, when, how and by which facts the notice was served."""
    standing, rule = contents.standing, contents.rule
    if standing.served_at is None:
        due = (
            f" Silence would serve it on {_clock(standing.deemed_due_at)}." if standing.deemed_due_at else ""
        )
        return f"Not served as of {_clock(contents.made)}. The rule asks for {rule}.{due}"
    if standing.deemed:
        return f"Deemed served on {_clock(standing.served_at)}: by time alone, under the rule: {rule}."
    by = ", ".join(entry.number for entry in serving(contents))
    return f"Served on {_clock(standing.served_at)} by {by}, under the rule: {rule}."


def proven(contents: Contents) -> list[str]:
    """What follows from the bundle for whoever holds its key to be the platform's."""
    number, entries = contents.notice["number"], contents.entries
    said = []
    if entries:
        these = "this fact" if len(entries) == 1 else f"these {len(entries)} facts"
        said.append(
            f"The platform's ledger holds {these} about {number}, unchanged since each of them entered it: so says its "
            f"checkpoint of {contents.head.size:,} entries, which the platform signed."
        )
    stamped = [entry for entry in entries if entry.stamp]
    if stamped:
        last = max(entry.stamp.at for entry in stamped if entry.stamp)
        which = (
            "All of them" if len(stamped) == len(entries) else ", ".join(entry.number for entry in stamped)
        )
        names = sorted({entry.stamp.authority for entry in stamped if entry.stamp})
        said.append(
            f"{which} lay in the ledger on {_clock(last)} at the latest: {' and '.join(names)} signed that."
        )
    for delivery in contents.deliveries:
        for name, what in (("message", "message_sha256"), ("letter", LETTER)):
            facts = naming(entries, delivery["id"], what)
            if delivery[name] and facts:
                which = ", ".join(entry.number for entry in facts)
                said.append(
                    f"{delivery[name]} is, byte for byte, the {name} that the ledger has on record for "
                    f"D-{delivery['id']} ({which}), first on {_clock(min(entry.at for entry in facts))}."
                )
        if delivery["channel"] == "email" and naming(entries, delivery["id"]) and delivery["message"]:
            said.append(f"That message is addressed to {delivery['address']}: so says the message itself.")
    said.append(
        f"By these facts the notice has grade {contents.standing.grade} of 6, verdict: "
        f"{VERDICTS[contents.standing.verdict].lower()} (grading version {GRADING_VERSION}, worked out anew from them)."
    )
    return [*said, served_sentence(contents)]


def not_proven(contents: Contents) -> list[str]:
    """What the bundle leaves open, the most important first."""
    standing, number = contents.standing, contents.notice["number"]
    said = [] if standing.grade == 6 else [f"Beyond grade {standing.grade}: {standing.weakest_link}"]
    if standing.deemed:
        said.append("That anybody received it: service is deemed, from silence, as the rule allows.")
    for delivery in contents.deliveries:
        for name, what in (("message", "message_sha256"), ("letter", LETTER)):
            if delivery[name] and not naming(contents.entries, delivery["id"], what):
                said.append(f"That {delivery[name]} left: no fact in the ledger names its SHA-256.")
        if not delivery["message"]:
            said.append(f"What D-{delivery['id']} said: its message was erased, or is not in this bundle.")
    erased = [entry.number for entry in contents.entries if entry.payload is None]
    if erased:
        which = ", ".join(erased)
        said.append(
            f"What the sources of {which} said: their words were erased. Kind, source and time stand."
        )
    unstamped = [entry.number for entry in contents.entries if entry.stamp is None]
    if unstamped:
        said.append(
            f"When {', '.join(unstamped)} came to be recorded: no time-stamp authority has confirmed it; the times "
            "are those of the platform's clock."
        )
    if any(entry.stamp for entry in contents.entries):
        said.append("The exact times of facts: a time-stamp says no more than 'not later than'.")
    said.append(
        "That the sources told the truth, or that the platform wrote down what they said: the ledger shows that a "
        "record was not changed afterwards, not that it was right when it was written."
    )
    said.append(
        f"That there are no further facts about {number}: the platform states, by its signature, that these are all. "
        f'Whoever holds the ledger can look for other entries with "notice":{number[2:]}; they have no personal data.'
    )
    said.append(
        "That the addresses belong to the account holder. And account, policy, service rule, and addresses other than "
        "those of mail, are the platform's own statements in notice.json, which it signed with the bundle."
    )
    return said


def trust(contents: Contents) -> list[str]:
    """What the reader has to see to: the key, and the certificates of the time-stamps."""
    said = []
    if not contents.key_given:
        said.append(
            "The key came with the bundle, so by itself it shows only that the bundle is whole. Compare it with the "
            f"key that the platform publishes for its ledger ({shown(contents.head.origin)}), or give that one with "
            f"--key. The key: {contents.key.text}"
        )
    own = {entry.stamp.authority for entry in contents.entries if entry.stamp and not entry.stamp.anchor}
    if own:
        said.append(
            f"The certificate of {' and '.join(sorted(own))} came with its time-stamp. Give the authority's own, as it "
            "publishes it, to be sure of it: --tsa-cert FILE."
        )
    given = {entry.stamp.anchor for entry in contents.entries if entry.stamp and entry.stamp.anchor}
    said += [f"The time-stamps lead up to the certificate that was given: {name}." for name in sorted(given)]
    if contents.stated_version != GRADING_VERSION:
        said.append(
            f"The bundle was graded by version {contents.stated_version}, this program grades by {GRADING_VERSION}; "
            "the standing above is this program's. The verify.py in the bundle has the other."
        )
    return said


def report(contents: Contents) -> dict[str, Any]:
    """Everything that is said, as JSON-able data."""
    notice = contents.notice
    return {
        "accepted": True,
        "notice": {
            name: notice[name] for name in ("number", "reference", "recipient", "recipient_name", "kind")
        },
        "issued_at": notice["issued_at"],
        "made": written(contents.made),
        "log": contents.head.origin,
        "checkpoint": {"size": contents.head.size, "root": base64.b64encode(contents.head.root).decode()},
        "key": contents.key.text,
        "key_given": contents.key_given,
        "deliveries": [dict(delivery) for delivery in contents.deliveries],
        "facts": [
            {
                "id": entry.id,
                "kind": entry.kind,
                "at": written(entry.at),
                "recorded": written(entry.recorded),
                "delivery": entry.delivery,
                "source": entry.source,
                "grade": entry.grade,
                "index": entry.index,
                "words": words(entry),
                "stamped": entry.stamp and written(entry.stamp.at),
            }
            for entry in contents.entries
        ],
        "standing": standing_json(contents.standing),
        "served_by": [entry.number for entry in serving(contents)],
        "proven": proven(contents),
        "not_proven": not_proven(contents),
        "trust": trust(contents),
    }


def text_report(contents: Contents, files: Mapping[str, bytes]) -> str:
    """The same for people."""
    import textwrap

    def wrapped(text: str, mark: str) -> str:
        return textwrap.fill(shown(text), 110, initial_indent=mark, subsequent_indent=" " * len(mark))

    notice, head = contents.notice, contents.head
    name = notice["recipient_name"] or "an account"
    title = (
        f"{notice['number']} ({notice['reference']}): {notice['kind']} from {notice['platform']} to {name}"
    )
    lines = [
        f"ACCEPTED. The bundle is whole: {len(files)} files, every byte as exported on {_clock(contents.made)},",
        f"signed by {contents.key} {'(the key that was given)' if contents.key_given else '(a key from the bundle)'}.",
        f"Ledger {head.origin}, checkpoint of {head.size:,} entries, root {base64.b64encode(head.root).decode()}.",
        "",
        f"{title} ({notice['recipient']}), issued {notice['issued_at'][:19]}Z",
        "",
        "WHAT WAS SENT",
    ]
    for delivery in contents.deliveries:
        lines.append(f"  D-{delivery['id']}  {delivery['channel']} to {delivery['address'] or '(erased)'}")
        if delivery["message"].endswith(".eml"):
            lines.append(f"        subject: {subject(files[delivery['message']])}")
        names = [name for name in (delivery["message"], delivery["letter"]) if name]
        lines += [f"        {name}, SHA-256 {hashlib.sha256(files[name]).hexdigest()}" for name in names]
    lines += ["", "THE FACTS, oldest first"]
    for entry in contents.entries:
        where = f" on D-{entry.delivery}" if entry.delivery is not None else ""
        worth = f"grade {entry.grade}" + (", in test mode: worth nothing" if entry.test else "")
        what = KINDS.get(entry.kind, entry.kind)
        lines.append(f"  {_clock(entry.at)}  {entry.number}{where}: {what} ({worth})")
        lines.append(
            f"        says {entry.source}, recorded {_clock(entry.recorded)}, ledger entry {entry.index}"
        )
        if said := words(entry):
            lines.append(wrapped(said[:500], "        "))
    for title, sentences in (
        ("PROVEN", proven(contents)),
        ("NOT PROVEN", not_proven(contents)),
        ("FOR YOU TO SEE TO", trust(contents)),
    ):
        if sentences:
            lines += ["", title, *(wrapped(one, "  - ") for one in sentences)]
    return "\n".join(shown(line) for line in lines) + "\n"


# --- The program ----------------------------------------------------------------------------------------------------


def read_certificates(path: str) -> list[x509.Certificate]:
    """The certificates in a PEM file, or the one in a DER file. Raises Rejected."""
    try:
        raw = Path(path).read_bytes()
        return (
            x509.load_pem_x509_certificates(raw)
            if b"-----BEGIN" in raw
            else [x509.load_der_x509_certificate(raw)]
        )
    except (OSError, ValueError) as error:
        raise Rejected(f"{path}: no certificate could be read from it ({error}).") from None


def read_file(path: str) -> bytes:
    """A bundle's bytes, no more than a bundle may have. Raises Rejected."""
    try:
        with open(path, "rb") as file:
            return file.read(SIZE_LIMIT + 1)
    except (OSError, ValueError) as error:
        raise Rejected(f"{path} cannot be read: {error}.") from None


def examine(
    path: str, keys: Sequence[str], certificates: Sequence[str], *, as_json: bool
) -> tuple[bool, str]:
    """Check the bundle at `path`. Whether it was accepted, and what to print. Raises nothing."""
    try:
        anchors = [one for name in certificates for one in read_certificates(name)]
        data = read_file(path)
        contents = check(data, keys, anchors)
        if as_json:
            return True, json.dumps(report(contents), ensure_ascii=True, indent=2) + "\n"
        return True, text_report(contents, unpack(data))
    except Rejected as rejected:
        reason = str(rejected)
    except Exception as error:  # noqa: BLE001  (whatever a hostile file does, its reader gets a sentence)
        reason = (
            f"The bundle is malformed in a way that this program has no words for ({type(error).__name__})."
        )
    if as_json:
        return False, json.dumps({"accepted": False, "reason": reason}, ensure_ascii=True, indent=2) + "\n"
    return False, f"REJECTED. {shown(reason)}\n"


def add_arguments(parser: argparse.ArgumentParser, *, key_help: str) -> None:
    """What the command line takes: file, key, tsa_cert, json."""
    parser.add_argument("file", metavar="FILE.zip")
    parser.add_argument("--key", metavar="VKEY", action="append", default=[], help=key_help)
    parser.add_argument(
        "--tsa-cert",
        metavar="FILE",
        action="append",
        default=[],
        help="a certificate of the time-stamp authority",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; gives the exit status."""
    parser = argparse.ArgumentParser(description="Check a proof bundle of Due Notice, offline.")
    add_arguments(parser, key_help="the platform's key, as it publishes it")
    given = parser.parse_args(arguments)
    accepted, said = examine(given.file, given.key, given.tsa_cert, as_json=given.json)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.stdout.write(said)
    return 0 if accepted else 1


if __name__ == "__main__":
    sys.exit(main())
