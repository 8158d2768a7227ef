"""The terms in which meanings are told, and how a mail server's words are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from notices.kinds import Kind

Dict = Mapping[str, Any]


class Event(Protocol):
    """The attributes of Anymail's normalised tracking event that are looked at here."""

    @property
    def event_type(self) -> str: ...

    @property
    def esp_event(self) -> Any: ...

    @property
    def recipient(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an event amounts to.

    Attributes:
        kind: of the evidence.
        suppresses: the address is not to be written to any more.
        test: the provider was in its test mode: nothing reached a mailbox of anybody.
    """

    kind: Kind
    suppresses: bool = False
    test: bool = False


# On the list of addresses to which the provider does not write.
LISTED = Meaning(Kind.SUPPRESSED, suppresses=True)

_ENHANCED = re.compile(r"(?<![\d.])([245])\.\d{1,3}\.\d{1,3}(?!\.?\d)")  # RFC 3463
_BASIC = re.compile(r"(?:^|smtp;|\()\s*([245])\d\d(?=[\s-]|$)", re.IGNORECASE)  # RFC 5321, 4.2


def permanent(*said: object) -> bool:
    """Whether a server's words are a refusal for good; the enhanced status (RFC 3463) counts before the plain one."""
    text = " ".join(str(each) for each in said if each)
    found = _ENHANCED.search(text) or _BASIC.search(text)
    return found is not None and found[1] == "5"


def given_up(*said: object) -> Kind:
    """The provider tries no more: refused for good by the recipient's server, or never taken."""
    return Kind.BOUNCED if permanent(*said) else Kind.EXPIRED


def perhaps_retried(*said: object) -> Kind:
    """The provider does not say whether it goes on: only a refusal for good is taken as one."""
    return Kind.BOUNCED if permanent(*said) else Kind.DELAYED


def inner(value: Any, *path: str) -> Dict:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
