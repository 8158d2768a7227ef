"""The URLs that the environment gives, read into what Django and `notices` want."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

DATABASE_FORM = "a PostgreSQL URL such as postgresql://user:password@host:5432/name"
BROKER_FORM = "a URL such as redis://:password@host:6379/0 or amqp://user:password@host:5672/vhost"
EMAIL_FORM = (
    "a URL such as smtp://user:password@host:587?role=relay&tls=starttls&timeout=30 (role: relay or recipient; "
    "tls: no, starttls or implicit; timeout in seconds) or anymail://postmark"
)

SMS_FORM = (
    "a URL such as twilio://SID:TOKEN@api.twilio.com?from=+15005550006&timeout=30 (from: a number, a sender's name or "
    "a messaging service's SID; tls=no: for a gateway on this machine)"
)


def read_sms_url(url: str) -> dict[str, Any]:
    """The options of the SMS channel: gateway, account, token, sender, base_url and timeout (seconds).

    Raises ValueError if it is no such URL.
    """
    parts = urlsplit(url)
    if parts.scheme != "twilio" or not (parts.hostname and parts.username and parts.password):
        raise ValueError("not twilio://SID:TOKEN@host")
    # A plus sign stands for itself: a number begins with one.
    options = dict(parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True))
    sender, tls, timeout = (
        options.pop("from", ""),
        options.pop("tls", "yes"),
        float(options.pop("timeout", "30")),
    )
    if not sender or tls not in ("yes", "no") or timeout <= 0 or options or parts.path not in ("", "/"):
        raise ValueError("an option is unknown or has no such value")
    port = f":{parts.port}" if parts.port else ""
    return {
        "gateway": "twilio",
        "account": unquote(parts.username),
        "token": unquote(parts.password),
        "sender": sender,
        "base_url": f"{'https' if tls == 'yes' else 'http'}://{parts.hostname}{port}",
        "timeout": timeout,
    }


def read_database_url(url: str) -> dict[str, Any]:
    """Django's settings of a database, from a URL in the form that libpq itself reads.

    Parameters behind the question mark are handed to libpq as they are, except `host` and `port`, which may stand
    there too (a Unix socket's directory does). Raises ValueError if it is no such URL or names no database.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("not a PostgreSQL URL")
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise ValueError(str(error)) from error
    name = parts.pop("dbname", None)
    if not name:
        raise ValueError("no database name")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "OPTIONS": parts,
    }


def read_email_url(url: str) -> dict[str, Any]:
    """The options of the e-mail channel. Two shapes come out, told apart by `transport`:

    - smtp: host, port (default 25, 587 with starttls, 465 with implicit), username, password, role (relay or
      recipient: whether its 250 is the recipient's own server's), tls (no, starttls, implicit), timeout (seconds)
    - anymail: backend, the dotted path of a Django e-mail backend

    Raises ValueError if the URL is neither.
    """
    parts = urlsplit(url)
    if parts.scheme == "anymail":
        name = parts.netloc + parts.path
        if not name:
            raise ValueError("no backend named")
        return {
            "transport": "anymail",
            "backend": name if "." in name else f"anymail.backends.{name}.EmailBackend",
        }
    if parts.scheme != "smtp" or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("neither smtp:// nor anymail://")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    role = options.pop("role", "relay")
    tls = options.pop("tls", "no")
    timeout = float(options.pop("timeout", "30"))
    if (
        role not in ("relay", "recipient")
        or tls not in ("no", "starttls", "implicit")
        or timeout <= 0
        or options
    ):
        raise ValueError("an option is unknown or has no such value")
    return {
        "transport": "smtp",
        "host": parts.hostname,
        "port": parts.port or {"no": 25, "starttls": 587, "implicit": 465}[tls],
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "role": role,
        "tls": tls,
        "timeout": timeout,
    }
