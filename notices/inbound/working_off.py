"""What a person does with mail that we could not read or match: attach it to a delivery, or set it aside."""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower

from notices import recording
from notices.frozen_text import without_links
from notices.inbound.packing import unpack
from notices.inbound.reading import mime
from notices.inbound.reading.addresses import in_header, in_text
from notices.inbound.reading.report import Report
from notices.inbound.reading.values import line
from notices.inbound.receiving import Database, resolve
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.models import Delivery, InboundMessage
from notices.suppression import Reason, Wanted, suppress

Outcome = InboundMessage.Outcome

# What a mail can be evidence of. Not `replied`: that takes a signature which our own mail server found.
KINDS = (
    Kind.BOUNCED,
    Kind.DELAYED,
    Kind.RELAYED,
    Kind.DELIVERED,
    Kind.AUTO_REPLIED,
    Kind.COMPLAINED,
    Kind.DISPLAYED,
    Kind.ANSWERED,
    Kind.NOTED,
)
_LOOK_AT = 1 << 20  # bytes
_BASE64_LINES = re.compile(
    rb"(?:^[A-Za-z0-9+/]{40,}={0,2}[ \t]*\r?\n)+(?:^[A-Za-z0-9+/]+={0,2}[ \t]*\r?\n)?", re.MULTILINE
)


class NotHandled(Exception):
    """This message cannot be handled so; the message says why."""


def attach(
    message_id: int, *, delivery_id: int, kind: str, reason: str, actor: str, now: datetime
) -> InboundMessage:
    """Record a message as evidence of `kind` about a delivery, on a person's word. `actor` is a label (user:name).

    Raises:
        NotHandled: it was handled already, the kind is none that a mail can be, no reason was given, or there is no
            such delivery.
    """
    if kind not in KINDS:
        raise NotHandled(f"A mail is no evidence that a notice was {kind}.")
    with transaction.atomic():
        message = _open(message_id, reason)
        delivery = Delivery.objects.filter(pk=delivery_id).first()
        if delivery is None:
            raise NotHandled(f"There is no delivery D-{delivery_id}.")
        source = f"person:{actor.partition(':')[2] or actor}"[:60]
        fact = NewFact(
            delivery.notice_id,
            str(kind),
            source,
            message.received_at,
            delivery.pk,
            {
                "reason": reason.strip(),
                "message": f"I-{message.pk}",
                "message_sha256": hashlib.sha256(unpack(message.raw)).hexdigest(),
                "from": line(message.sender, 300),
                "subject": line(message.subject, 300),
            },
            event_id=f"I-{message.pk}",
        )
        recording.record([fact], now=now)
        resolve([fact], now=now)
        if kind == Kind.COMPLAINED:
            suppress([Wanted(delivery.address, Reason.COMPLAINED, source, fact.at, fact.key())], now=now)
        message.delivery, message.says = delivery, str(kind)
        return _handled(message, Outcome.ATTACHED, reason, actor, now)


def dismiss(message_id: int, *, reason: str, actor: str, now: datetime) -> InboundMessage:
    """Set a message aside. It stays as it came, and is evidence of nothing.

    Raises:
        NotHandled: it was handled already, or no reason was given.
    """
    with transaction.atomic():
        return _handled(_open(message_id, reason), Outcome.DISMISSED, reason, actor, now)


def _open(message_id: int, reason: str) -> InboundMessage:
    if not reason.strip():
        raise NotHandled("Say why; it is kept with your name.")
    message = InboundMessage.objects.select_for_update().get(pk=message_id)
    if message.outcome not in InboundMessage.OPEN:
        by = f", by {message.handled_by}" if message.handled_by else ""
        raise NotHandled(f"I-{message.pk} {message.get_outcome_display()} already{by}.")
    return message


def _handled(
    message: InboundMessage, outcome: Outcome, reason: str, actor: str, now: datetime
) -> InboundMessage:
    message.outcome = outcome
    message.handled_at, message.handled_by, message.handled_because = now, actor[:150], reason.strip()
    if outcome == Outcome.ATTACHED:
        message.sender = message.subject = message.reason = (
            ""  # the message itself has them, until it is erased
        )
    message.save()
    return message


def for_staff(raw: bytes) -> bytes:
    """A message to give out of hand: as it came, but for the links by which one acts as the account holder.

    Reports give our notices back, and some servers encode them anew (base64) on the way.
    """
    plain = without_links(raw.decode("iso-8859-1")).encode("iso-8859-1")
    return _BASE64_LINES.sub(_without_links, plain)


def _without_links(block: re.Match[bytes]) -> bytes:
    try:
        decoded = binascii.a2b_base64(block[0]).decode("iso-8859-1")
    except binascii.Error:
        return block[0]
    if without_links(decoded) == decoded:
        return block[0]
    return b"[withheld: it holds a link by which one acts as the account holder]\r\n"


def report_of(message: InboundMessage) -> Report:
    """A stored message, looked at as the report that it may be."""
    mail = mime.parse(unpack(message.raw, _LOOK_AT))
    return Report(mail, tuple(mime.leaves(mail)))


def suggestions(message: InboundMessage, limit: int = 10) -> QuerySet[Delivery]:
    """The latest deliveries to addresses that a message names, and the one that its tokens name."""
    report = report_of(message)
    named = {*report.failed_recipients, *report.senders, *in_text(report.words), *in_text(report.subject)}
    if report.returned is not None:
        named.update(in_header(report.returned.all("to")))
    addresses: Collection[str] = Database().mailed(named)
    deliveries = Delivery.objects.annotate(lower=Lower("address")).filter(
        lower__in=list(addresses), channel="email"
    )
    if message.names is not None:
        deliveries = deliveries | Delivery.objects.annotate(lower=Lower("address")).filter(pk=message.names)
    return deliveries.order_by("-pk")[:limit]
