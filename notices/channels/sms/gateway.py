"""What a gateway for SMS does: one message in, one outcome out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from notices.channels.base import Outcome


@dataclass(frozen=True, slots=True)
class Sms:
    """One text to one number.

    Attributes:
        to: E.164, for example +15005550006.
        text: what is to arrive, character for character.
        token: our name of the attempt, for the gateway's reports.
    """

    delivery_id: int
    to: str
    text: str
    token: str


class Gateway(Protocol):
    name: str  # as evidence names it: lower case

    def send(self, sms: Sms) -> Outcome:
        """Hand over one message, by one request that is never made twice.

        `submitted`: it was taken. `refused`, `suppressed`: it will not be sent. `deferred`: certainly not taken, may
        be tried again. `lost`: it may have been taken. Troubles are outcomes, never exceptions.
        """
        ...

    def close(self) -> None: ...
