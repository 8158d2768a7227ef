"""What follows when an attempt fails: the next address of its chain, or a linked repeat of what is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from notices.models import Delivery, DeliveryState
from notices.queueing import Contact, Planned, queue


class NotRepeatable(Exception):
    """This delivery is not one that may be repeated; the message says why."""


def fall_back(delivery_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Queue the next address of each failed delivery's chain, where the notice's plan has one. Safe to run twice.

    Must run inside a transaction that holds the notices' rows.
    """
    failed = Delivery.objects.filter(pk__in=delivery_ids, notice__plan__isnull=False).select_related("notice")
    planned = []
    for delivery in failed.order_by("pk"):
        rest = (delivery.notice.plan or [])[delivery.chain]
        tried = Delivery.objects.filter(
            notice=delivery.notice, chain=delivery.chain, position__gt=delivery.position
        )
        if delivery.position < len(rest) and not tried.exists():
            channel, address, ref = rest[delivery.position]
            planned.append(
                Planned(
                    delivery.notice_id,
                    delivery.notice.recipient_name,
                    Contact(channel, address, ref),
                    chain=delivery.chain,
                    position=delivery.position + 1,
                )
            )
    return queue(planned, due_at=now) if planned else []


def repeat(delivery_id: int, *, reason: str, now: datetime) -> int:
    """Send an attempt of unknown outcome again: a linked attempt with the same Message-ID.

    The recipient may get the message twice; mail programs that know the Message-ID show it once. Returns the new
    delivery's id.

    Raises:
        NotRepeatable: the delivery is not unknown, or was repeated already.
    """
    with transaction.atomic():
        old = Delivery.objects.select_for_update(of=["self"]).select_related("notice").get(pk=delivery_id)
        if old.state != DeliveryState.UNKNOWN:
            raise NotRepeatable(f"{old} is {old.state}, not unknown: there is nothing in doubt to repeat.")
        if old.retries.exists():
            raise NotRepeatable(f"{old} was repeated already, as {old.retries.get()}.")
        plan = Planned(
            old.notice_id,
            old.notice.recipient_name,
            Contact(old.channel, old.address, old.contact_ref),
            chain=old.chain,
            position=old.position,
            first=_first(old),
            retry_of=old.pk,
            retry_reason=reason,
        )
        return queue([plan], due_at=now)[0]


def _first(delivery: Delivery) -> int:
    while delivery.retry_of is not None:
        delivery = delivery.retry_of
    return delivery.pk
