"""What an e-mail provider's HTTP answer amounts to, and what to quote of it. No Django, no network."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from requests import Response

# Our key, account or address of the API is wrong, not the message: nobody's notice may count as refused for
# that.
_OURS = frozenset({401, 402, 403, 404, 405, 407})
_LATER = frozenset({408, 425, 429})

# Postmark says 422 of everything that it will not do: these codes are about our account or sender address.
# (406, inactive recipient, comes as a recipient's status instead.)
_POSTMARK_OURS = frozenset({10, 400, 401, 405, 412, 413})
_POSTMARK_SENDER = re.compile(r"'From'|sender signature", re.IGNORECASE)
# Amazon SES, by the API's own error codes, which say more than its 400.
_SES_LATER = frozenset(
    {"Throttling", "ThrottlingException", "LimitExceededException", "TooManyRequestsException"}
)
_SES_OURS = frozenset(
    {
        "AccountSuspendedException",
        "SendingPausedException",
        "MailFromDomainNotVerifiedException",
        "NotFoundException",
    }
)
# Mandrill's reasons to reject that are not its list of addresses it no longer writes to.
_MANDRILL_REFUSALS = frozenset({"invalid", "invalid-sender", "rule", "unsigned", "test-mode-limit"})


class Judgement(NamedTuple):
    kind: str
    configuration: bool = False


def by_status(code: int, answer: Any) -> Judgement:
    """What an unsuccessful HTTP status means; `answer` is the body, parsed where it was JSON."""
    if 200 <= code < 300:
        return Judgement("lost")  # it said yes, in words that we could not read
    if code == 504:
        return Judgement("lost")  # the gateway passed our request on, and never heard what became of it
    if code in _LATER or code >= 500:
        return Judgement("deferred")
    if code in _OURS or 300 <= code < 400 or _about_us(answer):
        return Judgement("deferred", configuration=True)
    if _ses_code(answer) in _SES_LATER:
        return Judgement("deferred")
    return Judgement("refused")


def _ses_code(answer: Any) -> str:
    error = answer.get("Error") if isinstance(answer, dict) else None
    return str(error.get("Code", "")) if isinstance(error, dict) else ""


def _about_us(answer: Any) -> bool:
    if not isinstance(answer, dict):
        return False
    if "ErrorCode" in answer:
        code, words = answer["ErrorCode"], str(answer.get("Message", ""))
        return code in _POSTMARK_OURS or (code == 300 and bool(_POSTMARK_SENDER.search(words)))
    code = _ses_code(answer)
    return code in _SES_OURS or (code == "MessageRejected" and "not verified" in str(answer["Error"]))


def by_recipient_status(status: str | None, message_id: str, answer: Any) -> Judgement:
    """What one of Anymail's normalised recipient statuses means."""
    if status in ("sent", "queued"):
        return Judgement("submitted")
    if status == "rejected":
        # Anymail's word for "on the provider's list of addresses that it does not write to".
        first = answer[0] if isinstance(answer, list) and answer else None
        reason = first.get("reject_reason") if isinstance(first, dict) else None
        return Judgement("refused" if reason in _MANDRILL_REFUSALS else "suppressed")
    if status in ("invalid", "failed"):
        return Judgement("refused")
    return Judgement("submitted" if message_id else "lost")


def answer(response: Any) -> Any:
    """The body of a response: parsed if JSON, else as text; what is no HTTP response (boto3's dicts) as it is."""
    if not isinstance(response, Response):
        return response
    try:
        return response.json()
    except ValueError:
        return response.text


def words(response: Any) -> str:
    """The response for people: status line and body, as they came."""
    if isinstance(response, Response):
        return f"{response.status_code} {response.reason}: {response.text}"
    return json.dumps(response, default=str)
