"""E-mail through django-anymail: its test backend, Postmark's against a local server, and Amazon SES's manners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from anymail.backends.base import AnymailBaseBackend, BasePayload
from anymail.exceptions import AnymailAPIError, AnymailCancelSend
from anymail.message import AnymailRecipientStatus
from anymail.signals import post_send, pre_send
from pytest_django import Settings

from notices.channels.base import Outcome
from notices.channels.email import AnymailChannel
from notices.channels.provider_answers import by_recipient_status, by_status
from tests.notices.channels.conftest import message
from tests.notices.channels.servers import Api, http_api

SENT = (200, {"ErrorCode": 0, "Message": "OK", "MessageID": "pm-1", "To": "holder1@example.org"})
INACTIVE = {
    "ErrorCode": 406,
    "Message": "You tried to send to a recipient that has been marked as inactive.\nFound inactive addresses: "
    "holder1@example.org.\nInactive recipients are ones that have generated a hard bounce or a spam complaint.",
}

Postmark = Callable[..., tuple[list[Outcome], Api]]


@pytest.fixture
def postmark(settings: Settings) -> Postmark:
    """Send `count` messages through Postmark's backend to a server that answers as told."""

    def send(*answers: Any, count: int = 1, timeout: float = 20.0) -> tuple[list[Outcome], Api]:
        with http_api(*answers) as api:
            settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "secret-token", "POSTMARK_API_URL": api.url}
            batch = [message(number + 1) for number in range(count)]
            return list(AnymailChannel("postmark", timeout=timeout).send(batch)), api

    return send


def test_an_accepted_message(postmark: Postmark) -> None:
    (outcome,), api = postmark(SENT)
    assert (outcome.kind, outcome.code, outcome.provider, outcome.provider_id) == (
        "submitted",
        200,
        "postmark",
        "pm-1",
    )
    assert '"MessageID": "pm-1"' in outcome.reply
    assert outcome.detail == {"esp": "Postmark", "status": "sent", "without": ["envelope_sender"]}
    assert outcome.at.utcoffset() is not None
    (request,) = api.requests
    assert request["From"] == "Trust & Safety <notices@example.com>"
    assert request["To"] == "holder1@example.org"
    assert request["Subject"] == "Warnung für Ihr Konto"
    assert request["TextBody"] == "Grüße\n.a line that begins with a dot"
    assert request["HtmlBody"] == "<p>Hello</p>"
    assert request["Metadata"] == {"delivery": "1", "envid": "1-abc"}
    assert {header["Name"]: header["Value"] for header in request["Headers"]} == {
        "Message-ID": "<m1@bounces.example.com>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "de",
        "X-PM-KeepID": "true",
    }


def test_one_request_per_message_in_order(postmark: Postmark) -> None:
    outcomes, api = postmark(SENT, count=5)
    assert [each.delivery_id for each in outcomes] == [1, 2, 3, 4, 5]
    assert [request["Metadata"]["delivery"] for request in api.requests] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("answer", "kind", "configuration"),
    [
        ((422, INACTIVE), "suppressed", False),
        (
            (422, {"ErrorCode": 300, "Message": "Invalid 'To' address: 'holder1@example.org'."}),
            "refused",
            False,
        ),
        (
            (422, {"ErrorCode": 300, "Message": "Invalid 'From' address: 'notices@example.com'."}),
            "deferred",
            True,
        ),
        ((422, {"ErrorCode": 412, "Message": "Your account is pending approval."}), "deferred", True),
        ((413, "too large"), "refused", False),
        ((401, {"ErrorCode": 10, "Message": "Bad or missing API token"}), "deferred", True),
        ((404, "no such thing"), "deferred", True),
        ((408, "too slow"), "deferred", False),
        ((429, {"ErrorCode": 429, "Message": "Rate limit exceeded"}), "deferred", False),
        ((500, "oops"), "deferred", False),
        ((503, "maintenance"), "deferred", False),
        ((504, "gateway time-out"), "lost", False),
        ((200, "no JSON at all"), "lost", False),
    ],
)
def test_what_the_provider_s_answers_amount_to(
    postmark: Postmark, answer: tuple[int, Any], kind: str, configuration: bool
) -> None:
    (outcome,), api = postmark(answer)
    assert (outcome.kind, outcome.code) == (kind, answer[0])
    assert outcome.detail.get("configuration", False) is configuration
    assert outcome.reply.startswith(f"{answer[0]} ")
    assert len(api.requests) == 1


@pytest.mark.parametrize("answer", ["silence", "hang up"])
def test_no_answer_to_a_request_that_went_out_is_lost_and_not_repeated(
    postmark: Postmark, answer: str
) -> None:
    (outcome,), api = postmark(answer, timeout=0.3)
    assert (outcome.kind, outcome.code, outcome.detail["ours"]) == ("lost", None, True)
    assert len(api.requests) == 1


def test_a_provider_out_of_reach_is_deferred(settings: Settings) -> None:
    with http_api(SENT) as api:
        pass
    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "secret-token", "POSTMARK_API_URL": api.url}
    outcomes = list(AnymailChannel("postmark").send([message(1), message(2), message(3)]))
    assert [each.kind for each in outcomes] == ["deferred"] * 3
    assert "Connection refused" in outcomes[0].reply
    assert "messages before it failed" in outcomes[2].reply
    assert not any("configuration" in each.detail for each in outcomes)


def test_a_provider_that_cannot_speak_tls_gets_no_message(settings: Settings) -> None:
    with http_api(SENT) as api:
        url = api.url.replace("http:", "https:")
        settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "secret-token", "POSTMARK_API_URL": url}
        (outcome,) = AnymailChannel("postmark").send([message(1)])
    assert (outcome.kind, outcome.detail["configuration"]) == ("deferred", True)
    assert api.requests == []


@pytest.mark.parametrize(("answer", "asked"), [((500, "oops"), 2), ((429, "slowly"), 2), ((401, "who?"), 1)])
def test_trouble_that_is_not_the_message_s_stops_the_batch(
    postmark: Postmark, answer: tuple[int, Any], asked: int
) -> None:
    outcomes, api = postmark(answer, count=6)
    assert [each.kind for each in outcomes] == ["deferred"] * 6
    assert len(api.requests) == asked
    assert not any("secret-token" in repr(each) for each in outcomes)


def test_a_refused_recipient_stops_nobody_else(postmark: Postmark) -> None:
    outcomes, _ = postmark((422, INACTIVE), (422, INACTIVE), (422, INACTIVE), SENT, count=4)
    assert outcomes[-1].kind == "submitted"


@pytest.mark.parametrize(
    ("backend", "anymail", "complaint"),
    [
        ("postmark", {}, "POSTMARK_SERVER_TOKEN"),
        ("pigeon", {}, "no e-mail backend anymail.backends.pigeon.EmailBackend"),
        ("django.core.mail.backends.smtp.EmailBackend", {}, "not one of django-anymail's"),
    ],
)
def test_a_wrong_set_up_is_for_a_person_to_see(
    settings: Settings, backend: str, anymail: dict[str, Any], complaint: str
) -> None:
    settings.ANYMAIL = anymail
    outcomes = list(AnymailChannel(backend).send([message(1), message(2)]))
    assert [(each.kind, each.detail["configuration"]) for each in outcomes] == [("deferred", True)] * 2
    assert complaint in outcomes[0].reply


# --- Anymail's test backend ---


@pytest.fixture
def before() -> Iterator[Callable[[Callable[[Any], None]], None]]:
    """Have something done to every message before Anymail sends it."""
    receivers: list[Any] = []

    def connect(do: Callable[[Any], None]) -> None:
        def receiver(sender: type, message: Any, esp_name: str, **kwargs: Any) -> None:
            do(message)

        receivers.append(receiver)
        pre_send.connect(receiver)

    yield connect
    for receiver in receivers:
        pre_send.disconnect(receiver)


def sent_by_test_backend() -> Outcome:
    (outcome,) = AnymailChannel("test").send([message(1)])
    return outcome


def test_the_test_backend_s_evidence_says_that_it_is_a_test(mailoutbox: list[Any]) -> None:
    outcome = sent_by_test_backend()
    assert (outcome.kind, outcome.provider, outcome.detail["test_mode"]) == ("submitted", "test", True)
    params = mailoutbox[-1].anymail_test_params
    assert params["envelope_sender"] == "bounce+1-abc@bounces.example.com"
    assert params["metadata"] == {"delivery": "1", "envid": "1-abc"}


@pytest.mark.parametrize(
    ("status", "message_id", "kind"),
    [
        ("sent", "a", "submitted"),
        ("queued", "a", "submitted"),
        ("invalid", None, "refused"),
        ("failed", None, "refused"),
        ("rejected", None, "suppressed"),
        ("unknown", "a", "submitted"),
        ("unknown", None, "lost"),
    ],
)
def test_recipient_statuses(
    before: Callable[..., None], status: str, message_id: str | None, kind: str
) -> None:
    def answer(email: Any) -> None:
        one = AnymailRecipientStatus(message_id=message_id, status=status)
        email.anymail_test_response = {"recipient_status": {"holder1@example.org": one}}

    before(answer)
    outcome = sent_by_test_backend()
    assert (outcome.kind, outcome.detail["status"], outcome.provider_id) == (kind, status, message_id or "")


def test_a_cancelled_sending_is_not_lost(before: Callable[..., None]) -> None:
    def cancel(email: Any) -> None:
        raise AnymailCancelSend

    before(cancel)
    outcome = sent_by_test_backend()
    assert (outcome.kind, outcome.detail["configuration"]) == ("deferred", True)


def test_a_bug_after_the_acceptance_does_not_undo_it() -> None:
    def receiver(sender: type, message: Any, status: Any, esp_name: str, **kwargs: Any) -> None:
        raise RuntimeError("a bug of somebody's")

    post_send.connect(receiver)
    try:
        assert sent_by_test_backend().kind == "submitted"
    finally:
        post_send.disconnect(receiver)


@pytest.mark.parametrize("address", ["a@example.org\r\nBcc: b@example.org", "nobody"])
def test_injections_reach_no_provider(address: str) -> None:
    (outcome,) = AnymailChannel("test").send([message(1, address=address)])
    assert (outcome.kind, outcome.detail["ours"]) == ("refused", True)


def test_an_address_that_anymail_cannot_write_is_refused(postmark: Postmark, settings: Settings) -> None:
    with http_api(SENT) as api:
        settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "t", "POSTMARK_API_URL": api.url}
        (outcome,) = AnymailChannel("postmark").send([message(1, address="a@xn--ü.example")])
    assert outcome.kind == "refused"
    assert api.requests == []


# --- Amazon SES: boto3 is not installed, so a stand-in with its manners ---


class EndpointConnectionError(Exception):
    """botocore's, by name."""


class ReadTimeoutError(Exception):
    """botocore's, by name."""


class StandInForSes(AnymailBaseBackend):
    esp_name = "Amazon SES"
    client_params: dict[str, Any]
    failure: Exception | None = None
    response: dict[str, Any] | None = None

    def __init__(self, client_params: dict[str, Any]) -> None:
        super().__init__()
        type(self).client_params = client_params

    def build_message_payload(self, message: Any, defaults: Any) -> Any:
        return Payload(message, defaults, self)

    def post_to_esp(self, payload: Any, message: Any) -> Any:
        try:
            if self.failure is not None:
                raise self.failure
        except Exception as error:
            raise AnymailAPIError(str(error), backend=self, response=self.response) from error
        return {"MessageId": "ses-1"}

    def parse_recipient_status(self, response: Any, payload: Any, message: Any) -> Any:
        return {message.to[0]: AnymailRecipientStatus(response["MessageId"], "queued")}


class Payload(BasePayload):
    def init_payload(self) -> None:
        pass

    def _accept(self, *args: Any) -> None:
        pass

    set_from_email = set_to = set_cc = set_bcc = set_subject = set_reply_to = set_extra_headers = _accept
    set_text_body = set_html_body = set_attachments = set_metadata = set_envelope_sender = _accept


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    def send(failure: Exception | None = None, response: dict[str, Any] | None = None) -> Outcome:
        monkeypatch.setattr(StandInForSes, "failure", failure)
        monkeypatch.setattr(StandInForSes, "response", response)
        (outcome,) = AnymailChannel(f"{__name__}.StandInForSes", timeout=9.0).send([message(1)])
        return outcome

    return send


def test_ses_makes_one_attempt_only(ses: Callable[..., Outcome], settings: Settings) -> None:
    settings.ANYMAIL = {
        "AMAZON_SES_CLIENT_PARAMS": {"region_name": "eu-west-1", "config": {"retries": {"mode": "x"}}}
    }
    outcome = ses()
    assert (outcome.kind, outcome.provider, outcome.provider_id) == ("submitted", "amazon_ses", "ses-1")
    assert StandInForSes.client_params == {
        "region_name": "eu-west-1",
        "config": {
            "connect_timeout": 9.0,
            "read_timeout": 9.0,
            "retries": {"total_max_attempts": 1, "mode": "standard"},
        },
    }


@pytest.mark.parametrize(
    ("failure", "response", "kind"),
    [
        (EndpointConnectionError("no route"), None, "deferred"),
        (ReadTimeoutError("no answer"), None, "lost"),
        (RuntimeError("anything else"), None, "lost"),
        (Exception(), {"Error": {"Code": "x"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "refused"),
    ],
)
def test_failures_of_boto3(
    ses: Callable[..., Outcome], failure: Exception, response: dict[str, Any] | None, kind: str
) -> None:
    assert ses(failure, response).kind == kind


@pytest.mark.parametrize(
    ("code", "error", "kind", "configuration"),
    [
        ("ThrottlingException", "slow down", "deferred", False),
        ("MessageRejected", "Email address is not verified.", "deferred", True),
        ("MessageRejected", "bad content", "refused", False),
        ("AccountSuspendedException", "", "deferred", True),
    ],
)
def test_error_codes_of_ses(code: str, error: str, kind: str, configuration: bool) -> None:
    assert by_status(400, {"Error": {"Code": code, "Message": error}}) == (kind, configuration)


@pytest.mark.parametrize(("reason", "kind"), [("hard-bounce", "suppressed"), ("invalid-sender", "refused")])
def test_reasons_of_mandrill(reason: str, kind: str) -> None:
    assert by_recipient_status("rejected", "", [{"reject_reason": reason}]).kind == kind
