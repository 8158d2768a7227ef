"""The database and the accounts of staff."""

from __future__ import annotations

import os
from typing import Any

from environs import Env

from config.addresses import BROKER_FORM, DATABASE_FORM, read_database_url
from config.settings.start import PRODUCTION, env

_database: dict[str, Any] | None = env.read(
    "DATABASE_URL", lambda values, name: read_database_url(values.str(name)), DATABASE_FORM, default=None
)
CELERY_BROKER_URL = env.read(
    "CELERY_BROKER_URL", Env.str, BROKER_FORM, default="", check=lambda url: "://" in url
)
if not PRODUCTION:
    for _name, _form in (("DATABASE_URL", DATABASE_FORM), ("CELERY_BROKER_URL", BROKER_FORM)):
        if not os.environ.get(_name):
            env.problems.append(
                f"{_name} is not set; it takes {_form}. In development manage.py starts a server of its own and "
                "sets it; a program that does without manage.py calls config.embedded.use() before it loads Django."
            )
DATABASES = {
    "default": {
        **(_database or {}),
        # Kept for good, since a new connection costs more than most of what is done with it. Asked whether it is
        # still alive before its first use in a request or task, so that a restarted PostgreSQL is no error.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "cases.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
