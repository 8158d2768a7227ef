"""Celery's way in. Each task makes one call; each may run twice."""

from __future__ import annotations

from celery import shared_task

from notices import sending, sweeping


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
