"""The settings of the site, from the environment. Nothing is started here, and nothing but the environment is read.

In development every variable has a default that works, except DATABASE_URL and CELERY_BROKER_URL: `config.embedded`
supplies these two before Django loads. In production mode nothing that matters has a default.
"""

from __future__ import annotations

import importlib.util
import os
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environs import Env

from config.addresses import BROKER_FORM, DATABASE_FORM, EMAIL_FORM, read_database_url, read_email_url
from config.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("DUE_NOTICE_VAR") or BASE_DIR / "var").absolute()

DUE_NOTICE_MODE = os.environ.get("DUE_NOTICE_MODE") or "development"
PRODUCTION = DUE_NOTICE_MODE == "production"
env = Environment(production=PRODUCTION)
if DUE_NOTICE_MODE not in ("development", "production"):
    env.problems.append("DUE_NOTICE_MODE is malformed; it takes development or production.")

# --- The site -------------------------------------------------------------------------------------------------------

SECRET_KEY = env.read(
    "SECRET_KEY",
    Env.str,
    "a random string of at least 50 characters",
    default="only-for-development-" + "0123456789abcdef" * 3,
    check=lambda key: len(key) >= 50 and len(set(key)) >= 5 and not key.startswith("only-for-development"),
)
# Error pages with the source in them: only where a person looks at pages. `manage.py up` sets it for the web process
# of a development site; a worker that kept every query in memory would be slower and larger for nothing.
DEBUG = env.read("DEBUG", Env.bool, "true or false", default=False, in_production=False)
if PRODUCTION and DEBUG:
    env.problems.append(
        "DEBUG is true; in production mode it takes false, since error pages show source and settings."
    )
ALLOWED_HOSTS = env.read(
    "ALLOWED_HOSTS",
    Env.list,
    "the host names that the site answers to, separated by commas, such as notices.example.com,www.example.com",
    default=["localhost", "127.0.0.1", "[::1]"],
    check=lambda hosts: all(host and host.strip() == host and "/" not in host for host in hosts),
)
BASE_URL = env.read(
    "BASE_URL",
    Env.str,
    "the public address of the site without a path, such as https://notices.example.com",
    default="http://localhost:8000",
    check=lambda url: (
        urlsplit(url).scheme in (("https",) if PRODUCTION else ("http", "https"))
        and bool(urlsplit(url).hostname)
        and urlsplit(url).path in ("", "/")
    ),
).rstrip("/")

INSTALLED_APPS = [
    "config",
    "cases",
    "notices",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "anymail",
    "django_filters",
    "pgtrigger",
]
if not PRODUCTION and importlib.util.find_spec("django_linear_migrations"):
    INSTALLED_APPS.append(
        "django_linear_migrations"
    )  # two branches that both add a migration conflict in git

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.BrowserRules",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Data -----------------------------------------------------------------------------------------------------------

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

# --- Languages and time ---------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español"), ("ar", "العربية")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# --- Files ----------------------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# Development serves files from where they lie, as they are now, without collectstatic.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not PRODUCTION

# --- Browsers -------------------------------------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = (
    ("__Host-session", "__Host-csrf") if PRODUCTION else ("sessionid", "csrftoken")
)
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
if env.read("BEHIND_TLS_PROXY", Env.bool, "true or false", default=False, in_production=False):
    # Only behind a proxy that sets this header itself and drops the one a client sends.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Celery ---------------------------------------------------------------------------------------------------------

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

# --- Notices --------------------------------------------------------------------------------------------------------


def _is_mailbox(value: str) -> bool:
    local, _, domain = parseaddr(value)[1].rpartition("@")
    return bool(local) and bool(domain)


NOTICE_PLATFORM = env.read(
    "NOTICE_PLATFORM",
    Env.str,
    "the platform's name as account holders know it",
    default="Example Platform",
)
NOTICE_FROM = env.read(
    "NOTICE_FROM",
    Env.str,
    'a sender with its address, such as "Example Trust & Safety <notices@example.com>"',
    default="Example Platform Trust & Safety <notices@example.com>",
    check=_is_mailbox,
)
NOTICE_BOUNCE_DOMAIN = env.read(
    "NOTICE_BOUNCE_DOMAIN",
    Env.str,
    "the domain that bounces come back to, such as bounces.example.com; its mail must reach `manage.py receive_mail`",
    default="bounces.example.com",
    check=lambda domain: "@" not in domain and "." in domain.strip(".") and " " not in domain,
)
NOTICE_TOKEN_KEY = env.read(
    "NOTICE_TOKEN_KEY",
    Env.str,
    "a random string of at least 32 characters, kept for years (bounces of old notices are recognised by it) and "
    "not the same as SECRET_KEY",
    default="only-for-development-notice-token-key",
    check=lambda key: len(key) >= 32 and key != SECRET_KEY and not key.startswith("only-for-development"),
)
NOTICE_CHANNELS = {
    "email": env.read(
        "EMAIL_URL",
        lambda values, name: read_email_url(values.str(name)),
        EMAIL_FORM,
        default=read_email_url("smtp://127.0.0.1:1025?role=relay"),
    ),
    "inapp": {},
}
ANYMAIL = {
    name.removeprefix("ANYMAIL_"): value for name, value in os.environ.items() if name.startswith("ANYMAIL_")
}

_RETRY_MINUTES = [1.0, 5.0, 15.0, 60.0, 120.0, 240.0, 480.0, 720.0]
NOTICE_RETRY_MINUTES = env.read(
    "NOTICE_RETRY_MINUTES",
    lambda values, name: values.list(name, subcast=float),
    "the waits between tries of a deferred delivery, in minutes, separated by commas, such as 1,5,15,60",
    default=_RETRY_MINUTES,
    in_production=_RETRY_MINUTES,
    check=lambda waits: bool(waits) and min(waits) > 0,
)


def _seconds(name: str, form: str, default: float) -> float:
    return env.read(
        name, Env.float, form, default=default, in_production=default, check=lambda value: value > 0
    )


NOTICE_RETRY_FOR_HOURS = _seconds("NOTICE_RETRY_FOR_HOURS", "hours, more than 0, such as 72", 72.0)
NOTICE_CALLING_TIMEOUT_SECONDS = _seconds(
    "NOTICE_CALLING_TIMEOUT_SECONDS", "seconds, more than 0, such as 900", 900.0
)
NOTICE_SWEEP_GRACE_SECONDS = _seconds("NOTICE_SWEEP_GRACE_SECONDS", "seconds, more than 0, such as 30", 30.0)
NOTICE_SWEEP_EVERY_SECONDS = _seconds("NOTICE_SWEEP_EVERY_SECONDS", "seconds, more than 0, such as 15", 15.0)
NOTICE_RESEND_UNKNOWN = env.read(
    "NOTICE_RESEND_UNKNOWN",
    Env.str,
    "never or after_seconds:N, such as after_seconds:86400",
    default="never",
    in_production="never",
    check=lambda rule: rule == "never" or (rule.startswith("after_seconds:") and float(rule[14:]) > 0),
)
NOTICE_LINK_DAYS = env.read(
    "NOTICE_LINK_DAYS",
    Env.int,
    "for how many days after its issue the link in a notice opens it, a whole number more than 0, such as 400",
    default=400,
    in_production=400,
    check=lambda days: days > 0,
)

CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "run" / "beat")
CELERY_BEAT_SCHEDULE = {
    task: {
        "task": task,
        "schedule": NOTICE_SWEEP_EVERY_SECONDS,
        # A sweep that nobody took before the next one is due would only do the same work twice.
        "options": {"expires": NOTICE_SWEEP_EVERY_SECONDS},
    }
    for task in (
        "notices.tasks.sweep_unsent",
        "notices.tasks.sweep_stuck",
        "notices.tasks.sweep_unknown",
        "notices.tasks.sweep_deemed",
        "cases.tasks.sweep_deadlines",
    )
}

# --- Logs -----------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        # A line when each task comes and another when it goes: five sweeps would fill the screen for nothing.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

env.complain()
