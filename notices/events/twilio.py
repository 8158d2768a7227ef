"""Twilio's status callbacks: at the door, and a stored one to its event. What they mean: `sms.twilio_events`."""

from __future__ import annotations

import logging
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notices import tokens
from notices.channels.sms import twilio_events
from notices.channels.sms.twilio_events import NotTwilio
from notices.events import hints, refusals
from notices.events.parsing import Parsed, Stored, Unread, sentence
from notices.events.readings import Reading, clean
from notices.events.requests import deflate, inflate, read_limited
from notices.models import WebhookRefusal, WebhookRequest

log = logging.getLogger(__name__)

ESP = twilio_events.SOURCE
_ATTEMPT = "x-attempt"  # as which the stored request keeps the attempt that its address named


@csrf_exempt
@require_POST
def status(request: HttpRequest) -> HttpResponse:
    """A report on one message. Verified, stored, answered; what it means is found out afterwards."""
    options = settings.NOTICE_CHANNELS.get("sms", {})
    secret = options.get("token", "") if options.get("gateway") == "twilio" else ""
    if not secret:
        return _refuse(WebhookRefusal.Reason.NO_SECRET, 401)
    try:
        body = read_limited(request, settings.NOTICE_HOOKS_MAX_BYTES)
        if body is None:
            return _refuse(WebhookRefusal.Reason.TOO_LARGE, 413)
        # As Twilio called it: behind a proxy only BASE_URL knows.
        url = settings.BASE_URL + request.get_full_path()
        given = request.headers.get(twilio_events.SIGNATURE_HEADER, "")
        twilio_events.verify(url, _fields(body), given, secret)
    except NotTwilio:
        return _refuse(WebhookRefusal.Reason.UNVERIFIED, 403)
    except ValueError:
        return _refuse(WebhookRefusal.Reason.UNREADABLE, 400)
    except OSError:
        return HttpResponse(status=400)  # it went away in the middle of its request
    try:
        WebhookRequest.objects.create(
            esp=ESP,
            purpose=WebhookRequest.Purpose.TRACKING,
            content_type=request.META.get("CONTENT_TYPE", "")[:250],
            headers={_ATTEMPT: request.GET.get("attempt", "")[:60]},
            body=deflate(body),
        )
    except (OperationalError, InterfaceError) as error:
        log.error("A callback of Twilio could not be stored (%s); it will come again.", type(error).__name__)
        return HttpResponse(status=503, headers={"Retry-After": "30"})
    hints.hint()
    return HttpResponse(status=204)


def _refuse(reason: str, code: int) -> HttpResponse:
    refusals.count(ESP, reason)
    return HttpResponse(status=code)


def _fields(body: bytes) -> list[tuple[str, str]]:
    """The form's fields. Raises ValueError: it is no form, or more than one should be."""
    return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200)


def parse(stored: Stored) -> Parsed:
    """Read a stored callback. Raises nothing."""
    body = inflate(stored.body)
    try:
        event = twilio_events.read(dict(_fields(body)), token=stored.headers.get(_ATTEMPT, ""))
    except ValueError as error:
        return Parsed(unread=(Unread(body, sentence(error)),))
    reading = Reading(
        esp=ESP,
        event_id=event.event_id,
        kind=event.kind,
        at=None,
        received_at=stored.received_at,
        test=False,
        suppresses=False,
        delivery_id=tokens.read_envid(event.token),
        provider_id=event.message[:250],
        recipient=event.payload.get("To", ""),
        payload=clean(event.payload),
    )
    return Parsed((reading,))
