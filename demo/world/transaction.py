"""Values that pass between the SMTP dialogue and the decisions."""

from __future__ import annotations

from dataclasses import dataclass, field

from demo.world.domains import Domain


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT. `key` is the address as a key; `notify` is None where the client did not say; ORCPT without xtext."""

    address: str
    key: str
    domain: Domain
    notify: frozenset[str] | None
    orcpt: str


@dataclass(slots=True)
class Transaction:
    """One mail transaction, from MAIL on. `mail_from` is "" for the null sender; ENVID without xtext."""

    mail_from: str
    envid: str = ""
    ret: str = ""
    smtputf8: bool = False
    eight_bit: bool = False
    recipients: list[Recipient] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply ("" for none), and whether the connection is dropped after it."""

    reply: str
    drop: bool = False
