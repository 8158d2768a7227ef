"""Twilio's Messages API: a form by POST, basic authentication, JSON back."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import requests

from notices.channels.base import Outcome, clip, utc_now
from notices.channels.once import watch
from notices.channels.provider_answers import Judgement, answer, words
from notices.channels.sms.gateway import Sms

# Twilio's error codes that are about this recipient or this text.
_REFUSED = frozenset({21211, 21214, 21217, 21265, 21602, 21604, 21612, 21614, 21617, 21619, 21635, 21656})
_SUPPRESSED = frozenset({21610})  # the recipient has answered STOP
_LATER = frozenset({14107, 20429, 20500, 20503, 21611})
# Our credentials, account, sender or address for reports.
_OURS = frozenset(
    {
        20003,
        20005,
        20006,
        20008,
        20403,
        20404,
        21212,
        21408,
        21603,
        21606,
        21607,
        21608,
        21609,
        21618,
        21620,
        21621,
    }
    | {21622, 21626, 21659, 21660, 21661, 21701, 21703, 21704, 21705}
)
_LATER_STATUS = frozenset({408, 425, 429, 503})
_OURS_STATUS = frozenset({401, 402, 403, 404, 405, 407})

# From these numbers only Twilio's test credentials send, and nothing leaves.
_TEST_SENDER = re.compile(r"\+1500555000\d")


class TwilioGateway:
    """One account at Twilio.

    Args:
        account: SID (AC...).
        token: the account's auth token.
        sender: a number in E.164, an alphanumeric sender, or the SID of a messaging service (MG...).
        base_url: of the API.
        callback: where Twilio is to report what becomes of a message; "": nowhere.
        timeout: seconds, for connecting and for each wait.
    """

    name = "twilio"

    def __init__(
        self,
        *,
        account: str,
        token: str,
        sender: str,
        base_url: str = "https://api.twilio.com",
        callback: str = "",
        timeout: float = 30.0,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json"
        self._sender, self._callback, self._timeout = sender, callback, timeout
        self._test = bool(_TEST_SENDER.fullmatch(sender))
        self._session = requests.Session()
        self._session.auth = (account, token)
        self._progress = watch(self._session)

    def send(self, sms: Sms) -> Outcome:
        self._progress.begun = False
        try:
            response = self._session.post(
                self._url, data=self._form(sms), timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            return self._failed(sms, error)
        judgement, identity, detail = _judge(response)
        return self._build(
            sms, judgement, _said(response), code=response.status_code, identity=identity, detail=detail
        )

    def close(self) -> None:
        self._session.close()

    def _form(self, sms: Sms) -> dict[str, str]:
        by = "MessagingServiceSid" if re.fullmatch(r"MG[0-9a-f]{32}", self._sender) else "From"
        form = {
            "To": sms.to,
            by: self._sender,
            "Body": sms.text,
            "SmartEncoded": "false",  # what leaves is the text that we froze, character for character
        }
        if self._callback:
            form["StatusCallback"] = f"{self._callback}?{urlencode({'attempt': sms.token})}"
        return form

    def _failed(self, sms: Sms, error: requests.RequestException) -> Outcome:
        said = f"{type(error).__name__}: {error}"
        if self._progress.begun:
            return self._build(sms, Judgement("lost"), said, ours=True)
        network = isinstance(error, requests.ConnectionError | requests.Timeout)
        wrong = not network or isinstance(error, requests.exceptions.SSLError)
        return self._build(sms, Judgement("deferred", configuration=wrong), said, ours=True)

    def _build(
        self,
        sms: Sms,
        judgement: Judgement,
        reply: str,
        *,
        code: int | None = None,
        identity: str = "",
        detail: dict[str, Any] | None = None,
        ours: bool = False,
    ) -> Outcome:
        marks = {
            "ours": ours,
            "configuration": judgement.configuration,
            "test_mode": self._test,
            # Whoever waits for reports may wait for one: see `notices.silence`.
            "reports": bool(self._callback) and judgement.kind == "submitted",
        }
        return Outcome(
            sms.delivery_id,
            judgement.kind,
            clip(reply),
            code,
            self.name,
            identity,
            {**(detail or {}), **{name: True for name, said in marks.items() if said}},
            at=utc_now(),
        )


# What an answer says of the message. Not its body: that holds the holder's link, which staff never get to see.
_TELLING = (
    "sid status error_code error_message num_segments date_created messaging_service_sid code message more_info"
).split()


def _said(response: requests.Response) -> str:
    """The answer for people, without the text that it repeats."""
    body = answer(response)
    if not isinstance(body, dict):
        return words(response)
    told = {name: body[name] for name in _TELLING if body.get(name) is not None}
    return f"{response.status_code} {response.reason}: {json.dumps(told, ensure_ascii=False)}"


def _judge(response: requests.Response) -> tuple[Judgement, str, dict[str, Any]]:
    """What an answer means, the message's SID, and what of it is worth a place of its own."""
    body = answer(response)
    said = body if isinstance(body, dict) else {}
    status = response.status_code
    if 200 <= status < 300:
        identity, state = str(said.get("sid") or ""), str(said.get("status") or "")
        if not identity:
            return Judgement("lost"), "", {}  # it said yes, in words that we could not read
        kind = "refused" if state in ("failed", "undelivered", "canceled") else "submitted"
        return Judgement(kind), identity, {"status": state} if state else {}
    code = said.get("code")
    if not isinstance(code, int):
        return _by_status(status), "", {}
    return _by_code(code, status, str(said.get("message") or "")), "", {"error_code": code}


def _by_code(code: int, status: int, sentence: str) -> Judgement:
    # Twilio splits its codes into finer ones now and then; what an unknown one is about, its sentence says.
    if code in _SUPPRESSED:
        return Judgement("suppressed")
    if code in _REFUSED:
        return Judgement("refused")
    if code in _LATER or status >= 500:
        return Judgement("deferred")  # the API itself says that it did not do it
    if code in _OURS or ("From" in sentence and "To" not in sentence):
        return Judgement("deferred", configuration=True)
    return _by_status(status)


def _by_status(status: int) -> Judgement:
    if status in _LATER_STATUS:
        return Judgement("deferred")
    if status >= 500:
        return Judgement("lost")  # said by something on the way, which may have passed the request on
    if status in _OURS_STATUS or status < 400:
        return Judgement("deferred", configuration=True)
    return Judgement("refused")
