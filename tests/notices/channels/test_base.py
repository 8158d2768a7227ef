from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices.channels.base import Patience, address_complaint, clip, html, parts, subject, text
from tests.notices.channels.conftest import message


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org",
        "first.last+tag@sub.example.co.uk",
        "a..b@example.org",
        '"john > doe"@example.org',
        "o'neil/x=y@example.org",
        "пример@пример.рф",
        "用户@例え.jp",
        "a@[192.0.2.1]",
        "a@[IPv6:2001:db8::1]",
    ],
)
def test_usual_and_unusual_addresses_pass(address: str) -> None:
    assert address_complaint(address) == ""


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "@example.org",
        "a@",
        "a b@example.org",
        "a@example.org\r\nRCPT TO:<b@example.org>",
        "a@example.org> NOTIFY=NEVER",
        "a@example.org\n",
        "a\x00@example.org",
        "a@exam\u2028ple.org",
        "Name <a@example.org>",
        "a@b@example.org",
        "a@example.org,b@example.org",
        '"a"b"@example.org',
        "a\ud800@example.org",
    ],
)
def test_addresses_that_could_carry_commands_are_complained_of(address: str) -> None:
    complaint = address_complaint(address)
    assert "was not given to any server" in complaint
    assert complaint.isprintable()


@given(st.text(max_size=3_000))
def test_clipped_text_fits_a_database_row(value: str) -> None:
    clipped = clip(value)
    assert len(clipped) <= 1_000
    assert "\x00" not in clipped
    clipped.encode()  # no lone surrogates either


def test_parts_of_a_message_are_decoded() -> None:
    notice = message()
    assert subject(notice) == "Warnung für Ihr Konto"
    assert text(notice) == "Grüße\n.a line that begins with a dot"
    assert html(notice) == "<p>Hello</p>"
    assert parts(notice).sender == "Trust & Safety <notices@example.com>"
    assert parts(notice).headers == {
        "Message-ID": "<m1@bounces.example.com>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "de",
    }


def test_patience_ends_after_two_failures_in_a_row_and_tells_why() -> None:
    patience = Patience(60)
    patience.failed("first")
    patience.worked()
    patience.failed("second")
    assert patience.spent() == ""
    patience.failed("no route to host")
    assert "no route to host" in patience.spent()


def test_patience_ends_with_the_batch_s_time() -> None:
    assert "0 seconds" in Patience(-0.1).spent()
