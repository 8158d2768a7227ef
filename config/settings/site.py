"""The web site: hosts, applications, pages, languages, files, browsers."""

from __future__ import annotations

import importlib.util
from urllib.parse import urlsplit

from environs import Env

from config.settings.start import BASE_DIR, PRODUCTION, VAR_DIR, env

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
    "notices.events.shortcut.Shortcut",
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

# --- Languages and time -------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español"), ("ar", "العربية")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# --- Files --------------------------------------------------------------------------------------------------

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

# --- Browsers -----------------------------------------------------------------------------------------------

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
