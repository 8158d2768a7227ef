"""Mailgun signs a time and a token, and not what it says. So a signature is good for a while, and for one body."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from notices.models import WebhookToken

_AHEAD = timedelta(minutes=10)  # clocks differ


class Stale(Exception):
    """Signed longer ago than Mailgun goes on trying, or in the future."""


@dataclass(frozen=True, slots=True)
class Token:
    """What makes a signature single: SHA-256 of its token, and of the body that came with it."""

    sha256: bytes
    body_sha256: bytes


def token_of(request: HttpRequest, body: bytes, *, now: datetime) -> Token:
    """The token of a request whose signature holds.

    Raises:
        Stale: it is too old, or of the future.
        ValueError, KeyError, TypeError: no time in it that can be read.
    """
    if request.content_type == "application/json":
        block = json.loads(body)["signature"]
        said, token = block["timestamp"], block["token"]
    else:
        said, token = request.POST["timestamp"], request.POST["token"]
    signed_at = datetime.fromtimestamp(float(said), tz=UTC)
    if not now - timedelta(hours=settings.NOTICE_HOOKS_MAX_AGE_HOURS) <= signed_at <= now + _AHEAD:
        raise Stale
    return Token(hashlib.sha256(str(token).encode()).digest(), hashlib.sha256(body).digest())


def forget_used(*, now: datetime) -> int:
    """Delete tokens that are too old to be taken again anyhow. Returns how many."""
    limit = now - timedelta(hours=settings.NOTICE_HOOKS_MAX_AGE_HOURS) - 2 * _AHEAD
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {WebhookToken._meta.db_table} WHERE seen_at < %s", [limit])  # noqa: S608
        return int(cursor.rowcount)
