"""Celery's way in. Each task makes one call; each may run twice."""

from __future__ import annotations

from typing import Any

from celery import shared_task, signals

from notices import inbound, ledger, sending, sweeping
from notices.channels import close_channels
from notices.events import freshness, interpreting
from notices.ledger import publishing
from notices.silence import reconciling


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


@shared_task(name="notices.tasks.sweep_silence")
def sweep_silence() -> int:
    return sweeping.break_silence(now=sweeping.utcnow())


@shared_task(name="notices.tasks.sweep_deemed")
def sweep_deemed() -> int:
    return sweeping.deem_served(now=sweeping.utcnow())


@shared_task(name="notices.tasks.sweep_mail")
def sweep_mail() -> int:
    return inbound.rematch(now=sweeping.utcnow())


@shared_task(name="notices.tasks.reconcile")
def reconcile() -> None:
    reconciling.reconcile(now=sweeping.utcnow(), ask=True)


@shared_task(name="notices.tasks.seal")
def seal() -> int:
    return ledger.seal(now=sweeping.utcnow()).count


@shared_task(name="notices.tasks.publish_checkpoints")
def publish_checkpoints() -> None:
    publishing.tell_others(now=sweeping.utcnow())


@shared_task(name="notices.tasks.interpret_events")
def interpret_events() -> dict[str, int]:
    return interpreting.interpret(now=sweeping.utcnow())


@shared_task(name="notices.tasks.forget_tokens")
def forget_tokens() -> int:
    return freshness.forget_used(now=sweeping.utcnow())


@signals.worker_process_shutdown.connect(dispatch_uid="notices.tasks.hang_up")
def hang_up(**_: Any) -> None:
    """Take leave of mail servers properly when a worker process ends."""
    close_channels()
