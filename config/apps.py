from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The site itself: settings, addresses, `manage.py up`. It has no models."""

    name = "config"
    verbose_name = "Site"

    def ready(self) -> None:
        # Tasks are declared with @shared_task; they need an application to bind to, in every process that may send one.
        from config import celery  # noqa: F401  (importing makes it the current application)
