"""Celery's way in. Each task makes one call; each may run twice."""

from __future__ import annotations

from datetime import UTC, datetime

from celery import shared_task

from cases.actions.clocks import act_on_deadlines
from cases.actors import system


@shared_task(name="cases.tasks.sweep_deadlines")
def sweep_deadlines() -> dict[str, int]:
    return act_on_deadlines(actor=system("deadlines"), now=datetime.now(UTC))
