"""What a delivery status notification says, and the pieces that the layouts have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from demo.world.domains import a_labels

HOSTS = {"postfix": "out1.smarthost.test", "exim": "out2.smarthost.test", "exchange": "EX03.smarthost.test"}


@dataclass(frozen=True, slots=True)
class Report:
    """All that a DSN about one recipient says.

    Attributes:
        style: postfix, exim or exchange.
        action: failed, delayed, delivered or relayed.
        status: enhanced status code (RFC 3463).
        diagnostic: the reply of the remote server, without `smtp;`.
        recipient: address as it came in RCPT, its domain as A-labels if the local part is ASCII.
        original_recipient: ORCPT with its type, xtext undone, or "".
        envid: ENVID with its xtext undone, or "".
        return_path: whom the report goes to.
        headers: header of the message reported on, LF line ends.
        body: the rest of it, LF line ends, where the whole message is to be returned; else b"".
        arrived, now: aware.
        number: makes boundary and Message-ID of this report unique.
    """

    style: str
    action: str
    status: str
    diagnostic: str
    recipient: str
    original_recipient: str
    envid: str
    return_path: str
    queue_id: str
    headers: bytes
    body: bytes
    arrived: datetime
    now: datetime
    number: int

    @property
    def host(self) -> str:
        return HOSTS[self.style]

    @property
    def remote(self) -> str:
        return "mx." + a_labels(self.recipient.rpartition("@")[2])

    @property
    def international(self) -> bool:
        return not self.recipient.rpartition("@")[0].isascii()

    @property
    def kind(self) -> str:
        """The address type, RFC 6533, section 3."""
        return "utf-8" if self.international else "rfc822"


@lru_cache(maxsize=64)
def _date(at: datetime) -> str:
    return format_datetime(at)


def date(at: datetime) -> str:
    """RFC 5322 date, in UTC."""
    return _date(at.astimezone(UTC).replace(microsecond=0))


_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_SUBJECT = re.compile(rb"^subject:(.*(?:\n[ \t].*)*)", re.I | re.M)


def decode_xtext(text: str) -> str:
    """Undo the xtext encoding of RFC 3461, section 4, as in ENVID and ORCPT."""
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), text)


def utf8_xtext(address: str) -> str:
    r"""utf-8-addr-xtext of RFC 6533, section 3: what is not ASCII as \x{HEX}."""
    return "".join(char if char.isascii() else f"\\x{{{ord(char):X}}}" for char in address)


def subject_of(headers: bytes) -> str:
    """The Subject of a header, unfolded, still encoded as it came; "" if there is none or it is not ASCII."""
    match = _SUBJECT.search(headers)
    text = b" ".join(match[1].split()) if match else b""
    return text.decode() if text.isascii() else ""


def fields(*pairs: tuple[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in pairs if value)


def assemble(head: str, boundary: str, parts: Iterable[str], report: Report) -> bytes:
    """The last of `parts` is the head of the part that returns the message itself."""
    text = "".join(f"\n--{boundary}\n{part}" for part in parts)
    returned = report.headers + b"\n" + report.body if report.body else report.headers
    return (head + text).encode(errors="surrogateescape") + b"\n" + returned + f"\n--{boundary}--\n".encode()
