"""Evidence arrived: hand it to the actions that it concerns."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from cases.actions.clocks import follow_service
from notices.signals import Change, evidence_recorded


@receiver(evidence_recorded)
def service_changed(sender: Any, changes: list[Change], **kwargs: Any) -> None:
    follow_service(changes)
