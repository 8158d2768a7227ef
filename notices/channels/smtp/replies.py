"""What SMTP servers answer: reading it, and what is worth keeping of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from notices.channels.base import clip

_ENHANCED = re.compile(r"[245]\d\d[ -]([245]\.\d{1,3}\.\d{1,3})\b")

# What servers say after the final dot, most telling first. Where a reply fits none, there is no queue id to
# keep.
_QUEUE_IDS = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        r"\bqueued as ([0-9A-Za-z._-]*[0-9A-Za-z])",  # Postfix, and filters that pass its reply on
        r"\bOK id=([0-9A-Za-z-]+)",  # Exim
        r"\[InternalId=(\d+)",  # Exchange; the <…> before it only repeats our Message-ID
        r"\bOk ([0-9a-f]{16}-[0-9a-f-]{36}-\d{6})",  # Amazon SES
        r"\bOK +\d{9,11} ([0-9A-Za-z.-]+) - gsmtp",  # Gmail
        r"^250[ -](?:\d\.\d\.\d )?([0-9A-Za-z]+) Message accepted for delivery",  # Sendmail, OpenSMTPD
        r"\bMessage Queued \(([0-9A-Za-z.-]+)\)",  # Haraka
        r"\bok \d{9,11} (qp \d+)",  # qmail
    )
)


class Reply(NamedTuple):
    """A whole reply: its code, and all its lines as they came, CRLF included."""

    code: int
    raw: bytes

    @property
    def text(self) -> str:
        """The lines verbatim, codes included, in at most 1,000 characters; bytes that are not UTF-8 spelt out."""
        return clip(self.raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace"))

    @property
    def accepts(self) -> bool:
        return 200 <= self.code < 300


def enhanced_code(text: str) -> str:
    """The enhanced status code (RFC 2034, RFC 3463) that a reply begins with, such as "5.1.1", or ""."""
    match = _ENHANCED.match(text)
    return match[1] if match else ""


def queue_id(text: str) -> str:
    """The server's own name for the message that it took, or "" where its reply tells none."""
    for pattern in _QUEUE_IDS:
        if match := pattern.search(text):
            return match[1]
    return ""
