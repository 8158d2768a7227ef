"""The SMS channel: checks what cannot be sent, and hands the rest to a gateway, one message after another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from notices.channels.base import Message, Outcome, Patience, clip, utc_now
from notices.channels.sms.gateway import Gateway, Sms
from notices.channels.sms.texts import segments

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164: at most 15 digits, the first no zero


class SmsChannel:
    """Sends through `gateway`. After `batch_seconds` the rest of a batch is put off."""

    name = "sms"

    def __init__(self, gateway: Gateway, *, batch_seconds: float = 300.0) -> None:
        self._gateway, self._batch_seconds = gateway, batch_seconds

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        patience = Patience(self._batch_seconds)
        for message in messages:
            yield self._outcome(message, patience)

    def close(self) -> None:
        self._gateway.close()

    def _outcome(self, message: Message, patience: Patience) -> Outcome:
        if not _E164.fullmatch(message.address):
            said = f"The number {clip(ascii(message.address))} is not of the form +491701234567 (E.164)."
            return self._ours(message, "refused", said)
        if reason := patience.spent():
            outcome = self._ours(message, "deferred", reason)
            if patience.configuration:
                outcome.detail["configuration"] = True
            return outcome
        text = message.raw.decode()
        outcome = self._gateway.send(Sms(message.delivery_id, message.address, text, message.envid))
        if outcome.kind in ("deferred", "lost"):
            patience.failed(outcome.reply, configuration=bool(outcome.detail.get("configuration")))
        else:
            patience.worked()
        size = segments(text)
        return replace(outcome, detail={**outcome.detail, "encoding": size.encoding, "segments": size.count})

    def _ours(self, message: Message, kind: str, said: str) -> Outcome:
        return Outcome(
            message.delivery_id,
            kind,
            clip(said),
            provider=self._gateway.name,
            detail={"ours": True},
            at=utc_now(),
        )
