"""Celery's way in. Each task makes one call; each may run twice."""

from __future__ import annotations

from typing import Any

from celery import shared_task, signals

from notices import sending, sweeping
from notices.channels import close_channels


@shared_task(name="notices.tasks.send")
def send(delivery_ids: list[int]) -> int:
    return sending.send_due(delivery_ids)


@shared_task(name="notices.tasks.sweep_unsent")
def sweep_unsent() -> int:
    return sweeping.find_unsent(now=sweeping.utcnow())


@shared_task(name="notices.tasks.sweep_stuck")
def sweep_stuck() -> int:
    return sweeping.mark_stuck(now=sweeping.utcnow())


@shared_task(name="notices.tasks.sweep_unknown")
def sweep_unknown() -> int:
    return sweeping.repeat_unknown(now=sweeping.utcnow())


@shared_task(name="notices.tasks.sweep_deemed")
def sweep_deemed() -> int:
    return sweeping.deem_served(now=sweeping.utcnow())


@signals.worker_process_shutdown.connect(dispatch_uid="notices.tasks.hang_up")
def hang_up(**_: Any) -> None:
    """Take leave of mail servers properly when a worker process ends."""
    close_channels()
