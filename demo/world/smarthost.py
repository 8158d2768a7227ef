"""What the world decides about each message. The SMTP dialogue itself is in `demo.world.session`."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from hashlib import sha256
from itertools import count
from typing import Any

from demo.world.domains import Behaviour, address_key, chance, domain_of
from demo.world.journal import Journal
from demo.world.reporter import Reporter
from demo.world.transaction import Answer, Recipient, Transaction

B = Behaviour

_ID_DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^<>]*>)", re.I | re.M)
_CUT_AT_THE_END = (B.CUT_LOST, B.CUT_RECEIVED, B.CUT_RECEIVED_SILENT)


class Smarthost:
    """The state of the world: who tried how often.

    Args:
        pace: factor on every delay of the world: 1.0 for a demo, smaller for tests.
    """

    def __init__(self, journal: Journal, reporter: Reporter, *, pace: float = 1.0) -> None:
        self._journal, self._reporter, self._pace = journal, reporter, pace
        self._tries: Counter[str] = Counter()
        self._first: dict[str, float] = {}
        self._cuts: Counter[tuple[str, str]] = Counter()
        self._numbers = count(1)
        self._started = time.time_ns() // 1000

    async def handle_EHLO(  # noqa: N802  # aiosmtpd's name for the hook
        self, server: Any, session: Any, envelope: Any, hostname: str, replies: list[str]
    ) -> list[str]:
        """Announce what aiosmtpd's own EHLO does not."""
        session.host_name = hostname
        return [*replies[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", "250-DSN", replies[-1]]

    def recipient(self, tx: Transaction, address: str, notify: frozenset[str] | None, orcpt: str) -> Answer:
        """Answer one RCPT; if the answer is a 250, the recipient is in `tx`."""
        rcpt = Recipient(address, address_key(address), domain_of(address), notify, orcpt)
        behaviour, refusal = rcpt.domain.behaviour, rcpt.domain.refusal
        if not address.isascii() and not tx.smtputf8:
            return self._turn_away(tx, rcpt, "refused", "553 5.6.7 Not ASCII, and SMTPUTF8 was not asked for")
        if behaviour is B.REFUSE:
            return self._turn_away(tx, rcpt, "refused", refusal)
        if behaviour in (B.DEFER, B.GREYLIST_TRIES, B.GREYLIST_TIME, B.CLOSING) and not self._lets_in(rcpt):
            return self._turn_away(tx, rcpt, "deferred", refusal, drop=behaviour is B.CLOSING)
        tx.recipients.append(rcpt)
        return Answer("250 2.1.5 Ok")

    def _lets_in(self, rcpt: Recipient) -> bool:
        now = asyncio.get_running_loop().time()
        first = self._first.setdefault(rcpt.key, now)
        self._tries[rcpt.key] += 1
        match rcpt.domain.behaviour:
            case B.GREYLIST_TRIES:
                return self._tries[rcpt.key] >= (2 if chance(rcpt.key, "tries") < 0.7 else 3)
            case B.GREYLIST_TIME:
                return now - first >= (2.0 + 3.0 * chance(rcpt.key, "wait")) * self._pace
            case B.CLOSING:
                return self._tries[rcpt.key] > 1
        return False

    def _turn_away(
        self, tx: Transaction, rcpt: Recipient, outcome: str, reply: str, *, drop: bool = False
    ) -> Answer:
        """Say no at RCPT. Most servers put the address into the reply."""
        code, status, text = reply.split(" ", 2)
        reply = f"{code} {status} <{rcpt.address}>: {text}"
        self._write(tx, rcpt, outcome, stage="rcpt", reply=reply)
        return Answer(reply, drop)

    def may_cut_data(self, tx: Transaction) -> bool:
        """Whether the header has to be looked at first, because the connection may be dropped after it."""
        return any(rcpt.domain.behaviour is B.CUT_DATA for rcpt in tx.recipients)

    def cuts_data(self, tx: Transaction, header: bytes) -> bool:
        """Whether to drop the connection in the middle of this message: once, twice or always, by recipient."""
        message_id, cut = _message_id(header), False
        for rcpt in tx.recipients:
            if rcpt.domain.behaviour is B.CUT_DATA:
                self._cuts[rcpt.key, message_id] += 1
                luck = chance(rcpt.key, "cuts")
                cut |= luck < 0.25 or self._cuts[rcpt.key, message_id] <= (1 if luck < 0.75 else 2)
        if cut:
            for rcpt in tx.recipients:
                self._write(tx, rcpt, "cut", stage="data", message_id=message_id)
        return cut

    def client_went_away(self, tx: Transaction) -> None:
        """The client dropped the connection in the middle of DATA: nothing was received."""
        for rcpt in tx.recipients:
            self._write(tx, rcpt, "gone", stage="data")

    def message(self, tx: Transaction, content: bytes) -> Answer:
        """Answer the final dot. `content` is the exact message as sent, dots unstuffed."""
        headers = content[: content.find(b"\r\n\r\n") + 2] or content
        message_id = _message_id(headers)
        queue_id = self._queue_id()
        outcome, received, answer = self._decide(tx, message_id, queue_id)
        facts: dict[str, Any] = {
            "stage": "end",
            "reply": answer.reply,
            "received": received,
            "message_id": message_id,
            "sha256": sha256(content).hexdigest(),
            "size": len(content),
            "faults": faults(tx, content),
            "queue_id": queue_id if received else "",
        }
        for rcpt in tx.recipients:
            plan = self._reporter.plan(tx, rcpt) if received else []
            reports = [[action, round(delay, 2)] for action, delay in plan]
            fate = rcpt.domain.fate if received else None
            self._write(tx, rcpt, outcome, fate=fate, reports=reports, **facts)
            if received:
                self._reporter.schedule(tx, rcpt, plan, content, queue_id, message_id)
        return answer

    def _decide(self, tx: Transaction, message_id: str, queue_id: str) -> tuple[str, bool, Answer]:
        """Outcome, whether the message is kept, and the answer to the client."""
        for rcpt in tx.recipients:
            behaviour = rcpt.domain.behaviour
            if behaviour is B.REFUSE_CONTENT:
                return "refused", False, Answer(rcpt.domain.refusal)
            if behaviour is B.DEFER_CONTENT:
                return "deferred", False, Answer(rcpt.domain.refusal)
            if behaviour in _CUT_AT_THE_END:
                self._cuts[rcpt.key, message_id] += 1
                if self._cuts[rcpt.key, message_id] == 1:
                    return "cut", behaviour is not B.CUT_LOST, Answer("", drop=True)
        return "received", True, Answer(f"250 2.0.0 Ok: queued as {queue_id}")

    def _write(self, tx: Transaction, rcpt: Recipient, outcome: str, **fields: Any) -> None:
        line = {
            "recipient": rcpt.address,
            "key": rcpt.key,
            "mail_from": tx.mail_from,
            "envid": tx.envid,
            "notify": None if rcpt.notify is None else sorted(rcpt.notify),
            "behaviour": rcpt.domain.behaviour,
            "outcome": outcome,
            "received": False,
        }
        self._journal.write("message", **line | fields)

    def _queue_id(self) -> str:
        number, text = self._started + next(self._numbers) * 1009, ""
        while number:
            number, digit = divmod(number, len(_ID_DIGITS))
            text = _ID_DIGITS[digit] + text
        return "4" + text


def _message_id(headers: bytes) -> str:
    match = _MESSAGE_ID.search(headers)
    return match[1].decode(errors="replace") if match else ""


def faults(tx: Transaction, content: bytes) -> list[str]:
    """What is wrong with a message, though most servers would take it (RFC 5321, 5322, 6152, 6531)."""
    found = []
    ends = content.count(b"\r\n")
    if content.count(b"\n") != ends or content.count(b"\r") != ends:
        found.append("bare CR or LF")
    if max(map(len, content.split(b"\r\n"))) > 998:
        found.append("line longer than 998 octets")
    if not content.isascii() and not tx.eight_bit and not tx.smtputf8:
        found.append("8-bit content without BODY=8BITMIME")
    header = content[: content.find(b"\r\n\r\n") + 2]
    if not header.isascii() and not tx.smtputf8:
        found.append("header is not ASCII, without SMTPUTF8")
    found += [f"{name} missing" for name in ("Message-ID", "Date", "From") if not _has(header, name)]
    return found


def _has(header: bytes, name: str) -> bool:
    return f"\n{name.lower()}:".encode() in b"\n" + header.lower()
