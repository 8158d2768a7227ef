"""What may be appended: a fact with its payload, its idempotency key, and canonical JSON."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

KEY = 16  # bytes of an idempotency key


@dataclass(frozen=True, slots=True)
class NewFact:
    """A fact to be appended.

    Attributes:
        kind: one of `kinds.Kind`.
        source: who says so, for example smtp, dsn, sweep, holder.
        at: when it happened, aware.
        payload: what the source said: JSON of strings, integers, booleans, lists and objects, personal data allowed.
        event_id: the source's own id of the event, where it gives one; else the event itself is the key.
        test: the provider was in test mode.
    """

    notice_id: int
    kind: str
    source: str
    at: datetime
    delivery_id: int | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    event_id: str = ""
    test: bool = False

    def key(self) -> bytes:
        """The idempotency key: of (source, event id), else of the whole event."""
        if self.event_id:
            return fingerprint([self.source, self.event_id])
        return fingerprint([self.notice_id, self.delivery_id, self.kind, self.source, dict(self.payload)])


def fingerprint(value: Any) -> bytes:
    """HMAC-SHA-256 of a value's canonical JSON under NOTICE_TOKEN_KEY, its first 16 bytes; the same for the same value.

    128 bits: that any two of 10^12 facts meet by chance is less likely than 1 in 10^14.

    Keyed, because it is public (the ledger's leaves name it) and outlives an erasure: a bare SHA-256 would let anyone
    confirm a guess at what was erased.
    """
    return hmac.digest(settings.NOTICE_TOKEN_KEY.encode(), b"fact:" + canonical(value), "sha256")[:KEY]


def canonical(value: Any) -> bytes:
    """RFC 8785 JSON of a value made of strings, integers, booleans, null, lists, and objects with ASCII keys.

    Within that, Python's own encoder with sorted keys and no spaces writes exactly what RFC 8785 asks for (a test
    compares the two), many times faster than a general one.

    Raises:
        TypeError: the value holds a float or a key that is not ASCII text.
    """
    _check(value)
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise TypeError(f"payload keys are ASCII text, not {key!r}")
            _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif isinstance(value, float):
        raise TypeError("payloads hold no floats; write them as text")
