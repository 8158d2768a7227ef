"""Complaints (RFC 5965) and what programs report from the mailbox (RFC 8098)."""

from __future__ import annotations

import pytest

from notices import tokens
from tests.notices.inbound.mails import ANA, DELIVERY, findings, multipart, path, told

BLACKED_OUT = f"To: [redacted]\nMessage-ID: {tokens.message_id(DELIVERY)}\nSubject: A warning\n"


def complaint(kind: str = "abuse", fields: str = "", returned: str = BLACKED_OUT, **headers: str) -> bytes:
    report = f"Feedback-Type: {kind}\nUser-Agent: Provider/1.0\nVersion: 1\n{fields}"
    return multipart(
        ("text/plain", "This is an abuse report."),
        ("message/feedback-report", report),
        ("message/rfc822", returned + "\nText."),
        From="fbl@provider.example",
        **headers,
    )


@pytest.mark.parametrize(
    ("kind", "means"),
    [
        ("abuse", "complained"),
        ("fraud", "complained"),
        ("auth-failure", "noted"),
        ("not-spam", "noted"),
        ("virus", "noted"),
        ("other", "noted"),
        ("tomorrow's word", "noted"),
    ],
)
def test_only_what_a_person_objected_to_is_a_complaint(kind, means):
    assert told(complaint(kind)) == [(means, ANA)]


def test_a_complaint_finds_its_delivery_although_the_address_is_blacked_out():
    assert [f.delivery for f in findings(complaint())] == [DELIVERY]
    assert [
        f.delivery
        for f in findings(complaint(fields=f"Original-Mail-From: <{path()}>\n", returned="To: x\n"))
    ] == [DELIVERY]


def test_a_complaint_without_our_token_names_no_delivery():
    found = findings(complaint(fields=f"Original-Rcpt-To: <{ANA}>\n", returned="To: x\n"))
    assert [(f.kind, f.recipient, f.mailed, f.delivery) for f in found] == [("complained", ANA, True, None)]


def disposition(value: str = "manual-action/MDN-sent-manually; displayed", message_id: str = "") -> bytes:
    fields = (
        f"Reporting-UA: mail.example; Reader\nFinal-Recipient: rfc822; {ANA}\nDisposition: {value}\n"
        f"Original-Message-ID: {message_id or tokens.message_id(DELIVERY)}\n"
    )
    parts = [("text/plain", "It was displayed."), ("message/disposition-notification", fields)]
    return multipart(*parts, From=f"Ana <{ANA}>")


def test_displayed_counts_for_the_message_that_it_names():
    assert [(f.kind, f.delivery) for f in findings(disposition())] == [("displayed", DELIVERY)]


@pytest.mark.parametrize(
    "raw",
    [
        disposition("automatic-action/MDN-sent-automatically; deleted"),
        disposition("manual-action/MDN-sent-manually; denied"),
        disposition("manual-action/MDN-sent-manually; displayed/error"),
        disposition(message_id="<1-00000000000000@bounces.example.com>"),
    ],
)
def test_any_other_disposition_is_noted(raw):
    assert [f.kind for f in findings(raw)] == ["noted"]
