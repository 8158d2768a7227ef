"""Celery: the workers, and what the clock starts."""

from __future__ import annotations

from typing import Any

from config.settings.data import CELERY_BROKER_URL
from config.settings.ledger import LEDGER_PUBLISH_EVERY_SECONDS, LEDGER_SEAL_EVERY_SECONDS
from config.settings.reports import NOTICE_EVENTS_EVERY_SECONDS, NOTICE_RECONCILE_EVERY_SECONDS
from config.settings.sending import NOTICE_SWEEP_EVERY_SECONDS
from config.settings.start import VAR_DIR

CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Tasks are hints and sweeps (the work itself is rows in the database), so a task that was taken but never finished
# may come again: it finds nothing left to do. The broker keeps it until then, and hands it out again after this time.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    # Who publishes does not wait for a broker that is away: rows are the truth, and the sweep finds what was not said.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
    **({"visibility_timeout": 900} if CELERY_BROKER_URL.startswith("redis") else {}),
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Who hands out a hint does not wait long for a broker that is away: a sweep finds the work without it.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1}
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"notices.tasks.send": {"queue": "send"}}

CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "run" / "beat")
_EVERY = {
    "notices.tasks.sweep_unsent": NOTICE_SWEEP_EVERY_SECONDS,
    "notices.tasks.sweep_stuck": NOTICE_SWEEP_EVERY_SECONDS,
    "notices.tasks.sweep_unknown": NOTICE_SWEEP_EVERY_SECONDS,
    "notices.tasks.sweep_silence": NOTICE_SWEEP_EVERY_SECONDS,
    "notices.tasks.sweep_deemed": NOTICE_SWEEP_EVERY_SECONDS,
    "notices.tasks.sweep_mail": NOTICE_SWEEP_EVERY_SECONDS,
    "cases.tasks.sweep_deadlines": NOTICE_SWEEP_EVERY_SECONDS,
    "notices.tasks.interpret_events": NOTICE_EVENTS_EVERY_SECONDS,
    "notices.tasks.reconcile": NOTICE_RECONCILE_EVERY_SECONDS,
    "notices.tasks.seal": LEDGER_SEAL_EVERY_SECONDS,
    "notices.tasks.publish_checkpoints": LEDGER_PUBLISH_EVERY_SECONDS,
    "notices.tasks.forget_tokens": 3_600.0,
}
CELERY_BEAT_SCHEDULE = {
    # What nobody took before the next one is due would only do the same work twice.
    task: {"task": task, "schedule": every, "options": {"expires": every}}
    for task, every in _EVERY.items()
}
