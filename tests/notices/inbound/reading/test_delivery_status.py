"""Standard delivery status notifications, and what servers make of the standard."""

from __future__ import annotations

import pytest

from notices import tokens
from notices.inbound.reading import Known, read
from tests.notices.inbound.mails import ANA, DELIVERY, block, dsn, findings, mail, multipart, ours, path, told

BOB = "bob@mail.example"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("failed", "bounced"),
        ("Failed (permanently)", "bounced"),
        ("expired", "bounced"),
        ("delayed", "delayed"),
        ("delivered", "delivered"),
        ("relayed (to non-DSN server)", "relayed"),
        ("expanded", "relayed"),
    ],
)
def test_the_action_says_what_happened(action, kind):
    status = "2.0.0" if kind in ("delivered", "relayed") else "4.4.1"
    assert told(dsn(block(action, status=status))) == [(kind, ANA)]


@pytest.mark.parametrize(
    ("action", "status", "kinds"),
    [
        ("-", "5.1.1", ["bounced"]),
        ("-", "4.4.7", ["delayed"]),
        ("-", "2.0.0", []),  # not enough to say that it arrived
        ("deliverable", "2.1.5", []),  # Postfix was only asked whether it could
        ("delivered", "5.1.1", []),  # it contradicts itself
    ],
)
def test_without_an_action_a_failing_class_counts_and_no_other(action, status, kinds):
    assert [kind for kind, _ in told(dsn(block(action, status=status)))] == kinds


def test_several_recipients_each_with_their_own_fate():
    raw = dsn(
        block(),
        block("delayed", f"rfc822;<{BOB}>", "4.2.2"),
        block("delivered", "rfc822; eve@x.example", "2.0.0"),
    )
    reading = read(raw, ours=Known([ANA, BOB]))
    assert [(f.kind, f.recipient, f.mailed) for f in reading.findings] == [
        ("bounced", ANA, True),
        ("delayed", BOB, True),
        ("delivered", "eve@x.example", False),
    ]


def test_recipients_that_no_blank_line_parts():
    raw = dsn(block() + block("delayed", f"rfc822; {BOB}", "4.2.2"))
    assert [f.kind for f in read(raw, ours=Known([ANA, BOB])).findings] == ["bounced", "delayed"]


def test_fields_of_one_recipient_that_a_blank_line_parts():
    assert told(dsn("Action: failed\n", f"Final-Recipient: rfc822; {ANA}\nStatus: 5.1.1\n")) == [
        ("bounced", ANA)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"recipient": "rfc822; ana@far.example", "Original_Recipient": f"rfc822;{ANA}"},
        {"recipient": "rfc822; ana@far.example", "X_Actual_Recipient": f"rfc822; {ANA}"},
        {"recipient": "rfc822; ANA@Mail.Example"},
        {"recipient": "rfc822; ana+40mail.example", "Original_Recipient": "rfc822;ana+40mail.example"},
        {"recipient": "X400; dd.rfc-822=ana(a)mail.example/c=us"},
        {"recipient": "LOCAL; mbox17", "Original_Recipient": f"rfc822;{ANA}"},
    ],
)
def test_whom_we_mailed_is_recognised_by_any_of_its_names(fields):
    assert told(dsn(block(**fields))) == [("bounced", ANA)]


def test_an_internationalised_report_names_an_internationalised_address():
    raw = dsn(block(recipient=r"utf-8; \x{430}\x{43d}\x{44f}@почта.example")).replace(
        b"message/delivery-status", b"message/global-delivery-status"
    )
    reading = read(raw, ours=Known(["аня@почта.example"]))
    assert [(f.kind, f.mailed) for f in reading.findings] == [("bounced", True)]


def test_a_forwarded_copy_that_failed_is_found_by_the_message_that_came_back():
    raw = dsn(block(recipient="rfc822; ana@far.example"), returned=f"From: x\nTo: Ana <{ANA}>\nSubject: y\n")
    assert told(raw) == [("bounced", ANA)]


@pytest.mark.parametrize(
    "raw",
    [
        dsn(block(), To=path()),
        dsn(block(), Delivered_To=path()),
        dsn(block(), about=f"Reporting-MTA: dns; x\nOriginal-Envelope-Id: {tokens.envid(DELIVERY)}"),
        dsn(block(), returned=f"To: {ANA}\nMessage-ID: {tokens.message_id(DELIVERY)}\n"),
        dsn(block(), returned=f"Return-Path: <{path()}>\nTo: {ANA}\n"),
    ],
)
def test_a_token_of_ours_names_the_delivery(raw):
    assert [f.delivery for f in findings(raw)] == [DELIVERY]


def test_the_envelope_comes_before_anything_that_the_message_says():
    raw = dsn(
        block(), about=f"Reporting-MTA: dns; x\nOriginal-Envelope-Id: {tokens.envid(5)}", To=tokens.verp(6)
    )
    assert [f.delivery for f in findings(raw, path())] == [DELIVERY]


def test_what_an_attempt_learns_of_others_than_its_recipient_is_noted():
    raw = dsn(block("delivered", status="2.0.0"), block(recipient=f"rfc822; {BOB}"), To=path())
    assert told(raw) == [("delivered", ANA), ("noted", BOB)]


def test_where_a_report_names_only_others_they_are_where_it_went():
    raw = dsn(block(recipient="rfc822; ana@far.example"), To=path())
    assert told(raw) == [("bounced", "ana@far.example")]


def test_a_status_within_the_returned_message_is_not_this_one():
    inner = dsn(block("delivered", status="2.0.0")).decode().replace('"b"', '"c"').replace("--b", "--c")
    raw = multipart(
        ("text/plain", "See below."), ("message/rfc822", inner), To=path(), From="joe@mail.example"
    )
    assert "delivered" not in [kind for kind, _ in told(raw)]


def test_a_status_that_lies_in_the_text_is_read_there():
    raw = mail(f"Your message failed.\n\nReporting-MTA: dns; x\n\n{block()}\n", Subject="Undelivered")
    assert told(raw) == [("bounced", ANA)]


def test_a_hundred_thousand_recipients_in_one_report():
    many = "\n".join(block(recipient=f"rfc822; p{n}@mail.example") for n in range(100_000))
    raw = dsn(many, block("delayed", status="4.2.2"))
    assert told(raw) == [("delayed", ANA)]
    assert len(read(raw, ours=ours()).findings) == 100_001
