"""Where providers report: verify, store as it came, answer. What it means is found out afterwards.

A request that does not verify is refused, counted, and kept nowhere. A verified one is on disk before it is answered
with 200; if it cannot be put there, the provider is asked to come again (503).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.base import AnymailBasicAuthMixin
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from notices.events import freshness, hints, providers, refusals, sns
from notices.events.freshness import Token
from notices.events.providers import INBOUND, TRACKING, Endpoint
from notices.events.requests import KEPT_HEADERS, deflate, give_body, read_limited
from notices.models import WebhookRefusal, WebhookRequest

log = logging.getLogger(__name__)

Reason, Purpose = WebhookRefusal.Reason, WebhookRequest.Purpose

_LIKE_ANYMAIL = 400
_KEPT = [(name, f"HTTP_{name.upper().replace('-', '_')}") for name in KEPT_HEADERS]
_DO_NOT_RETRY = 406  # Mailgun's word for it
# Asking for a password is what makes Amazon SNS, and some others, send the one in the address.
_ASK = {"WWW-Authenticate": 'Basic realm="webhooks"'}


@csrf_exempt
def tracking(request: HttpRequest, esp: str) -> HttpResponse:
    """Reports of provider `esp` (a slug of `providers`) about what we sent through it."""
    return _answer(request, esp, TRACKING)


@csrf_exempt
def inbound(request: HttpRequest, esp: str) -> HttpResponse:
    """Mail that provider `esp` received for us."""
    return _answer(request, esp, INBOUND)


class _Refused(Exception):
    def __init__(self, reason: str, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.reason, self.status, self.headers = reason, status, headers or {}


def _answer(request: HttpRequest, slug: str, purpose: str) -> HttpResponse:
    if not providers.known(slug, purpose):
        raise Http404
    if request.method == "HEAD" or (request.method == "GET" and slug == "unisender_go"):
        return HttpResponse()  # by which some providers see whether anybody is there
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST, HEAD"})
    try:
        _take(request, slug, purpose, datetime.now(UTC))
    except _Refused as refused:
        refusals.count(slug, refused.reason)
        return HttpResponse(status=refused.status, headers=refused.headers)
    except sns.Unreachable as error:
        log.warning("A message of Amazon SNS could not be verified for now: %s", error)
        return HttpResponse(status=503, headers={"Retry-After": "60"})
    except OSError:
        return HttpResponse(status=400)  # it went away in the middle of its request
    except (OperationalError, InterfaceError) as error:
        log.error("A webhook of %s could not be stored (%s); it will come again.", slug, type(error).__name__)
        return HttpResponse(status=503, headers={"Retry-After": "30"})
    return HttpResponse()


def _take(request: HttpRequest, slug: str, purpose: str, now: datetime) -> None:
    endpoint = providers.endpoint(slug, purpose)
    if endpoint is None or not endpoint.secured:
        raise _Refused(Reason.NO_SECRET, 401)
    if endpoint.basic_auth:
        _check_password(request, endpoint)
    mail = purpose == INBOUND or slug == "mandrill"
    if slug == "mandrill":
        purpose = TRACKING  # reports and mail come to one address; which it is, is seen when it is read
    body = read_limited(
        request, settings.NOTICE_HOOKS_MAX_MAIL_BYTES if mail else settings.NOTICE_HOOKS_MAX_BYTES
    )
    if body is None:
        raise _Refused(Reason.TOO_LARGE, 413)
    give_body(request, body, form=slug == "mailgun")  # whose signature is in the form
    token, purpose = _verify(request, endpoint, body, purpose, now)
    headers = {name: value[:250] for name, field in _KEPT if (value := request.META.get(field))}
    content_type = request.META.get("CONTENT_TYPE", "")[:250]
    row: list[str | bytes] = [endpoint.esp, purpose, content_type, json.dumps(headers), deflate(body)]
    if not _steadily(lambda: _store_once(row, endpoint.esp, token) if token else _store(row)):
        raise _Refused(Reason.REPLAYED, _DO_NOT_RETRY)
    hints.hint()


def _check_password(request: HttpRequest, endpoint: Endpoint) -> None:
    """Anymail's check of the password, which compares in constant time: before anything of the body is read."""
    if "HTTP_AUTHORIZATION" not in request.META:
        raise _Refused(Reason.UNVERIFIED, 401, _ASK)
    try:
        AnymailBasicAuthMixin.validate_request(endpoint.view, request)
    except AnymailWebhookValidationFailure as error:
        raise _Refused(Reason.UNVERIFIED, _LIKE_ANYMAIL) from error


def _verify(
    request: HttpRequest, endpoint: Endpoint, body: bytes, purpose: str, now: datetime
) -> tuple[Token | None, str]:
    """Anymail's checks, and those that it does not make. Returns the signature's token, if any, and the purpose."""
    try:
        for check in endpoint.checks:
            check(endpoint.view, request)
        if endpoint.esp == "amazon_ses":
            message = sns.verifier.check(body, now=now)
            return None, Purpose.CONFIRMATION if message["Type"] == "SubscriptionConfirmation" else purpose
        if endpoint.esp == "mailgun":
            return freshness.token_of(request, body, now=now), purpose
    except (AnymailWebhookValidationFailure, sns.NotSigned) as error:
        raise _Refused(Reason.UNVERIFIED, _LIKE_ANYMAIL) from error
    except freshness.Stale as error:
        raise _Refused(Reason.STALE, _DO_NOT_RETRY) from error
    except sns.Unreachable:
        raise
    except ImproperlyConfigured as error:
        log.error("Webhooks of %s are refused: %s", endpoint.esp, str(error).splitlines()[0])
        raise _Refused(Reason.NO_SECRET, 401) from error
    except Exception as error:  # whatever a hostile body makes of Anymail's and Django's reading of it
        raise _Refused(Reason.UNREADABLE, _LIKE_ANYMAIL) from error
    return None, purpose


def _steadily(store: Callable[[], bool]) -> bool:
    """Run `store`; once more if the connection had died since the last request, since repeating it does no harm.

    Django would ask the server before each request whether the connection is alive: a round trip more for each.
    """
    connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs do not know it
    try:
        return store()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return store()


_INTO = (
    "INSERT INTO notices_webhookrequest (esp, purpose, content_type, headers, body, state, tries, reason, "
)
_INTO += "dismissed_by, dismissed_because)"


def _store(row: list[str | bytes]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"{_INTO} VALUES (%s, %s, %s, %s, %s, 'waiting', 0, '', '', '')", row)
    return True


def _store_once(row: list[str | bytes], esp: str, token: Token) -> bool:
    """Store it if its token is new. Known with this same body: a repetition, nothing to store. Else: False."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH used AS (
                INSERT INTO notices_webhooktoken (esp, token, body_sha256) VALUES (%s, %s, %s)
                ON CONFLICT (token, esp) DO NOTHING
                RETURNING 1
            ), stored AS (
                {_INTO} SELECT %s, %s, %s, %s::jsonb, %s, 'waiting', 0, '', '', '' FROM used
            )
            SELECT EXISTS (SELECT 1 FROM used)
            """,
            [esp, token.sha256, token.body_sha256, *row],
        )
        if cursor.fetchone()[0]:
            return True
        cursor.execute(
            "SELECT body_sha256 FROM notices_webhooktoken WHERE esp = %s AND token = %s", [esp, token.sha256]
        )
        known = cursor.fetchone()
    return known is not None and bytes(known[0]) == token.body_sha256
