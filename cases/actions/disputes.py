"""The account holder says that a notice never arrived."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from cases.actors import Actor
from cases.models import Dispute
from cases.refusals import ReasonNeeded, from_database


def open_dispute(step_id: int, *, actor: Actor, statement: str, at: datetime) -> Dispute:
    """Open a dispute about the notice of a step. While it is open, nothing may rest on the step.

    Raises:
        Refused: a dispute is open already, or the statement is empty.
    """
    if not statement.strip():
        raise ReasonNeeded("Say which notice did not arrive, and how you know.")
    try:
        with transaction.atomic():
            return Dispute.objects.create(
                step_id=step_id, opened_by=actor.label, statement=statement, opened_at=at
            )
    except IntegrityError as error:
        raise from_database(error) or error from error
