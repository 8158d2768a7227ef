"""The clock of a step: it starts when the evidence serves its notice, and stops when a later fact takes that back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from cases.actions.holding import held_back
from cases.actions.steps import take
from cases.actors import Actor
from cases.deadlines import response_deadline
from cases.models import Case, Proposal, Rung, RungKind, State, Step
from notices.signals import Change
from notices.silence.gaps import open_gaps

BATCH = 200
# A held clock is looked at again after this time, or at once where no gap is open any more.
HELD_FOR = timedelta(minutes=5)


def follow_service(changes: Sequence[Change]) -> int:
    """Set, move or stop the clocks of the steps whose notices' service changed. Returns how many."""
    served = {change.notice_id: change.served_at for change in changes}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.id, s.notice_id, r.window_days, a.timezone
            FROM cases_step s
            JOIN cases_rung r ON r.id = s.rung_id
            JOIN cases_case c ON c.id = s.case_id
            JOIN cases_account a ON a.id = c.account_id
            WHERE s.notice_id = ANY(%s) ORDER BY s.id FOR NO KEY UPDATE OF s
            """,
            [list(served)],
        )
        rows = cursor.fetchall()
        clocks = [
            (pk, served[notice_id], _deadline(served[notice_id], days, zone))
            for pk, notice_id, days, zone in rows
        ]
        cursor.execute(
            """
            UPDATE cases_step s SET served_at = t.served_at, deadline_at = t.deadline_at, deadline_handled = false
            FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS t(id, served_at, deadline_at)
            WHERE s.id = t.id
            """,
            [[pk for pk, _, _ in clocks], [s for _, s, _ in clocks], [d for _, _, d in clocks]],
        )
    return len(clocks)


def _deadline(served_at: datetime | None, window_days: int | None, zone: str) -> datetime | None:
    if served_at is None or window_days is None:
        return None
    return response_deadline(served_at, window_days, zone)


def act_on_deadlines(*, actor: Actor, now: datetime) -> dict[str, int]:
    """For steps whose deadline has passed: propose the next rung, or take it where the rung says so. Safe to run twice.

    A step that may have been served only because a bounce did not reach us stays due until that is known.

    Returns:
        How many steps were proposed, taken, left (with the reason as a proposal for a person), and held.
    """
    counts = {"proposed": 0, "taken": 0, "left": 0, "held": 0}
    again_before = now - HELD_FOR if open_gaps() else now
    while True:
        with transaction.atomic():
            due = _lock_due(now, again_before)
            if not due:
                return counts
            held = held_back([step.notice_id for step in due], now=now)
            free = [step for step in due if step.notice_id not in held]
            for step in free:
                counts[_act_on(step, actor=actor, now=now)] += 1
            Step.objects.filter(pk__in=[step.pk for step in free]).update(deadline_handled=True, held_at=None)
            counts["held"] += Step.objects.filter(notice__in=list(held)).update(held_at=now)


def _lock_due(now: datetime, again_before: datetime) -> list[Step]:
    """A batch of due steps, with their cases held; cases first, as everywhere. Those that others hold come later.

    Args:
        again_before: steps that were held back are looked at again if that was before this moment.
    """
    waits = Q(held_at__isnull=True) | Q(held_at__lt=again_before)
    overdue = Step.objects.filter(waits, deadline_at__lte=now, deadline_handled=False)
    batch = list(overdue.order_by("deadline_at").values_list("pk", "case_id")[:BATCH])
    held = Case.objects.select_for_update(no_key=True, skip_locked=True).filter(
        pk__in=[case for _, case in batch]
    )
    case_ids = list(held.order_by("pk").values_list("pk", flat=True))
    still = overdue.filter(pk__in=[pk for pk, _ in batch], case__in=case_ids)
    return list(still.select_related("case", "rung").order_by("pk"))


def _act_on(step: Step, *, actor: Actor, now: datetime) -> str:
    rung = Rung.objects.filter(ladder=step.rung.ladder_id, position__gt=step.rung.position).first()
    waits = {RungKind.WARNING: State.WARNED, RungKind.ESCALATION: State.ESCALATED}.get(
        RungKind(step.rung.kind)
    )
    if rung is None or step.case.state != waits or step.overturned_at is not None:
        return "left"
    reason = f"The account had until {step.deadline_at:%-d %B %Y %H:%M} UTC to answer the {step.rung.kind}."
    if step.rung.on_deadline == "proceed":
        result = take([step.case_id], RungKind(rung.kind), actor=actor, at=now)
        if result.taken:
            return "taken"
        reason = f"{reason} It was not taken by itself: {result.refused[step.case_id]}"
    Proposal.objects.get_or_create(
        case=step.case, rung=rung, defaults={"proposed_by": actor.label, "proposed_at": now, "reason": reason}
    )
    return "proposed"
