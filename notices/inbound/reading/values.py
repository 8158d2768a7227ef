"""What a reading needs to know of us, and what it gives back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from notices import tokens
from notices.inbound.reading.addresses import normal


class Ours(Protocol):
    """What is ours, as far as reading has to ask. Implementations must not raise for any text."""

    @property
    def authserv_id(self) -> str:
        """The name under which our own mail server writes Authentication-Results (RFC 8601); "" if it does not."""

    def by_return_path(self, address: str) -> int | None:
        """The delivery that a return path of ours names."""

    def by_envid(self, token: str) -> int | None:
        """The delivery that an envelope id of ours names."""

    def by_message_id(self, value: str) -> int | None:
        """The delivery that a Message-ID of ours names."""

    def address_of(self, delivery: int) -> str:
        """The address that this delivery went to, in compared form; "" if it is not known."""

    def mailed(self, addresses: Collection[str]) -> Collection[str]:
        """Those of `addresses` (in compared form) that we have mailed."""


class Tokens:
    """The part of `Ours` that tokens with their MACs answer alone."""

    authserv_id: str = ""

    def by_return_path(self, address: str) -> int | None:
        return tokens.read_verp(address)

    def by_envid(self, token: str) -> int | None:
        return tokens.read_envid(token)

    def by_message_id(self, value: str) -> int | None:
        return tokens.read_message_id(value)

    def address_of(self, delivery: int) -> str:
        return ""

    def mailed(self, addresses: Collection[str]) -> Collection[str]:
        return ()


class Known(Tokens):
    """Knows what it is told: addresses that we mailed (None: take every address for one), and deliveries."""

    def __init__(
        self,
        addresses: Collection[str] | None = (),
        *,
        deliveries: Mapping[int, str] | None = None,
        authserv_id: str = "",
    ) -> None:
        self._addresses = None if addresses is None else frozenset(map(normal, addresses))
        self._deliveries = {pk: normal(address) for pk, address in (deliveries or {}).items()}
        self.authserv_id = authserv_id

    def address_of(self, delivery: int) -> str:
        return self._deliveries.get(delivery, "")

    def mailed(self, addresses: Collection[str]) -> Collection[str]:
        if self._addresses is None:
            return addresses
        return self._addresses.union(self._deliveries.values()).intersection(addresses)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a message says.

    Attributes:
        kind: one of `kinds.Kind`.
        recipient: the address that it is about, in compared form; "" where it names none.
        delivery: the delivery that a token of ours in it names, or None.
        mailed: the recipient is an address that we mailed.
        how: what it was read by: delivery-status, feedback-report, disposition, flufl, phrases, reply ...
        detail: what it says, for the evidence: JSON of text.
    """

    kind: str
    recipient: str
    delivery: int | None
    mailed: bool
    how: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says in all. Where there are no findings, `trouble` says in a sentence why.

    `delivery` is what its tokens name, also where nothing was understood.
    """

    findings: tuple[Finding, ...] = ()
    delivery: int | None = None
    trouble: str = ""
    sender: str = ""
    subject: str = ""

    @property
    def says(self) -> str:
        """The kinds found, each once, for example "bounced" or "bounced, delivered"."""
        return ", ".join(dict.fromkeys(finding.kind for finding in self.findings))


def line(value: object, limit: int = 1000) -> str:
    """A value as one line of text that PostgreSQL and JSON can hold."""
    text = str(value)[: 4 * limit].encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
    return " ".join(text.split())[:limit]
