"""What follows an attempt: the next address of its chain, or a linked repeat of what is in doubt; or nothing more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from notices import plans, recording
from notices.kinds import DEFEATING, NOT_SENT, Kind
from notices.models import Delivery, DeliveryState, Evidence, Notice
from notices.plans import Tried
from notices.queueing import Contact, Planned, queue


class NotRepeatable(Exception):
    """This delivery is not one that may be repeated; the message says why."""


def fall_back(delivery_ids: Collection[int], *, now: datetime) -> list[int]:
    """Queue the next address of each failed delivery's chain, where the notice's plan has one. Safe to run twice.

    Must run inside a transaction that holds the notices' rows, after the failure was recorded.
    """
    if not delivery_ids:
        return []
    planned = Notice.objects.filter(deliveries__in=delivery_ids, plan__isnull=False)
    return move_on(planned.values_list("pk", flat=True).distinct(), now=now)


def move_on(notice_ids: Iterable[int], *, now: datetime) -> list[int]:
    """Queue every address of these notices whose turn has come, and note when to look again. Safe to run twice.

    What is served, or was stood down, moves no further. Must run inside a transaction that holds the notices' rows.

    Returns:
        The new deliveries' ids.
    """
    notices = Notice.objects.only("plan", "recipient_name", "served_at", "stood_down_at").in_bulk(
        list(notice_ids)
    )
    attempts = _attempts(notices)
    planned: list[Planned] = []
    looks: dict[int, datetime] = {}
    for notice in notices.values():
        if notice.served_at is not None or notice.stood_down_at is not None:
            continue
        for number, plan in enumerate(notice.plan or []):
            tried = [a.tried for a in attempts[notice.pk] if a.chain == number]
            moves, again = plans.moves(plan, tried, now=now)
            looks |= again
            planned += [_planned(notice, number, plan, move) for move in moves]
    _look_again([a for of_notice in attempts.values() for a in of_notice], looks)
    if not planned:
        return []
    queued = queue(planned, due_at=now)
    # "Every address failed" is true no longer.
    recording.regrade({plan.notice_id for plan in planned}, now=now)
    return queued


class _Attempt(NamedTuple):
    tried: Tried
    chain: int
    next_at: datetime | None


def _attempts(notice_ids: Collection[int]) -> dict[int, list[_Attempt]]:
    """Every attempt of these notices, by notice id. Two queries."""
    failures = _failures(notice_ids)
    found: dict[int, list[_Attempt]] = defaultdict(list)
    for pk, notice_id, chain, position, state, created_at, settled_at, next_at in Delivery.objects.filter(
        notice__in=notice_ids
    ).values_list("pk", "notice_id", "chain", "position", "state", "created_at", "settled_at", "next_at"):
        # A deferral also has a time of settling, and has settled nothing.
        left = settled_at if settled_at and state in _LEFT else created_at
        failed = failures.get(pk) or ("was refused" if state == DeliveryState.REFUSED else "")
        found[notice_id].append(_Attempt(Tried(pk, position, left, failed), chain, next_at))
    return found


_LEFT = (DeliveryState.ACCEPTED, DeliveryState.UNKNOWN)
_FAILED = {
    Kind.REFUSED: "was refused",
    Kind.SUPPRESSED: "was withheld",
    Kind.EXPIRED: "was given up after repeated deferral",
    Kind.BOUNCED: "came back",
}


def _failures(notice_ids: Collection[int]) -> dict[int, str]:
    """How deliveries of these notices failed for good, by delivery id."""
    facts = Evidence.objects.filter(
        notice__in=notice_ids, delivery__isnull=False, kind__in=NOT_SENT | DEFEATING, test=False
    )
    return {
        delivery_id: _FAILED[Kind(kind)]
        for delivery_id, kind in facts.order_by("pk").values_list("delivery_id", "kind")
    }


def _planned(notice: Notice, chain: int, plan: Sequence[Sequence[Any]], move: plans.Move) -> Planned:
    return Planned(
        notice.pk,
        notice.recipient_name,
        Contact(*plan[move.position - 1][:3]),
        chain=chain,
        position=move.position,
        retry_reason=move.reason,
        next_hours=plans.next_wait(plan, move.position),
    )


def _look_again(attempts: Iterable[_Attempt], looks: dict[int, datetime]) -> None:
    changed = {a.tried.id: looks.get(a.tried.id) for a in attempts if looks.get(a.tried.id) != a.next_at}
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE notices_delivery d SET next_at = t.next_at "
                "FROM unnest(%s::bigint[], %s::timestamptz[]) AS t(id, next_at) WHERE d.id = t.id",
                [list(changed), list(changed.values())],
            )


def stand_down(notice_ids: Iterable[int], *, now: datetime) -> None:
    """Try no further address of these notices: nothing rests on them any more. What has left has left.

    Letters that lie in the print queue stay there, and are not printed.
    """
    ids = list(notice_ids)
    with transaction.atomic():
        recording.lock(ids)
        Notice.objects.filter(pk__in=ids, stood_down_at__isnull=True).update(stood_down_at=now)
        Delivery.objects.filter(notice__in=ids, next_at__isnull=False).update(next_at=None)


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
        again = Delivery.objects.filter(notice=old.notice_id, retry_of=old).first()
        if not old.notice.content:
            raise NotRepeatable(f"{old} is of a notice that was erased: there is nothing to send any more.")
        if again is not None:
            raise NotRepeatable(f"{old} was repeated already, as {again}.")
        plan = old.notice.plan[old.chain] if old.notice.plan else []
        planned = Planned(
            old.notice_id,
            old.notice.recipient_name,
            Contact(old.channel, old.address, old.contact_ref),
            chain=old.chain,
            position=old.position,
            first=_first(old),
            retry_of=old.pk,
            retry_reason=reason,
            next_hours=plans.next_wait(plan, old.position),
        )
        return queue([planned], due_at=now)[0]


def _first(delivery: Delivery) -> int:
    while delivery.retry_of is not None:
        delivery = delivery.retry_of
    return delivery.pk
