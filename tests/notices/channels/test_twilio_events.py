"""Twilio's status callbacks: only signed ones count, and each becomes one fact about the right attempt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from notices import tokens
from notices.channels.sms.twilio_events import NotTwilio, read, signature, verify
from notices.events.interpreting import interpret
from notices.models import Delivery, Evidence, Notice, WebhookRefusal, WebhookRequest
from notices.queueing import Contact
from tests.notices.builders import issued

SECRET = "12345"
NUMBER = "+38640123456"
PATH = "/hooks/twilio/status/"


def test_the_signature_of_a_known_request() -> None:
    """The worked example of Twilio's documentation on the security of requests."""
    fields = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675310"),
        ("Digits", "1234"),
        ("From", "+14158675310"),
        ("To", "+18005551212"),
    ]
    url = "https://example.com/myapp.php?foo=1&bar=2"
    assert signature(url, reversed(fields), SECRET) == "L/OH5YylLD5NRKLltdqwSvS0BnU="
    verify(url, fields, "L/OH5YylLD5NRKLltdqwSvS0BnU=", SECRET)


@pytest.mark.parametrize("given", ["", "L/OH5YylLD5NRKLltdqwSvS0BnU=", "é"])
def test_another_signature_does_not_hold(given: str) -> None:
    with pytest.raises(NotTwilio):
        verify("https://example.com/", [("MessageSid", "SM1")], given, SECRET)


def test_without_a_secret_nothing_holds() -> None:
    with pytest.raises(NotTwilio):
        verify("https://example.com/", [], signature("https://example.com/", [], ""), "")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("queued", "noted"),
        ("sent", "submitted"),
        ("delivered", "delivered"),
        ("undelivered", "bounced"),
        ("failed", "bounced"),
    ],
)
def test_what_a_status_means(status: str, kind: str) -> None:
    event = read(
        {"MessageSid": "SM1", "MessageStatus": status, "ErrorCode": "30003", "To": NUMBER}, token="t"
    )
    assert (event.kind, event.message, event.token, event.event_id) == (kind, "SM1", "t", f"SM1:{status}")
    assert event.payload["ErrorCode"] == "30003"


@pytest.mark.parametrize(
    "fields", [{}, {"MessageSid": "SM1"}, {"MessageSid": "SM1", "MessageStatus": "flying"}]
)
def test_what_is_no_status_is_an_error_in_words(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"names no message|not known"):
        read(fields)


@pytest.fixture
def delivery(settings: Any) -> Delivery:
    settings.NOTICE_CHANNELS = {
        **settings.NOTICE_CHANNELS,
        "sms": {"gateway": "twilio", "account": "AC1", "token": SECRET, "sender": "Example"},
    }
    issued(chains=[[Contact("sms", NUMBER, 3), Contact("email", "ana@mail.example", 1)]])
    Delivery.objects.update(
        state="accepted", provider="twilio", provider_id="SM1", settled_at=datetime.now(UTC)
    )
    return Delivery.objects.get()


def call(status: str, *, attempt: str = "", secret: str = SECRET, sid: str = "SM1", to: str = NUMBER) -> int:
    from django.conf import settings

    fields = {"MessageSid": sid, "MessageStatus": status, "To": to, "AccountSid": "AC1"}
    path = PATH + (f"?attempt={attempt}" if attempt else "")
    signed = signature(settings.BASE_URL + path, list(fields.items()), secret)
    response = Client().post(
        path,
        urlencode(fields),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signed},
    )
    return response.status_code


@pytest.mark.django_db
def test_a_delivered_text_reached_the_handset(delivery: Delivery) -> None:
    assert [call("sent"), call("delivered"), call("delivered")] == [204] * 3
    interpret(now=datetime.now(UTC))
    assert sorted(Evidence.objects.values_list("kind", flat=True)) == ["delivered", "submitted"]
    assert Notice.objects.get().grade == 3
    assert not WebhookRequest.objects.exists()


@pytest.mark.django_db
def test_an_undelivered_text_defeats_it_and_the_next_address_is_tried(delivery: Delivery) -> None:
    call("undelivered")
    call("sent")  # out of order
    interpret(now=datetime.now(UTC))
    assert Notice.objects.get().grade == 0
    assert list(Delivery.objects.order_by("pk").values_list("channel", flat=True)) == ["sms", "email"]


@pytest.mark.django_db
def test_a_callback_that_comes_before_our_own_commit_finds_its_attempt_by_our_token(
    delivery: Delivery,
) -> None:
    Delivery.objects.update(state="calling", provider="", provider_id="")
    call("delivered", attempt=tokens.envid(delivery.pk))
    interpret(now=datetime.now(UTC))
    assert Evidence.objects.get().delivery_id == delivery.pk


@pytest.mark.django_db
def test_what_is_not_signed_is_refused_and_counted_and_kept_nowhere(delivery: Delivery) -> None:
    assert call("delivered", secret="guess") == 403
    assert not WebhookRequest.objects.exists()
    assert WebhookRefusal.objects.get().count == 1


@pytest.mark.django_db
def test_a_report_about_another_number_is_no_evidence(delivery: Delivery) -> None:
    call("delivered", to="+38640999999")
    interpret(now=datetime.now(UTC))
    assert not Evidence.objects.exists()


@pytest.mark.django_db
def test_without_a_gateway_there_is_no_door(settings: Any) -> None:
    settings.NOTICE_CHANNELS = {"inapp": {}}
    assert call("delivered") == 401
