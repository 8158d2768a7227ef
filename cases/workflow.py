"""States, and `move()`: the only place where a case's state changes.

What may follow what is the table in `cases.models.rules`, which the database holds as well.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import IntegrityError, connection

from cases.actors import Actor
from cases.models import Case, Transition
from cases.models.rules import TRANSITIONS
from cases.refusals import ReasonNeeded, WrongState, from_database
from notices.bulk import copy_rows


def may_move(old: str, new: str) -> bool:
    """Whether a case in state `old` may go to `new`."""
    return new in TRANSITIONS[old]


def move(
    cases: Collection[tuple[int, str]],
    new: str,
    *,
    actor: Actor,
    reason: str,
    at: datetime,
    resolution: str = "",
) -> None:
    """Move locked cases to state `new`, each with a row of history written beside it.

    Args:
        cases: (id, present state) of cases whose rows the transaction holds.
        reason: why, for the history; must not be empty.
        resolution: how it ended, when `new` is closed.

    Raises:
        WrongState: a case may not go there from where it is.
        ReasonNeeded: the reason is empty.
        HeldByDatabase: a rule of the database refuses, told in words.
    """
    if not reason.strip():
        raise ReasonNeeded("Say why: the reason is kept with the decision and shown to those who ask.")
    for pk, old in cases:
        if not may_move(old, new):
            raise WrongState(f"Case C-{pk} is {old or 'not open yet'}; from there it cannot become {new}.")
    record_transitions(cases, new, actor=actor, reason=reason, at=at)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE cases_case SET state = %s, resolution = %s, version = version + 1 WHERE id = ANY(%s)",
                [new, resolution, [pk for pk, _ in cases]],
            )
    except IntegrityError as error:
        refused = from_database(error)
        if refused is None:
            raise
        raise refused from error


def record_transitions(
    cases: Collection[tuple[int, str]], new: str, *, actor: Actor, reason: str, at: datetime
) -> None:
    """Write one row of history per case."""
    copy_rows(
        Transition,
        _COLUMNS,
        _TYPES,
        [(pk, old, new, actor.user_id, actor.label, reason, at) for pk, old in cases],
    )


_COLUMNS = "case_id old new actor_id actor_label reason at".split()
_TYPES = "int8 varchar varchar int8 varchar text timestamptz".split()


def lock(case_ids: Sequence[int]) -> dict[int, Case]:
    """Hold these cases' rows until the transaction ends, in the one order that all use. {id: case}"""
    return {
        case.pk: case
        for case in Case.objects.select_for_update(no_key=True).filter(pk__in=case_ids).order_by("pk")
    }
