"""A stored request to its events, by Anymail's own parsing. One that cannot be read holds up no other."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from anymail.signals import AnymailInboundEvent
from django.db import connection
from django.http import HttpRequest

from notices.events.providers import Endpoint
from notices.events.readings import Reading, read
from notices.events.requests import inflate, rebuild


@dataclass(frozen=True, slots=True)
class Stored:
    """A WebhookRequest as it was claimed; `body` still deflated."""

    id: int
    esp: str
    purpose: str
    received_at: datetime
    content_type: str
    headers: dict[str, str]
    body: bytes
    tries: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of a request that could not be read: its body on its own, and why."""

    body: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one request says. `mail`: it brings mail, which another task takes in."""

    readings: tuple[Reading, ...] = ()
    unread: tuple[Unread, ...] = ()
    mail: bool = False


def load(ids: Sequence[int]) -> list[Stored]:
    """Requests that are claimed, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, esp, purpose, received_at, content_type, headers::text, body, tries
            FROM notices_webhookrequest WHERE id = ANY(%s) ORDER BY id
            """,
            [list(ids)],
        )
        return [
            Stored(pk, esp, purpose, at, content_type, json.loads(headers), bytes(body), tries)
            for pk, esp, purpose, at, content_type, headers, body, tries in cursor.fetchall()
        ]


def parse(stored: Stored, endpoint: Endpoint) -> Parsed:
    """Read a tracking request whole; where that fails, event by event. Raises nothing."""
    body = inflate(stored.body)
    try:
        return _read(stored, endpoint, body)
    except Exception as error:  # noqa: BLE001  (what a provider sends is not ours to foresee; it is kept, with this)
        failure = error
    readings: list[Reading] = []
    unread: list[Unread] = []
    parts = list(_parts(body))
    if len(parts) < 2:
        return Parsed(unread=(Unread(body, sentence(failure)),))
    for part in parts:
        try:
            readings += _read(stored, endpoint, part).readings
        except Exception as error:  # noqa: BLE001  (as above)
            unread.append(Unread(part, sentence(error)))
    return Parsed(tuple(readings), tuple(unread))


def events_of(stored: Stored, endpoint: Endpoint, body: bytes) -> tuple[list[Any], HttpRequest]:
    """Anymail's events of a request, and the request as it was rebuilt. May ask the provider's API, for mail."""
    request = rebuild(stored.content_type, stored.headers, body)
    # A copy, since Mandrill's view remembers what kind of events it has seen.
    return list(copy.copy(endpoint.view).parse_events(request)), request


def sentence(error: Exception) -> str:
    """Why it failed, in one line of at most 500 characters."""
    text = " ".join(str(error).split()).replace("\x00", "")
    return f"{type(error).__name__}: {text}"[:500]


def _read(stored: Stored, endpoint: Endpoint, body: bytes) -> Parsed:
    events, _ = events_of(stored, endpoint, body)
    if any(isinstance(event, AnymailInboundEvent) for event in events):
        return Parsed(mail=True)
    return Parsed(tuple(read(stored.esp, event, stored.received_at) for event in events))


def _parts(body: bytes) -> Iterator[bytes]:
    """The request cut up into requests of one event each, for the forms in which providers send several."""
    try:
        if body.startswith(b"mandrill_events="):
            for event in json.loads(parse_qs(body.decode())["mandrill_events"][0]):
                yield urlencode({"mandrill_events": json.dumps([event])}).encode()
            return
        value = json.loads(body)
        if isinstance(value, list):
            yield from (json.dumps([event]).encode() for event in value)
        elif isinstance(value, dict) and isinstance(value.get("events"), list):
            yield from (json.dumps({**value, "events": [event]}).encode() for event in value["events"])
        elif isinstance(value, dict) and isinstance(value.get("events_by_user"), list):
            for user in value["events_by_user"]:
                for event in user["events"]:
                    one = {**value, "events_by_user": [{**user, "events": [event]}]}
                    yield json.dumps(one).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return  # no batch in any form that is known: it stays whole
