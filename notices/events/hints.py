"""Tell the workers that something came in, at most once a second for each process. The beat finds the rest."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from celery import current_app

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
LEAVE_ALONE_SECONDS = 30.0


@dataclass(slots=True)
class _Pace:
    """Until when, by `time.monotonic()`, this process keeps quiet."""

    quiet_until: float = 0.0


_pace = _Pace()


def hint() -> None:
    """Hint at the interpretation. Only a hint: the rows are the truth."""
    now = time.monotonic()
    if now < _pace.quiet_until:
        return
    _pace.quiet_until = now + EVERY_SECONDS
    try:
        # A hint that waits in a long queue is of no use any more: later ones, and the beat, say the same.
        current_app.send_task("notices.tasks.interpret_events", retry=False, expires=10)
    except Exception as error:  # noqa: BLE001  (each transport has its own, and no hint is worth failing for)
        log.warning(
            "The broker did not take a hint at webhooks (%s); the sweep finds them.", type(error).__name__
        )
        _pace.quiet_until = now + LEAVE_ALONE_SECONDS
