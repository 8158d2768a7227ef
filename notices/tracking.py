"""What comes back by mail becomes evidence. Every message is kept whole, understood or not.

Read here: delivery status notifications (RFC 3464). The delivery is found by the return path that only its attempt
had (VERP), else by the envelope id that we gave (RFC 3461). Action decides the meaning; the status class only
explains it, since servers get the class wrong more often than the action.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, message_from_string
from email.errors import MessageError
from email.message import Message
from email.utils import getaddresses
from typing import Any

from django.db import transaction

from notices import recording, tokens
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.models import Delivery, DeliveryState, InboundMessage
from notices.rerouting import fall_back

# RFC 3464, and RFC 6533 for internationalised addresses.
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
# RFC 3464, and RFC 6533 for internationalised addresses.
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_ACTIONS = {
    "failed": Kind.BOUNCED,
    "delayed": Kind.DELAYED,
    "delivered": Kind.DELIVERED,
    "relayed": Kind.RELAYED,
    "expanded": Kind.RELAYED,  # handed to a list's members: their server took it, no more is known (RFC 3464, 2.3.3)
}
_RESOLVES = {
    Kind.RELAYED: DeliveryState.ACCEPTED,
    Kind.DELIVERED: DeliveryState.ACCEPTED,
    Kind.DELAYED: DeliveryState.ACCEPTED,
    Kind.BOUNCED: DeliveryState.REFUSED,
}
# Where mail servers note the envelope's recipient (RFC 9228 and common practice).
_RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as it came, and the envelope recipient where the mail server told us."""

    raw: bytes
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one message said: the delivery that it is about, and (kind, payload) for each recipient block."""

    delivery_id: int | None
    events: tuple[tuple[str, dict[str, Any]], ...]
    trouble: str = ""


def receive(messages: Sequence[Inbound], *, now: datetime) -> dict[str, int]:
    """Store messages and turn what they report into evidence. A message that came before is not counted again.

    Returns:
        How many came to which outcome: recorded, unmatched, unclassified, known.
    """
    reports = {hashlib.sha256(m.raw).digest(): (m, read_report(m)) for m in messages}
    counts = {"recorded": 0, "unmatched": 0, "unclassified": 0, "known": len(messages) - len(reports)}
    with transaction.atomic():
        known = InboundMessage.objects.filter(sha256__in=list(reports)).values_list("sha256", flat=True)
        for sha256 in known:
            del reports[bytes(sha256)]
            counts["known"] += 1
        deliveries = _deliveries(report.delivery_id for _, report in reports.values())
        facts: list[NewFact] = []
        rows = []
        for sha256, (message, report) in reports.items():
            notice_id = deliveries.get(report.delivery_id) if report.delivery_id is not None else None
            outcome = _outcome(report, notice_id)
            counts[outcome] += 1
            rows.append(
                InboundMessage(
                    received_at=now,
                    sha256=sha256,
                    raw=zlib.compress(message.raw),
                    outcome=outcome,
                    reason=report.trouble,
                    delivery_id=report.delivery_id if notice_id is not None else None,
                )
            )
            if notice_id is not None:
                facts += [
                    NewFact(notice_id, kind, "dsn", now, report.delivery_id, payload)
                    for kind, payload in report.events
                ]
        # The same message handed to two processes at once: the second insert waits, then finds it known.
        InboundMessage.objects.bulk_create(rows, ignore_conflicts=True)
        if facts:
            recording.record(facts, now=now)
            _resolve(facts, now=now)
    return counts


def _deliveries(ids: Iterable[int | None]) -> dict[int, int]:
    """Those ids that are deliveries, each with its notice's id."""
    wanted = {pk for pk in ids if pk is not None}
    return dict(Delivery.objects.filter(pk__in=wanted).values_list("pk", "notice_id"))


def _outcome(report: Report, notice_id: int | None) -> str:
    if not report.events:
        return InboundMessage.Outcome.UNCLASSIFIED.value
    return (InboundMessage.Outcome.UNMATCHED if notice_id is None else InboundMessage.Outcome.RECORDED).value


def _resolve(facts: Sequence[NewFact], *, now: datetime) -> None:
    """Let a report settle an attempt whose outcome we never learnt, and move on where it failed."""
    for kind, state in _RESOLVES.items():
        ids = [fact.delivery_id for fact in facts if fact.kind == kind and fact.delivery_id is not None]
        if ids:
            in_doubt = Delivery.objects.filter(
                pk__in=ids, state__in=[DeliveryState.CALLING, DeliveryState.UNKNOWN]
            )
            in_doubt.update(state=state, settled_at=now)
    fall_back([f.delivery_id for f in facts if f.kind == Kind.BOUNCED and f.delivery_id], now=now)


def read_report(message: Inbound) -> Report:
    """Read one message; what cannot be read comes back with the trouble in words, never as an error."""
    try:
        mail = message_from_bytes(message.raw)
        delivery_id = _from_recipient(message.recipient, mail)
        status = next((part for part in mail.walk() if part.get_content_type() in _STATUS_TYPES), None)
        if status is None:
            return Report(delivery_id, (), "No delivery status in it: a person has to read it.")
        about, *recipients = _blocks(status)
        if delivery_id is None:
            delivery_id = tokens.read_envid(about.get("Original-Envelope-Id", "").strip())
        events = tuple(event for block in recipients if (event := _event(about, block)))
    except (MessageError, ValueError, LookupError, RecursionError) as error:
        return Report(None, (), f"Cannot be read as mail: {type(error).__name__}.")
    if not events:
        return Report(delivery_id, (), "A delivery status that names no action.")
    if delivery_id is None:
        return Report(None, events, "Neither its return path nor its envelope id is one of ours.")
    return Report(delivery_id, events)


def _from_recipient(recipient: str, mail: Message) -> int | None:
    named = [value for header in _RECIPIENT_HEADERS for value in mail.get_all(header, [])]
    for _, address in [("", recipient), *getaddresses([str(value) for value in named])]:
        delivery_id = tokens.read_verp(address)
        if delivery_id is not None:
            return delivery_id
    return None


def _blocks(status: Message) -> list[Message]:
    """The blocks of a delivery status: first what is about the message, then one per recipient."""
    payload = status.get_payload()
    parts = [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []
    if status.get_content_type() == "message/global-delivery-status" and parts:
        # The email package reads this type as one message: the recipients' blocks are its body.
        text = parts[0].as_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
        parts = [message_from_string(block) for block in re.split(r"\n\s*\n", text)]
    blocks = [part for part in parts if part.keys()]
    if not blocks:
        raise ValueError("a delivery status without fields")
    return blocks


_FIELDS = (
    "Final-Recipient",
    "Original-Recipient",
    "Action",
    "Status",
    "Remote-MTA",
    "Diagnostic-Code",
    "Last-Attempt-Date",
    "Will-Retry-Until",
)


def _event(about: Message, block: Message) -> tuple[str, dict[str, Any]] | None:
    action = str(block.get("Action", "")).split("(")[0].strip().lower()
    kind = _ACTIONS.get(action)
    if kind is None:
        return None
    payload = {name.lower().replace("-", "_"): _text(block[name]) for name in _FIELDS if name in block}
    payload |= {
        name.lower().replace("-", "_"): _text(about[name])
        for name in ("Reporting-MTA", "Arrival-Date")
        if name in about
    }
    return kind.value, payload


def _text(value: Any) -> str:
    """A header field as one line of text that PostgreSQL and JSON can hold."""
    return " ".join(str(value).encode("utf-8", "replace").decode("utf-8").replace("\x00", "�").split())[:1000]
