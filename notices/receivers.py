"""Signals that notices hears."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.dispatch import receiver

from notices import rerouting
from notices.signals import Change, evidence_recorded


@receiver(evidence_recorded)
def service_lost(sender: Any, changes: list[Change], **kwargs: Any) -> None:
    """What stood still because it was served moves on when it turns out that it was not."""
    lost = [change.notice_id for change in changes if change.served_before and not change.served_at]
    if lost:
        rerouting.move_on(lost, now=datetime.now(UTC))
