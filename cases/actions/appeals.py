"""The account holder contests a step; somebody who did not decide it decides the appeal."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from cases.actions.closing import stand_down_notices
from cases.actors import Actor
from cases.models import Appeal, State, Step, User
from cases.models.case import Resolution
from cases.models.policy import RungKind
from cases.refusals import ReasonNeeded, WrongState, from_database
from cases.workflow import lock, move
from notices.rerouting import stand_down


def file_appeal(step_id: int, *, statement: str, at: datetime) -> Appeal:
    """Open an appeal against a step. While it is open, nothing may rest on the step.

    Raises:
        Refused: an appeal is open already, or the statement is empty.
    """
    if not statement.strip():
        raise ReasonNeeded("Say why you contest the decision.")
    try:
        with transaction.atomic():
            return Appeal.objects.create(step_id=step_id, statement=statement, filed_at=at)
    except IntegrityError as error:
        raise from_database(error) or error from error


def uphold(appeal_id: int, *, reviewer: User, reason: str, at: datetime) -> None:
    """Decide that the step stands."""
    with transaction.atomic():
        _decide(appeal_id, Appeal.Outcome.UPHELD, reviewer=reviewer, reason=reason, at=at)


def overturn(appeal_id: int, *, actor: Actor, reviewer: User, reason: str, at: datetime) -> None:
    """Decide that the step was wrong: nothing rests on it any more, and the case closes.

    Closing ends a suspension that rested on it, too.
    """
    with transaction.atomic():
        step = _decide(appeal_id, Appeal.Outcome.OVERTURNED, reviewer=reviewer, reason=reason, at=at)
        # Notices before steps: whoever takes both locks takes them in this order.
        stand_down([step.notice_id], now=at)
        Step.objects.filter(pk=step.pk).update(overturned_at=at)
        case = lock([step.case_id])[step.case_id]
        if case.state != State.CLOSED and _rests_on(step):
            move(
                [(case.pk, case.state)],
                State.CLOSED,
                actor=actor,
                reason=reason,
                at=at,
                resolution=Resolution.OVERTURNED,
            )
            stand_down_notices(case.pk, at=at)


def _decide(appeal_id: int, outcome: Appeal.Outcome, *, reviewer: User, reason: str, at: datetime) -> Step:
    step = Step.objects.get(appeals=appeal_id)
    lock([step.case_id])
    appeal = Appeal.objects.get(pk=appeal_id)
    if appeal.outcome != Appeal.Outcome.OPEN:
        raise WrongState(f"This appeal is {appeal.get_outcome_display()} already.")
    appeal.outcome, appeal.decided_by, appeal.decided_at, appeal.decision_reason = (
        outcome,
        reviewer,
        at,
        reason,
    )
    try:
        with transaction.atomic():
            appeal.save(update_fields=["outcome", "decided_by", "decided_at", "decision_reason"])
    except IntegrityError as error:
        raise from_database(error) or error from error
    return step


def _rests_on(step: Step) -> bool:
    """Whether the case has nothing left to rest on without this step: no other warning or escalation stands."""
    others = Step.objects.filter(case=step.case_id, overturned_at__isnull=True).exclude(pk=step.pk)
    return (
        not others.exclude(rung__kind=RungKind.SUSPENSION).exists() or step.rung.kind == RungKind.SUSPENSION
    )
