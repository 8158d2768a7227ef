"""Postmark's Messages API: what became of a message that it took.

GET /messages/outbound/{MessageID}/details lists the events of a message (Postmark keeps them for 45 days by default);
GET /bounces/{id} tells of which kind a bounce was, and has the id that the bounce webhook has too.
https://postmarkapp.com/developer/api/messages-api, https://postmarkapp.com/developer/api/bounce-api
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests
from django.conf import settings

from notices.events.meaning import meaning
from notices.events.readings import clean
from notices.silence.asking import Answer, Asked, Told

API = "https://api.postmarkapp.com/"

# Their names in the API -> Anymail's, by which `notices.events.meaning` reads the webhook's.
_EVENTS = {"Delivered": "delivered", "Transient": "deferred", "Opened": "opened", "LinkClicked": "clicked"}


@dataclass(slots=True)
class _Event:
    """One event as `notices.events.meaning` looks at it."""

    event_type: str
    esp_event: Any
    recipient: str | None
    mta_response: str | None = None
    description: str | None = None


def from_settings() -> PostmarkInquiry | None:
    """By the settings that sending uses; None where they have no token."""
    token = settings.ANYMAIL.get("POSTMARK_SERVER_TOKEN")
    if not token:
        return None
    return PostmarkInquiry(token, settings.ANYMAIL.get("POSTMARK_API_URL") or API)


class _Trouble(Exception):
    """Nothing was learnt. `stop`: nor would be by asking on."""

    def __init__(self, words: str, *, stop: bool) -> None:
        super().__init__(words)
        self.stop = stop


class PostmarkInquiry:
    """Asks one server's API, one message at a time. `timeout` in seconds, for connecting and for each answer."""

    def __init__(self, token: str, api: str = API, *, timeout: float = 15.0) -> None:
        self._api, self._timeout = api.rstrip("/") + "/", timeout
        self._headers = {"Accept": "application/json", "X-Postmark-Server-Token": token}

    def ask(self, deliveries: Sequence[Asked]) -> Iterator[Answer]:
        with requests.Session() as session:
            session.trust_env = False  # no credentials from a .netrc in place of the token
            session.headers.update(self._headers)
            for delivery in deliveries:
                try:
                    answer = Answer(delivery.delivery_id, tuple(self._events(session, delivery)))
                except _Trouble as trouble:
                    answer = Answer(delivery.delivery_id, (), str(trouble), trouble.stop)
                yield answer
                if answer.stop:
                    return

    def _events(self, session: requests.Session, delivery: Asked) -> Iterator[Told]:
        if not delivery.provider_id:
            raise _Trouble("Postmark never gave this message an id.", stop=False)
        details = self._get(session, f"messages/outbound/{quote(delivery.provider_id, safe='')}/details")
        events = details.get("MessageEvents")
        if not isinstance(events, list):
            raise _Trouble("Postmark's answer has no list of events.", stop=False)
        for event in events:
            if isinstance(event, dict):
                told = self._told(session, event)
                if told is not None:
                    yield told

    def _told(self, session: requests.Session, event: dict[str, Any]) -> Told | None:
        type_, details = str(event.get("Type")), event.get("Details")
        details = details if isinstance(details, dict) else {}
        if type_ == "Bounced":
            return self._bounce(session, event, str(details.get("BounceID") or ""))
        if type_ not in _EVENTS:
            return None  # a subscription that changed says nothing of this message
        recipient = str(event.get("Recipient") or "")
        said = str(details.get("DeliveryMessage") or details.get("Summary") or "")
        return Told(
            meaning("postmark", _Event(_EVENTS[type_], event, recipient)),
            _moment(event.get("ReceivedAt")),
            recipient,
            {"event": clean(event), "reply": clean(said[:1000])},
        )

    def _bounce(self, session: requests.Session, event: dict[str, Any], bounce_id: str) -> Told:
        """What kind of bounce it was is told by another part of the API, in the webhook's own words."""
        if not bounce_id.isdecimal():
            raise _Trouble(
                "Postmark tells of a bounce without its id, so not of what kind it was.", stop=False
            )
        bounce = self._get(session, f"bounces/{bounce_id}")
        complaint = bounce.get("Type") == "SpamComplaint"
        record, type_ = ("SpamComplaint", "complained") if complaint else ("Bounce", "bounced")
        recipient = str(event.get("Recipient") or "")
        said = str(bounce.get("Details") or bounce.get("Description") or "")
        return Told(
            meaning("postmark", _Event(type_, {**bounce, "RecordType": record}, recipient)),
            _moment(bounce.get("BouncedAt")),
            recipient,
            {"event": clean(event), "type": str(bounce.get("Type")), "reply": clean(said[:1000])},
            f"{record}:{int(bounce_id)}",  # as `events.readings` names the webhook's
        )

    def _get(self, session: requests.Session, path: str) -> dict[str, Any]:
        """The JSON object at `path`. Raises _Trouble for everything else."""
        try:
            response = session.get(self._api + path, timeout=self._timeout, allow_redirects=False)
            status = response.status_code
            if status == 200:
                found = response.json(parse_float=str)  # payloads hold no floats
                if isinstance(found, dict):
                    return found
                raise _Trouble("Postmark answered with something that is no JSON object.", stop=False)
        except ValueError as error:  # no JSON; requests' own JSONDecodeError is one
            raise _Trouble("Postmark answered with something that is no JSON.", stop=False) from error
        except requests.RequestException as error:
            raise _Trouble(f"Postmark could not be asked: {type(error).__name__}.", stop=True) from error
        if status in (404, 422):
            raise _Trouble(f"Postmark does not know it (any more): {status}.", stop=False)
        raise _Trouble(f"Postmark would not answer: {status} {response.reason}.", stop=True)


def _moment(value: Any) -> datetime:
    """A time of Postmark's, which has seven digits after the second's point. Raises _Trouble."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise _Trouble(f"Postmark tells of an event at {value!r}, which is no time.", stop=False) from error
    if moment.utcoffset() is None:
        raise _Trouble(f"Postmark tells of an event at {value!r}, without a zone.", stop=False)
    return moment
