"""What is said to an SMTP server about one message: MAIL, RCPT, and the content as it goes over the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import idna

from notices.channels.base import Message, address_complaint

_XTEXT = re.compile(rb"[^!-*,-<>-~]")
_QUCHAR = re.compile(r"[\x00-\x20+=\\\x7f]")
_PRINTABLE = re.compile(r"[ -~]*")


class UnsendableError(Exception):
    """The message cannot go to this server, or to any; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server's EHLO offered."""

    pipelining: bool = False
    dsn: bool = False
    size: bool = False
    eight_bit: bool = False
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message that was found fit for sending, and what it demands of the server."""

    return_path: bytes
    recipient: bytes
    original_recipient: bytes  # the value of ORCPT
    envid: bytes  # in xtext
    size: int  # octets as RFC 1870 counts them: without dot-stuffing and the final dot
    eight_bit: bool
    smtputf8: bool


def xtext(value: str) -> bytes:
    """`value` as RFC 3461 (4) xtext: printable ASCII, with "+", "=" and everything else as +HH of its UTF-8."""
    return _XTEXT.sub(lambda match: b"+%02X" % match[0][0], value.encode())


def unitext(value: str) -> bytes:
    """`value` as RFC 6533 (3) utf-8-addr-unitext, the form for servers that offer SMTPUTF8."""
    return _QUCHAR.sub(lambda match: f"\\x{{{ord(match[0]):02X}}}", value).encode()


@lru_cache(maxsize=4_096)
def _a_labels(domain: str) -> str:
    # IDNA 2008 with UTS 46 mapping. Not Python's own "idna" codec: IDNA 2003 turns faß.de into fass.de, whose
    # owner is someone else.
    return idna.encode(domain, uts46=True).decode("ascii")


def _mailbox(address: str) -> tuple[str, bool]:
    """The address as the envelope carries it, and whether that takes SMTPUTF8."""
    if address.isascii():
        return address, False
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        return address, True
    # The A-label form reaches the same mailbox through every server, with SMTPUTF8 or without.
    try:
        return f"{local}@{_a_labels(domain)}", False
    except idna.IDNAError as error:
        raise UnsendableError(
            f"The domain of {address} is not a valid internationalised name: {error}."
        ) from error


def envelope(message: Message) -> Envelope:
    """Check `message` as far as no server need be asked. Raises UnsendableError."""
    # An empty return path is the null sender, "<>": no bounce wanted.
    for address in (message.address, message.return_path) if message.return_path else (message.address,):
        if complaint := address_complaint(address):
            raise UnsendableError(complaint)
    if not _PRINTABLE.fullmatch(message.envid) or len(message.envid) > 100:
        raise UnsendableError(
            "The envelope id must be at most 100 printable ASCII characters (RFC 3461, 4.4)."
        )
    raw = message.raw
    if not raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r"):
        # Such bytes arrive changed or worse: to some servers LF.LF ends the message, and what follows is
        # commands.
        raise UnsendableError(
            "The message has a CR or LF that is not part of a CRLF; SMTP cannot carry it unchanged."
        )
    return_path, sender_utf8 = _mailbox(message.return_path)
    recipient, recipient_utf8 = _mailbox(message.address)
    ascii_content = raw.isascii()
    header_utf8 = not ascii_content and not raw[: raw.find(b"\r\n\r\n")].isascii()
    return Envelope(
        return_path=return_path.encode(),
        recipient=recipient.encode(),
        original_recipient=b"utf-8;" + unitext(recipient)
        if recipient_utf8
        else b"rfc822;" + xtext(recipient),
        envid=xtext(message.envid),
        size=len(raw) + (0 if raw.endswith(b"\r\n") else 2),
        eight_bit=not ascii_content,
        smtputf8=sender_utf8 or recipient_utf8 or header_utf8,
    )


def commands(envelope: Envelope, offered: Capabilities) -> tuple[bytes, bytes, bytes]:
    """MAIL, RCPT and DATA, CRLF included. Raises UnsendableError where the server lacks what the message needs."""
    if envelope.smtputf8 and not offered.smtputf8:
        raise UnsendableError(
            "The address or a header is not ASCII, and the server does not offer SMTPUTF8 (RFC 6531); "
            "the message was not given to it."
        )
    if envelope.eight_bit and not offered.eight_bit:
        raise UnsendableError(
            "The message has 8-bit content, and the server does not offer 8BITMIME (RFC 6152); "
            "the message was not given to it."
        )
    mail = b"MAIL FROM:<" + envelope.return_path + b">"
    rcpt = b"RCPT TO:<" + envelope.recipient + b">"
    if offered.size:
        mail += b" SIZE=%d" % envelope.size
    if envelope.eight_bit:
        mail += b" BODY=8BITMIME"
    if envelope.smtputf8:
        mail += b" SMTPUTF8"
    if offered.dsn:
        # Headers are enough in a report: we hold the message itself (RFC 3461, 4.3).
        mail += b" RET=HDRS ENVID=" + envelope.envid if envelope.envid else b" RET=HDRS"
        rcpt += b" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=" + envelope.original_recipient
    return mail + b"\r\n", rcpt + b"\r\n", b"DATA\r\n"


def content(raw: bytes) -> bytes:
    """`raw` as it follows 354: dots doubled at line starts, ended by the line with the one dot (RFC 5321, 4.5.2).

    Content that does not end with CRLF gets one: the protocol has no way to say that it is missing.
    """
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    if raw.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if not raw or raw.endswith(b"\r\n") else b"\r\n.\r\n")
