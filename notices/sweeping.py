"""What the clock finds: hints that were lost, calls that never returned, doubts to repeat, silence that serves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from notices import recording
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.models import Delivery, DeliveryState, Notice
from notices.queueing import hint_on_commit
from notices.rerouting import move_on, repeat

# One sweep hints at no more than this, oldest first: enough to drain, too little to drown the queue.
HINTS = 5_000
STUCK = 500


def find_unsent(*, now: datetime) -> int:
    """Hint again at deliveries that are overdue: their hint was lost, or a deferral has ended."""
    grace = timedelta(seconds=settings.NOTICE_SWEEP_GRACE_SECONDS)
    overdue = Delivery.objects.filter(state=DeliveryState.QUEUED, due_at__lte=now - grace)
    ids = list(overdue.order_by("due_at").values_list("pk", flat=True)[:HINTS])
    hint_on_commit(ids)
    return len(ids)


def mark_stuck(*, now: datetime) -> int:
    """Turn calls that never returned into `unknown`, with a fact that says so."""
    limit = now - timedelta(seconds=settings.NOTICE_CALLING_TIMEOUT_SECONDS)
    marked = 0
    while True:
        with transaction.atomic():
            stuck = list(
                Delivery.objects.filter(state=DeliveryState.CALLING, called_at__lt=limit)
                .order_by("pk")
                .values_list("pk", "notice_id")[:STUCK]
            )
            if not stuck:
                return marked
            recording.lock(notice_id for _, notice_id in stuck)
            with connection.cursor() as cursor:
                cursor.execute(
                    """
                    UPDATE notices_delivery SET state = 'unknown', settled_at = %s
                    WHERE id = ANY(%s) AND state = 'calling' AND called_at < %s
                    RETURNING id, notice_id, tries, called_at
                    """,
                    [now, [pk for pk, _ in stuck], limit],
                )
                rows = cursor.fetchall()
            recording.record(
                [
                    NewFact(
                        notice_id,
                        Kind.LOST,
                        "sweep",
                        called_at,
                        pk,
                        {
                            "what": "the call never returned; the worker stopped in the middle of it",
                            "try": tries,
                        },
                        event_id=f"{pk}:{tries}:lost",
                    )
                    for pk, notice_id, tries, called_at in rows
                ],
                now=now,
            )
            marked += len(rows)


def repeat_unknown(*, now: datetime) -> int:
    """Where NOTICE_RESEND_UNKNOWN says so, repeat attempts that stayed unknown for that long. Once each."""
    policy, _, seconds = settings.NOTICE_RESEND_UNKNOWN.partition(":")
    if policy == "never":
        return 0
    limit = now - timedelta(seconds=float(seconds))
    doubtful = Delivery.objects.filter(
        state=DeliveryState.UNKNOWN, settled_at__lt=limit, retries__isnull=True, retry_of__isnull=True
    ).filter(notice__served_at__isnull=True, notice__stood_down_at__isnull=True)
    doubtful = doubtful.exclude(notice__content=b"")  # erased
    ids = list(doubtful.order_by("pk").values_list("pk", flat=True)[:STUCK])
    for pk in ids:
        repeat(pk, reason=f"policy {settings.NOTICE_RESEND_UNKNOWN}: outcome unknown", now=now)
    return len(ids)


def break_silence(*, now: datetime) -> int:
    """Try the next address of notices that were not served in the time that their plan gave. Returns how many."""
    queued = 0
    while True:
        with transaction.atomic():
            due = Delivery.objects.filter(next_at__lte=now).order_by("next_at", "pk")
            ids = set(due.values_list("notice_id", flat=True)[:STUCK])
            if not ids:
                return queued
            recording.lock(ids)
            # Every look either tries an address or moves the next look into the future: this ends.
            queued += len(move_on(ids, now=now))


def deem_served(*, now: datetime) -> int:
    """Grade anew the notices whose time of deemed service has come."""
    ids = list(
        Notice.objects.filter(deemed_due_at__lte=now).order_by("pk").values_list("pk", flat=True)[:STUCK]
    )
    recording.regrade(ids, now=now)
    return len(ids)


def utcnow() -> datetime:
    """The one place where the sweeps read the clock."""
    return datetime.now(UTC)
