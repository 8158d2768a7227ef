"""The in-app inbox: a notice is delivered by lying there when the account signs in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from notices.channels.base import Message, Outcome, utc_now


class InAppChannel:
    """Nothing travels: the notice row is the inbox, so every message is `posted` at once.

    It proves only that the notice lies there (grade 1). That someone saw it is other evidence: `shown`.
    """

    name = "inapp"

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        for message in messages:
            yield Outcome(message.delivery_id, "posted", provider="inapp", at=utc_now())
