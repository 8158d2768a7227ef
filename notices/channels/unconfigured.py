"""The channel that is not there: policies may name it, but nobody has set it up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from notices.channels.base import Message, Outcome, utc_now

_SETTINGS = {"sms": "SMS_URL", "post": "LETTER_SENDER", "email": "EMAIL_URL"}


class UnconfiguredChannel:
    """Refuses everything at once and says why, so that the next address is tried and people see what is missing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        missing = _SETTINGS.get(self.name)
        what = f"set {missing}" if missing else "there is no such channel"
        for message in messages:
            yield Outcome(
                message.delivery_id,
                "refused",
                f"The channel {self.name} is not configured ({what}), so nothing was sent.",
                provider=self.name,
                detail={"ours": True, "configuration": True},
                at=utc_now(),
            )
