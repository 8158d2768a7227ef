"""Leave to suspend without a served warning: asked by one person, approved by another, for a time."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from cases.models import Exemption, User
from cases.refusals import from_database


def ask(
    case_id: int, *, author: User, ground: Exemption.Ground, reason: str, expires_at: datetime, at: datetime
) -> Exemption:
    """Ask for an exemption. It counts for nothing until somebody else approves it, and ends at `expires_at`."""
    try:
        with transaction.atomic():
            return Exemption.objects.create(
                case_id=case_id,
                author=author,
                ground=ground,
                reason=reason.strip(),
                expires_at=expires_at,
                asked_at=at,
            )
    except IntegrityError as error:
        raise from_database(error) or error from error


def approve(exemption_id: int, *, approver: User, at: datetime) -> None:
    """Approve an exemption that somebody else asked for."""
    try:
        with transaction.atomic():
            Exemption.objects.filter(pk=exemption_id, approver__isnull=True).update(
                approver=approver, approved_at=at
            )
    except IntegrityError as error:
        raise from_database(error) or error from error
