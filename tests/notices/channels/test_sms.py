"""SMS: its text, its segments, and Twilio's API against a local gateway that behaves like it."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices import sending
from notices.channels import close_channels
from notices.channels.base import Message, Outcome
from notices.channels.sms.channel import SmsChannel
from notices.channels.sms.texts import LIMIT, segments, text_of
from notices.channels.sms.twilio import TwilioGateway
from notices.ledger import payloads
from notices.models import Delivery, Evidence, Notice
from notices.queueing import Contact
from tests.notices.builders import a_template, issued
from tests.notices.channels.gateways import ACCOUNT, TOKEN, SmsApi, error, sms_api

NUMBER = "+38640123456"
LINK = "https://notices.example.com/n/2s-4f02c7e19ab35d/"


def message(number: int = 1, address: str = NUMBER, text: str = "Example: a warning.") -> Message:
    return Message(number, address, "", f"{number}-abc", "", text.encode())


def send(api: SmsApi, *messages: Message, timeout: float = 20.0, **options: Any) -> list[Outcome]:
    given = {"account": ACCOUNT, "token": TOKEN, "sender": "+4930123456", "base_url": api.url, **options}
    channel = SmsChannel(TwilioGateway(timeout=timeout, **given))
    try:
        return list(channel.send(messages or (message(),)))
    finally:
        channel.close()


def test_a_message_goes_as_one_form_with_our_credentials() -> None:
    with sms_api() as api:
        (outcome,) = send(
            api, message(text="Grüße: bitte"), callback="https://notices.example.com/hooks/twilio/status/"
        )
    (request,) = api.requests
    assert request.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert request.credentials == f"{ACCOUNT}:{TOKEN}"
    assert request.form == {
        "To": NUMBER,
        "From": "+4930123456",
        "Body": "Grüße: bitte",
        "SmartEncoded": "false",
        "StatusCallback": "https://notices.example.com/hooks/twilio/status/?attempt=1-abc",
    }
    assert (outcome.kind, outcome.code, outcome.provider) == ("submitted", 201, "twilio")
    assert outcome.provider_id == "SM" + "1".zfill(32)
    assert "bitte" not in outcome.reply  # Twilio repeats the text, and in it the holder's link
    assert outcome.detail == {"status": "queued", "reports": True, "encoding": "GSM-7", "segments": 1}


def test_a_messaging_service_may_be_the_sender() -> None:
    service = "MG" + "a" * 32
    with sms_api() as api:
        send(api, sender=service)
    assert (api.requests[0].form["MessagingServiceSid"], "From" in api.requests[0].form) == (service, False)


def test_the_numbers_of_test_credentials_send_nothing_and_are_marked() -> None:
    with sms_api() as api:
        (outcome,) = send(api, sender="+15005550006")
    assert outcome.detail["test_mode"] is True


@pytest.mark.parametrize(
    ("answer", "kind", "configuration"),
    [
        (error(400, 21211, "Invalid 'To' Phone Number"), "refused", False),
        (error(400, 21614, "'To' number is not a valid mobile number"), "refused", False),
        (error(400, 21610, "Attempt to send to unsubscribed recipient"), "suppressed", False),
        (error(400, 21999, "Something new about the 'To' number"), "refused", False),
        (error(400, 21999, "Something new about the 'From' number"), "deferred", True),
        (error(400, 21606, "The From phone number is not SMS-capable"), "deferred", True),
        (error(400, 21408, "Permission has not been enabled for the region"), "deferred", True),
        (error(401, 20003, "Authenticate"), "deferred", True),
        (error(404, 20404, "The requested resource was not found"), "deferred", True),
        (error(429, 20429, "Too Many Requests"), "deferred", False),
        (error(503, 20503, "Service unavailable"), "deferred", False),
        (error(500, 20500, "Internal server error"), "deferred", False),
        ((503, "busy"), "deferred", False),
        ((502, "<h1>Bad gateway</h1>"), "lost", False),
        ((504, ""), "lost", False),
        ((201, "not JSON"), "lost", False),
        ((201, {"status": "queued"}), "lost", False),
        ((201, {"sid": "SM1", "status": "failed", "error_code": 30008}), "refused", False),
        ((307, ""), "deferred", True),
        ("hang up", "lost", False),
    ],
)
def test_what_the_gateway_answers_means(answer: Any, kind: str, configuration: bool) -> None:
    with sms_api(answer) as api:
        (outcome,) = send(api)
    assert (outcome.kind, outcome.detail.get("configuration", False)) == (kind, configuration)
    assert len(api.requests) == 1  # whatever was answered, nothing was sent twice


def test_a_gateway_that_takes_the_message_and_then_falls_silent_leaves_it_in_doubt() -> None:
    with sms_api("silence") as api:
        (outcome,) = send(api, timeout=0.3)
        assert (outcome.kind, len(api.requests)) == ("lost", 1)


def test_where_nobody_listens_nothing_was_sent_and_the_rest_is_put_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        api = SmsApi(port=closed.getsockname()[1])
    outcomes = send(api, *(message(number) for number in range(1, 6)))
    assert [outcome.kind for outcome in outcomes] == ["deferred"] * 5
    assert "Not tried" in outcomes[-1].reply


def test_wrong_settings_end_a_batch_at_once() -> None:
    with sms_api(error(401, 20003)) as api:
        outcomes = send(api, *(message(number) for number in range(1, 4)))
    assert len(api.requests) == 1
    assert all(outcome.detail["configuration"] for outcome in outcomes)


def test_one_bad_number_holds_up_no_other() -> None:
    with sms_api() as api:
        outcomes = send(api, message(1), message(2, "0640 123456"), message(3, "+0123456789"), message(4))
    assert [outcome.kind for outcome in outcomes] == ["submitted", "refused", "refused", "submitted"]
    assert "E.164" in outcomes[1].reply
    assert len(api.requests) == 2


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("€" * 80, "GSM-7", 1),
        ("a" * 152 + "€" + "a" * 20, "GSM-7", 2),  # the euro sign is not cut in two
        ("ü" * 160, "GSM-7", 1),
        ("ç" * 71, "UCS-2", 2),  # of the cedillas only the capital is in the alphabet
        ("ع" * 70, "UCS-2", 1),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 67, "UCS-2", 3),  # 33 to a segment
        ("", "GSM-7", 1),
    ],
)
def test_segments_are_counted_as_networks_cut_them(text: str, encoding: str, count: int) -> None:
    found = segments(text)
    assert (found.encoding, found.count) == (encoding, count)


def test_the_text_says_who_writes_what_about_and_where_to_answer() -> None:
    assert text_of("Example", "A warning about your account", LINK, "en-GB") == (
        f"Example: A warning about your account. Read it and answer: {LINK}"
    )
    assert text_of("Example", "Warum?", LINK, "de").endswith(f"Warum? Lesen und antworten: {LINK}")
    assert "اقرأه وأجب" in text_of("Example", "إنذار", LINK, "ar")
    assert "Read it" in text_of("Example", "Figyelmeztetés", LINK, "hu")


@given(subject=st.text(max_size=2_000), platform=st.text(min_size=1, max_size=200))
def test_whatever_the_subject_the_link_is_there_and_it_is_not_too_long(subject: str, platform: str) -> None:
    text = text_of(platform, subject, LINK, "en")
    assert text.endswith(LINK)
    assert len(text) <= LIMIT
    assert "\n" not in text


SMS_PLAN = [[Contact("sms", NUMBER, 3), Contact("email", "ana@mail.example", 1)]]


def send_all() -> None:
    sending.send_due(list(Delivery.objects.order_by("pk").values_list("pk", flat=True)))


@pytest.mark.django_db(transaction=True)
def test_the_text_is_frozen_with_the_delivery_and_is_what_leaves(settings: Any) -> None:
    a_template(subject="Eine Verwarnung", language="de")
    notice = issued(
        chains=SMS_PLAN, language="de", default_language="de", constants={"policy_text": {"de": "Nein."}}
    )
    delivery = Delivery.objects.get()
    frozen = bytes(delivery.head).decode()
    assert frozen.startswith("Example Platform: Eine Verwarnung. Lesen und antworten: http")
    with sms_api() as api:
        settings.NOTICE_CHANNELS = {
            "sms": {
                "gateway": "twilio",
                "account": ACCOUNT,
                "token": TOKEN,
                "sender": "Example",
                "base_url": api.url,
            }
        }
        send_all()
        close_channels()
    assert api.requests[0].form["Body"] == frozen
    delivery.refresh_from_db()
    assert (delivery.state, delivery.provider) == ("accepted", "twilio")
    assert (Evidence.objects.get().kind, Notice.objects.get(pk=notice.pk).grade) == ("submitted", 1)


@pytest.mark.django_db(transaction=True)
def test_without_a_gateway_it_is_refused_in_words_and_the_next_address_is_tried(settings: Any) -> None:
    settings.NOTICE_CHANNELS = {"inapp": {}}
    issued(chains=SMS_PLAN)
    send_all()
    first, second = Delivery.objects.order_by("pk")
    assert (first.state, second.channel) == ("refused", "email")
    assert "not configured (set SMS_URL)" in first.reply
    assert b'"configuration":true' in payloads.unpack(bytes(Evidence.objects.get().payload.body))
