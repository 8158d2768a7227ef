"""Dismiss, close as complied, reinstate: the ways in which a case, or a suspension, ends."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from cases.actors import Actor
from cases.models import Case, State, Step
from cases.models.case import Resolution
from cases.models.policy import RungKind
from cases.refusals import NotFound, WrongState
from cases.workflow import lock, move
from notices.rerouting import stand_down


def dismiss(case_id: int, *, actor: Actor, reason: str, at: datetime) -> None:
    """Close a case because the flag was unfounded or too slight. Not while the account is suspended."""
    _close(case_id, Resolution.DISMISSED, actor=actor, reason=reason, at=at)


def close_as_complied(case_id: int, *, actor: Actor, reason: str, at: datetime) -> None:
    """Close a case because the account put right what it was warned about."""
    _close(case_id, Resolution.COMPLIED, actor=actor, reason=reason, at=at)


def reinstate(case_id: int, *, actor: Actor, reason: str, at: datetime, close: bool = True) -> None:
    """End a suspension.

    Args:
        close: close the case; else it returns to the state of its last step before the suspension.

    Raises:
        Refused: the account is not suspended, or no reason is given.
    """
    with transaction.atomic():
        case = _locked(case_id)
        if case.state != State.SUSPENDED:
            raise WrongState(f"The account in case {case.number} is not suspended; there is nothing to lift.")
        if close:
            target, resolution = State.CLOSED, Resolution.REINSTATED.value
        else:
            target, resolution = _before_suspension(case), ""
        move([(case.pk, case.state)], target, actor=actor, reason=reason, at=at, resolution=resolution)
        if close:
            stand_down_notices(case.pk, at=at)


def _close(case_id: int, resolution: Resolution, *, actor: Actor, reason: str, at: datetime) -> None:
    with transaction.atomic():
        case = _locked(case_id)
        if case.state == State.SUSPENDED:
            raise WrongState(
                f"The account in case {case.number} is suspended. Reinstate it; that closes the case too."
            )
        move([(case.pk, case.state)], State.CLOSED, actor=actor, reason=reason, at=at, resolution=resolution)
        stand_down_notices(case.pk, at=at)


def stand_down_notices(case_id: int, *, at: datetime) -> None:
    """Try no further address for the notices of a case that closes."""
    stand_down(Step.objects.filter(case=case_id).values_list("notice_id", flat=True), now=at)


def _locked(case_id: int) -> Case:
    case = lock([case_id]).get(case_id)
    if case is None:
        raise NotFound(f"There is no case C-{case_id}.")
    return case


def _before_suspension(case: Case) -> State:
    kinds = set(
        Step.objects.filter(case=case, overturned_at__isnull=True).values_list("rung__kind", flat=True)
    )
    if RungKind.ESCALATION in kinds:
        return State.ESCALATED
    return State.WARNED if RungKind.WARNING in kinds else State.OPEN
