"""What every channel takes and gives: one message to one recipient in, one outcome out.

Free from Django, so that a channel can be tried, measured and reasoned about on its own.

What is personal here: `Message.address`, `Message.raw`, `Outcome.reply` and `Outcome.detail` (servers like to
repeat the address in their replies). Whoever stores them must keep them where an erasure reaches. Passwords
and keys never appear in an outcome: they are in the channel's options only.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, Protocol

REPLY_LIMIT = 1_000

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ATOMS = r"[^\s<>()\[\]:;@\\,\"]+"
_MAILBOX = re.compile(rf'(?:{_ATOMS}|"(?:[^"\\]|\\[ -~])*")@(?:{_ATOMS}|\[[0-9A-Za-z:.\-]+\])')


@dataclass(frozen=True, slots=True)
class Message:
    """One notice on its way to one address: an attempt, already written down as a delivery.

    `raw` is the exact RFC 5322 message with CRLF line ends, headers included. `return_path` is the envelope
    sender of this attempt ("" where there is none), `envid` its RFC 3461 envelope id in printable ASCII, not
    yet encoded. `message_id` has its angle brackets.
    """

    delivery_id: int
    address: str
    return_path: str
    envid: str
    message_id: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message.

    `kind` is submitted, posted, relayed, refused, suppressed, deferred or lost. `reply` is what the server
    said, verbatim, at most 1,000 characters; where no server spoke it is our own sentence, and
    `detail["ours"]` is true. `code` is the SMTP or HTTP status. `provider` is "smtp:<host>", an ESP's name in
    lower case, or "inapp", and `provider_id` its queue or message id. `detail["configuration"]` is true where
    a person must change our settings before a repetition can succeed. `at` is aware UTC: when the answer
    came.
    """

    delivery_id: int
    kind: str
    reply: str = ""
    code: int | None = None
    provider: str = ""
    provider_id: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    at: datetime = field(kw_only=True)


class Channel(Protocol):
    name: str

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        """One outcome for every message, in order, as the answers come.

        Troubles of one message or of the connection are outcomes, never exceptions. When an outcome is handed
        over, no byte of a later message's content has left yet, so that a caller who stops there knows where
        it stands.
        """
        ...


def utc_now() -> datetime:
    return datetime.now(UTC)


def clip(text: str) -> str:
    """`text` fit for a database row: at most 1,000 characters, control characters (but newline and tab) spelt out."""
    if not text.isprintable():
        text = _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}", text.replace("\r\n", "\n"))
    return text if len(text) <= REPLY_LIMIT else text[: REPLY_LIMIT - 1] + "…"


def address_complaint(address: str) -> str:
    """What makes `address` unfit as an RFC 5321 mailbox, as a sentence; "" where nothing does.

    Anything that could end a command or a header line and begin another is refused: control characters,
    spaces and angle brackets outside a quoted local part. Otherwise liberal (dots in a row exist): the server
    has the last word.
    """
    if _FORBIDDEN.search(address):
        return (
            f"The address {clip(ascii(address))} contains control characters; it was not given to any server."
        )
    if not _MAILBOX.fullmatch(address):
        return f"The address {clip(ascii(address))} is not of the form name@domain; it was not given to any server."
    return ""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a message, for transports that take parts instead of bytes. Line ends are "\\n"."""

    subject: str
    sender: str
    to: str
    text: str
    html: str
    headers: dict[str, str]
    attachments: tuple[tuple[str | None, bytes, str], ...]


# Carried by fields of their own, or written anew by whoever builds the message again.
_NOT_PASSED_ON = frozenset(
    {"from", "to", "cc", "bcc", "subject", "date", "mime-version", "return-path", "received"}
)


def parts(message: Message) -> Parts:
    """The parts of `message.raw`: `headers` are those that are nobody else's business (Message-ID among them)."""
    parsed = BytesParser(_class=EmailMessage, policy=policy.SMTPUTF8).parsebytes(message.raw)
    headers = {
        name: str(value)
        for name, value in parsed.items()
        if name.lower() not in _NOT_PASSED_ON
        and (not name.lower().startswith("content-") or name.lower() == "content-language")
    }
    return Parts(
        subject=str(parsed.get("Subject", "")),
        sender=str(parsed.get("From", "")),
        to=str(parsed.get("To", "")),
        text=_body(parsed, "plain"),
        html=_body(parsed, "html"),
        headers=headers,
        attachments=tuple(
            (part.get_filename(), _decoded(part), part.get_content_type())
            for part in parsed.iter_attachments()
        ),
    )


def _decoded(part: Any) -> bytes:
    payload = part.get_payload(decode=True)  # None of a part that is a multipart itself
    return payload if isinstance(payload, bytes) else part.as_bytes()


def _body(parsed: EmailMessage, subtype: str) -> str:
    part = parsed.get_body(preferencelist=(subtype,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def subject(message: Message) -> str:
    return parts(message).subject


def text(message: Message) -> str:
    return parts(message).text


def html(message: Message) -> str:
    return parts(message).html


class Patience:
    """How much trouble one batch takes before its remaining messages are put off at once.

    Without it, 200 messages to a dead server would wait out 200 time-outs, long after the sweep has declared
    their deliveries unknown; so `seconds` also bounds the batch as a whole.
    """

    def __init__(self, seconds: float, allowed: int = 2) -> None:
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._left = self._allowed = allowed
        self.reason = ""
        self.configuration = False

    def failed(self, reason: str, *, configuration: bool = False) -> None:
        """Note trouble that the next message would most likely meet too; wrong settings end patience at once."""
        self._left = 0 if configuration else self._left - 1
        self.reason, self.configuration = reason, configuration

    def worked(self) -> None:
        self._left = self._allowed

    def spent(self) -> str:
        """Why the rest should be put off, as a sentence; "" while there is patience."""
        if self._left <= 0:
            return f"Not tried, because the messages before it failed: {self.reason}"
        if time.monotonic() > self._until:
            self.configuration = False
            return f"Not tried, because the batch had already taken {self._seconds:.0f} seconds."
        return ""
