from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from notices.channels import UnknownChannelError, close_channels, email_channel, get_channel
from notices.channels.email import AnymailChannel
from notices.channels.smtp import SmtpChannel
from tests.notices.channels.conftest import message
from tests.notices.channels.servers import smtp_server


def smtp(port: int = 25) -> dict[str, object]:
    return {
        "transport": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "role": "relay",
        "tls": "no",
        "timeout": 20.0,
    }


def test_a_channel_is_made_once_per_process_and_options(settings: Settings) -> None:
    settings.NOTICE_CHANNELS = {"email": smtp(), "inapp": {}}
    first = get_channel("email")
    assert get_channel("email") is first
    settings.NOTICE_CHANNELS = {"email": smtp(26), "inapp": {}}
    assert get_channel("email") is not first


def test_a_forked_child_makes_its_own(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.NOTICE_CHANNELS = {"email": smtp(), "inapp": {}}
    first = get_channel("email")
    monkeypatch.setattr("os.getpid", lambda: 1)
    assert get_channel("email") is not first


def test_an_unknown_channel_is_told_from_those_that_exist(settings: Settings) -> None:
    settings.NOTICE_CHANNELS = {"email": smtp(), "inapp": {}}
    with pytest.raises(UnknownChannelError, match=r"no channel called 'sms'.*email, inapp"):
        get_channel("sms")


def test_the_transport_chooses_the_channel() -> None:
    assert isinstance(email_channel(smtp()), SmtpChannel)
    assert isinstance(email_channel({"transport": "anymail", "backend": "postmark"}), AnymailChannel)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "transport is None"),
        ({"transport": "pigeon"}, "smtp or anymail"),
        ({"transport": "smtp", "host": ""}, "host"),
        (smtp() | {"role": "both"}, "relay or recipient"),
        (smtp() | {"tls": "yes"}, "no, starttls or implicit"),
        (smtp() | {"timeout": 0}, "more than 0"),
        (smtp() | {"colour": "red"}, "colour"),
    ],
)
def test_wrong_options_are_told_in_a_sentence(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=complaint):
        email_channel(options)


def test_closing_takes_leave_of_the_server(settings: Settings) -> None:
    with smtp_server() as server:
        settings.NOTICE_CHANNELS = {"email": smtp(server.port), "inapp": {}}
        list(get_channel("email").send([message()]))
        close_channels()
        assert server.heard[-1] == "QUIT"
