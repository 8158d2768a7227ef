"""The Celery application: `celery -A config.celery worker`, or everything at once with `manage.py up`."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("due_notice")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Celery closes every database connection before and after each task, whatever CONN_MAX_AGE says, unless it is told
# to reuse them. Reusing is what we want (a new connection costs PostgreSQL several milliseconds), but Celery's way of
# reusing never notices a connection that has died. So Celery is told to keep its hands off for good, and Django's own
# rule takes its place: a connection that failed is dropped, one that is too old is dropped, and with
# CONN_HEALTH_CHECKS the next task asks the server before it trusts the connection.
app.conf.CELERY_DB_REUSE_MAX = 2**62


@signals.task_prerun.connect(dispatch_uid="config.celery.drop_dead_connections")
@signals.task_postrun.connect(dispatch_uid="config.celery.drop_dead_connections")
def drop_dead_connections(sender: Any = None, **_: Any) -> None:
    """Keep the connection between tasks, but not a dead one. A task run eagerly belongs to its caller's connection."""
    if not getattr(sender.request, "is_eager", False):
        close_old_connections()
