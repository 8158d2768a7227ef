"""Twilio's status callbacks: whether one is Twilio's, and what it says. Pure; the door is `notices.events`.

A callback is a form. It is signed over the address that Twilio called and the form's fields, with the account's auth
token; the signature has no time in it, so a repeated callback is known by its message and status.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notices.kinds import Kind

SOURCE = "twilio"
SIGNATURE_HEADER = "X-Twilio-Signature"

_KINDS = {
    "accepted": Kind.NOTED,
    "scheduled": Kind.NOTED,
    "queued": Kind.NOTED,
    "sending": Kind.NOTED,
    "sent": Kind.SUBMITTED,  # the next carrier took it
    "delivered": Kind.DELIVERED,  # the handset, or as near to it as the carrier sees
    "read": Kind.DISPLAYED,
    "undelivered": Kind.BOUNCED,
    "failed": Kind.BOUNCED,
    "canceled": Kind.BOUNCED,
}
_KEPT = (
    "MessageSid",
    "MessageStatus",
    "ErrorCode",
    "ErrorMessage",
    "To",
    "From",
    "AccountSid",
    "RawDlrDoneDate",
)


class NotTwilio(Exception):
    """The signature does not hold."""


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """One report about one message. It says no time that could be used: the carrier's has no zone.

    Attributes:
        message: the SID that Twilio gave on sending, as in `Delivery.provider_id`.
        token: our own name of the attempt (`tokens.envid`), or "" where the address had none.
        event_id: the same for every repetition of this report.
    """

    kind: str
    message: str
    token: str
    event_id: str
    payload: dict[str, Any]


def signature(url: str, fields: Iterable[tuple[str, str]], token: str) -> str:
    """What Twilio puts into X-Twilio-Signature: HMAC-SHA1 over the address and the sorted fields, in base 64."""
    text = url + "".join(f"{name}{value}" for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


def verify(url: str, fields: Sequence[tuple[str, str]], given: str, token: str) -> None:
    """Check a callback.

    Args:
        url: the whole address that Twilio called, query included, as the public sees it.
        fields: the form's fields in any order.
        given: X-Twilio-Signature.
        token: the account's auth token.

    Raises:
        NotTwilio: it does not hold; compared in constant time.
    """
    if not token or not hmac.compare_digest(signature(url, fields, token).encode(), given.encode()):
        raise NotTwilio("The signature is not that of our account at Twilio.")


def read(fields: Mapping[str, str], *, token: str = "") -> StatusEvent:
    """What a verified callback says.

    Args:
        token: the attempt that the address of the callback named.

    Raises:
        ValueError: it is no status of a message, or a status that nobody knows.
    """
    message = fields.get("MessageSid") or fields.get("SmsSid") or ""
    status = (fields.get("MessageStatus") or fields.get("SmsStatus") or "").lower()
    if not message or not status:
        raise ValueError("It names no message, or no status.")
    if status not in _KINDS:
        raise ValueError(f"Its status {status[:40]!r} is not known.")
    payload = {name: fields[name][:500] for name in _KEPT if fields.get(name)}
    code = fields.get("ErrorCode") or ""
    if code:
        payload["what"] = f"{status}, error {code[:20]}"
    return StatusEvent(
        kind=_KINDS[status].value,
        message=message,
        token=token,
        event_id=f"{message}:{status}",
        payload=payload,
    )
