"""A provider's event in our terms: what it is evidence of, about which message, and the key that makes it single."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import QueryDict

from notices import tokens
from notices.events.meaning import meaning
from notices.ledger import canonical
from notices.ledger.facts import fingerprint

_SAFE_INTEGER = 2**53 - 1  # RFC 8785 writes numbers as doubles; what is larger keeps its digits as text


@dataclass(frozen=True, slots=True)
class Reading:
    """One event about one recipient.

    Attributes:
        esp: the provider, as in Evidence.source.
        event_id: the provider's own id of the event where that is unique for good, else the SHA-256 of the event.
        kind: what it is evidence of.
        at: when it happened, as the provider says; aware, or None where it does not say.
        received_at: when it came to our door, aware.
        test: the provider was in its test mode.
        suppresses: the address is not to be written to any more.
        delivery_id: the delivery that a token of ours names in it.
        provider_id: the provider's id of the message.
        recipient: the address that it is about; empty where it names none.
        payload: the event as JSON without floats; what evidence keeps.
    """

    esp: str
    event_id: str
    kind: str
    at: datetime | None
    received_at: datetime
    test: bool
    suppresses: bool
    delivery_id: int | None
    provider_id: str
    recipient: str
    payload: Mapping[str, Any]

    def key(self) -> bytes:
        """The key of the evidence that it becomes: the same as `NewFact.key()`."""
        return fingerprint([self.esp, self.event_id])


def read(esp: str, event: Any, received_at: datetime) -> Reading:
    """Read one of Anymail's tracking events.

    Raises:
        ValueError, TypeError, KeyError, AttributeError, RecursionError: it is not what this provider sends.
    """
    raw = clean(event.esp_event)
    what = meaning(esp, event)
    at = event.timestamp
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    metadata = event.metadata if isinstance(event.metadata, Mapping) else {}
    recipient = _text(event.recipient, 400)
    return Reading(
        esp=esp,
        event_id=_event_id(esp, event, raw, recipient),
        kind=what.kind.value,
        at=at,
        received_at=received_at,
        test=what.test,
        suppresses=what.suppresses,
        delivery_id=_named(metadata, event),
        provider_id=_text(event.message_id, 250),
        recipient=recipient,
        payload={"event": _without_signature(esp, raw), "type": _text(event.event_type, 40)},
    )


def _named(metadata: Mapping[str, Any], event: Any) -> int | None:
    """The delivery that this event names by a token which only we can make: our metadata, else our Message-ID.

    The bare number in the metadata is not looked at: another installation behind the same account has such as well.
    """
    named = tokens.read_envid(str(metadata.get("envid", "")))
    if named is None and event.message_id:
        named = tokens.read_message_id(str(event.message_id))
    return named


def _text(value: Any, limit: int) -> str:
    """One line of text that PostgreSQL can hold; empty for None."""
    return "" if value is None else str(clean(str(value))).replace("\x00", "").strip()[:limit]


def _event_id(esp: str, event: Any, raw: Any, recipient: str) -> str:
    """The provider's id where it is unique for good; else the SHA-256 of the event, as it does not carry one."""
    given = _own_id(esp, event, raw, recipient)
    if given and len(given) <= 400:
        return given
    return "sha256:" + hashlib.sha256(canonical([_without_signature(esp, raw), recipient])).hexdigest()


_IDS = frozenset({"sendgrid", "sparkpost", "mailersend", "mailtrap", "postal", "resend"})


def _own_id(esp: str, event: Any, raw: Any, recipient: str) -> str:
    if esp in _IDS:
        return _text(event.event_id, 401)
    if esp == "amazon_ses":  # SNS's message id; one message tells of several recipients
        return f"{_text(event.event_id, 100)}:{recipient}" if event.event_id else ""
    if esp == "mailgun" and isinstance(data := raw.get("event-data"), Mapping):
        # Unique within a day. The token, which Anymail takes, is another in each repetition from another webhook.
        return f"{data['id']}@{data['timestamp']}" if data.get("id") and data.get("timestamp") else ""
    if esp == "postmark" and isinstance(number := raw.get("ID"), int) and number > 0:
        return f"{raw.get('RecordType')}:{number}"  # bounces and complaints alone carry one
    return ""


def _without_signature(esp: str, raw: Any) -> Any:
    """Mailgun's signature is good for another body too, and of no worth as proof: not to be handed on."""
    if esp != "mailgun":
        return raw
    return {key: value for key, value in raw.items() if key not in ("signature", "token", "timestamp")}


def clean(value: Any) -> Any:
    """`value` as JSON that `ledger.canonical` takes: floats and large integers as text, keys in ASCII, valid text."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, QueryDict):
        return {_key(name): [clean(each) for each in values] for name, values in value.lists()}
    if isinstance(value, Mapping):
        return {_key(name): clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value]
    return clean(str(value))


def _key(name: Any) -> str:
    text = str(name)
    return text if text.isascii() else text.encode("ascii", "backslashreplace").decode("ascii")
