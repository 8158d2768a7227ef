"""What comes back after a message was taken: DSNs as far as they were asked for, automatic replies, link scans."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import count

from demo.world import dsn
from demo.world.domains import Behaviour, a_labels, chance
from demo.world.journal import Journal
from demo.world.outbox import Maildir, Outbox
from demo.world.report import Report
from demo.world.scanner import Scanner
from demo.world.transaction import Recipient, Transaction

B = Behaviour

# Reports by behaviour: the action, and between how many seconds after acceptance it comes.
_SOON = (("relayed", 0.5, 3.0),)
REPORTS: dict[Behaviour, tuple[tuple[str, float, float], ...]] = {
    B.RELAY: _SOON,
    B.DELIVER: (("delivered", 0.5, 3.0),),
    B.BOUNCE_LATER: (("failed", 1.5, 8.0),),
    B.GREYLIST_TRIES: _SOON,
    B.GREYLIST_TIME: _SOON,
    B.CLOSING: _SOON,
    B.CUT_DATA: _SOON,
    B.CUT_RECEIVED: (("relayed", 1.0, 4.0),),
    B.CUT_LOST: _SOON,
    B.DELAY: (("delayed", 0.8, 1.5), ("relayed", 5.0, 8.0)),
    B.TURN: (("relayed", 0.5, 2.0), ("failed", 4.0, 8.0)),
    B.TWICE: (("relayed", 0.5, 2.0), ("relayed", 2.5, 5.0)),
    B.VACATION: (("delivered", 0.5, 2.0),),
    B.SCANNER: _SOON,
}
AWAY_SECONDS = 3.0  # after which an automatic reply comes
SCAN_SECONDS = 1.0  # after which a link scanner comes by

_ASKED_BY = {"delivered": "SUCCESS", "relayed": "SUCCESS", "failed": "FAILURE", "delayed": "DELAY"}
_FAILURE_ONLY = frozenset({"FAILURE"})


class Reporter:
    """Plans, keeps and sends what comes back. `pace` is a factor on every delay."""

    def __init__(
        self, journal: Journal, maildir: Maildir, scanner: Scanner | None, *, pace: float = 1.0
    ) -> None:
        self.outbox = Outbox()
        self._journal, self._maildir, self._scanner, self._pace = journal, maildir, scanner, pace
        self._numbers = count(1)

    def plan(self, tx: Transaction, rcpt: Recipient) -> list[tuple[str, float]]:
        """The DSNs to come, with their delay in seconds: what the domain does, where NOTIFY asks for it.

        RFC 3461, section 4.1: without NOTIFY, failures are reported. Nothing goes to a null sender.
        """
        asked = _FAILURE_ONLY if rcpt.notify is None else rcpt.notify
        if not tx.mail_from:
            return []
        return [
            (action, (low + (high - low) * chance(rcpt.key, f"report {number}")) * self._pace)
            for number, (action, low, high) in enumerate(REPORTS.get(rcpt.domain.behaviour, ()))
            if _ASKED_BY[action] in asked
        ]

    def schedule(
        self,
        tx: Transaction,
        rcpt: Recipient,
        plan: list[tuple[str, float]],
        content: bytes,
        queue_id: str,
        message_id: str,
    ) -> None:
        """Put the planned DSNs, an automatic reply and a scan into the outbox."""
        now, arrived = asyncio.get_running_loop().time(), datetime.now(UTC)
        head, _, body = content.partition(b"\r\n\r\n")
        headers = head.replace(b"\r\n", b"\n") + b"\n"
        local, _, domain = rcpt.address.rpartition("@")
        recipient = f"{local}@{a_labels(domain)}" if local.isascii() else rcpt.address
        numbers: dict[str, int] = {}

        def make(action: str, returned: bytes = b"") -> Report:
            return Report(
                style=rcpt.domain.style,
                action=action,
                status=rcpt.domain.status if action in ("failed", "delayed") else "2.0.0",
                diagnostic=_diagnostic(rcpt, action, queue_id),
                recipient=recipient,
                original_recipient=rcpt.orcpt,
                envid=tx.envid,
                return_path=tx.mail_from,
                queue_id=queue_id,
                headers=headers,
                body=returned,
                arrived=arrived,
                now=datetime.now(UTC),
                # The same report twice has one number.
                number=numbers.setdefault(action, next(self._numbers)),
            )

        send = partial(self._send, tx, rcpt, message_id)
        for action, delay in plan:
            returned = body.replace(b"\r\n", b"\n") if action == "failed" and tx.ret == "FULL" else b""
            self.outbox.put(now + delay, partial(send, "report", partial(make, action, returned), dsn.render))
        if rcpt.domain.behaviour is B.VACATION and tx.mail_from:
            reply = partial(dsn.automatic_reply, message_id=message_id)
            away = partial(send, "autoreply", partial(make, "delivered"), reply)
            self.outbox.put(now + AWAY_SECONDS * self._pace, away)
        if rcpt.domain.behaviour is B.SCANNER and self._scanner is not None:
            scan = partial(self._scanner.scan, content, rcpt.key)
            self.outbox.put(now + SCAN_SECONDS * self._pace, scan)

    def _send(
        self,
        tx: Transaction,
        rcpt: Recipient,
        message_id: str,
        event: str,
        make: Callable[[], Report],
        render: Callable[[Report], bytes],
    ) -> None:
        report = make()
        file = self._maildir.deliver(render(report))
        self._journal.write(
            event,
            recipient=rcpt.address,
            key=rcpt.key,
            mail_from=tx.mail_from,
            envid=tx.envid,
            message_id=message_id,
            queue_id=report.queue_id,
            action=report.action,
            status=report.status,
            file=file,
        )


def _diagnostic(rcpt: Recipient, action: str, queue_id: str) -> str:
    if action in ("failed", "delayed"):
        return rcpt.domain.refusal
    if action == "delivered":
        return "250 2.1.5 Stored in the mailbox"
    return f"250 2.0.0 Ok: queued as {queue_id[::-1]}"
