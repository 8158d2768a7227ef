"""Mail that a provider took in for us, handed to where all mail is read. One request at a time, none held locked.

Some providers send only a note that there is mail, and Anymail then asks their API for it: no transaction waits for
that. Amazon's question whether it may report to us is answered here as well, since that too is a call.
"""

from __future__ import annotations

import base64
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest

from notices.events import providers
from notices.events.parsing import Stored, events_of, load, sentence
from notices.events.providers import INBOUND, TRACKING
from notices.events.requests import inflate
from notices.models import WebhookRequest

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
# Minutes until the next try, by the number of tries so far; after the last it is for a person.
WAITS = (1, 5, 30, 120, 480)


def take_in(*, now: datetime) -> Counter[str]:
    """Take in the oldest mail that waits. Returns how many requests that were, none or one."""
    stored = _claim(now)
    if stored is None:
        return Counter()
    try:
        messages = _messages(stored)
        with transaction.atomic():
            if messages:
                _receive(messages, now)
            WebhookRequest.objects.filter(pk=stored.id).delete()
    except (OperationalError, InterfaceError):
        raise  # the lease runs out, and it is tried again
    except Exception as error:
        log.exception("Mail that came by the webhook of %s could not be taken in.", stored.esp)
        _put_off(stored, sentence(error), now)
        return Counter(failed=1)
    return Counter(mail=len(messages))


def _receive(messages: list[tuple[bytes, str]], now: datetime) -> None:
    from notices.inbound import Inbound, receive

    receive([Inbound(raw, recipient) for raw, recipient in messages], now=now)


def _claim(now: datetime) -> Stored | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE notices_webhookrequest SET due_at = %s, tries = tries + 1
            WHERE id = (
                SELECT id FROM notices_webhookrequest
                WHERE state = 'waiting' AND purpose <> 'tracking' AND (due_at IS NULL OR due_at <= %s)
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING id
            """,
            [now + LEASE, now],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return load([row[0]])[0]


def _put_off(stored: Stored, reason: str, now: datetime) -> None:
    later = stored.tries <= len(WAITS)
    WebhookRequest.objects.filter(pk=stored.id).update(
        reason=reason,
        state=WebhookRequest.State.WAITING if later else WebhookRequest.State.FAILED,
        due_at=now + timedelta(minutes=WAITS[stored.tries - 1]) if later else now,
    )


def _messages(stored: Stored) -> list[tuple[bytes, str]]:
    """The mail of one request: raw bytes and the address that it came to ("" where that is not told)."""
    purpose = TRACKING if stored.purpose == WebhookRequest.Purpose.CONFIRMATION else INBOUND
    endpoint = providers.endpoint(stored.esp, purpose)
    if endpoint is None:
        raise LookupError(f"{stored.esp} is not configured any more.")
    body = inflate(stored.body)
    events, request = events_of(stored, endpoint, body)
    return [
        (_raw(stored.esp, event, request), str(event.message.envelope_recipient or ""))
        for event in events
        if event is not None and event.message is not None
    ]


def _raw(esp: str, event: Any, request: HttpRequest) -> bytes:
    """The message as it came, where the provider hands that on; else as Anymail put it together again."""
    given = _given(esp, event.esp_event, request)
    if given:
        return given.encode("utf-8", "surrogateescape") if isinstance(given, str) else given
    message: bytes = event.message.as_bytes()
    return message


def _given(esp: str, raw: Any, request: HttpRequest) -> str | bytes | None:
    match esp:
        case "mailgun":
            return request.POST.get("body-mime")
        case "sendgrid":
            return request.POST.get("email")
    if not isinstance(raw, Mapping):
        return None
    match esp:
        case "postmark":
            return raw.get("RawEmail")
        case "mandrill":
            return _string(raw.get("msg"), "raw_msg")
        case "mailersend":
            return _string(raw.get("data"), "raw")
        case "postal":
            return _decoded(raw.get("message"), raw.get("base64") is True)
        case "sparkpost":
            content = (raw.get("msys") or {}).get("relay_message", {}).get("content", {})
            return _decoded(content.get("email_rfc822"), bool(content.get("email_rfc822_is_base64")))
        case "amazon_ses":
            action = (raw.get("receipt") or {}).get("action", {})
            return _decoded(raw.get("content"), action.get("encoding") == "BASE64")
    return None


def _string(value: Any, name: str) -> str | None:
    return value.get(name) if isinstance(value, Mapping) else None


def _decoded(value: Any, is_base64: bool) -> str | bytes | None:
    return base64.b64decode(value) if is_base64 and value else value
