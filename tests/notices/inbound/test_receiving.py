"""What comes back by mail becomes the right evidence about the right delivery, once; the rest is kept for a person."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from notices import tokens
from notices.inbound import Inbound, receive, rematch
from notices.inbound.packing import unpack
from notices.ledger import payloads
from notices.models import Delivery, DeliveryState, Evidence, InboundMessage, Notice
from notices.queueing import Contact
from notices.suppression import is_suppressed
from tests.notices.builders import issued
from tests.notices.inbound import mails

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)

REPORT = """\
Return-Path: <>
From: Mail Delivery System <mailer-daemon@mx.mail.example>
To: {to}
Subject: Delivery report
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

About your message.
--b
Content-Type: message/{kind}delivery-status

Reporting-MTA: dns; mx.mail.example
Original-Envelope-Id: {envid}

Final-Recipient: rfc822; ana@mail.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--b--
"""


def report(delivery: Delivery, action: str = "delivered", **changes: str) -> bytes:
    values = {
        "to": tokens.verp(delivery.pk),
        "envid": tokens.envid(delivery.pk),
        "action": action,
        "status": "2.0.0",
        "said": "250 2.0.0 Ok",
        "kind": "",
        **changes,
    }
    return REPORT.format(**values).replace("\n", "\r\n").encode()


def sent(**changes: object) -> Delivery:
    """A delivery that our relay has taken."""
    delivery = Delivery.objects.get(notice=issued(**changes), position=0)
    Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.ACCEPTED)
    return delivery


def kinds() -> list[str]:
    return list(Evidence.objects.order_by("pk").values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("action", "kind", "grade"),
    [
        ("delivered", "delivered", 3),
        ("relayed", "relayed", 2),
        ("expanded", "relayed", 2),
        ("failed", "bounced", 0),
    ],
)
def test_an_action_becomes_a_fact_of_its_grade(action, kind, grade):
    delivery = sent()
    assert receive([Inbound(report(delivery, action))], now=NOW)["recorded"] == 1
    assert kinds() == [kind]
    assert Notice.objects.get().grade == grade


def test_the_action_is_trusted_and_not_the_status_class():
    receive([Inbound(report(sent(), "failed", status="2.0.0"))], now=NOW)
    assert Notice.objects.get().verdict == "disproven"


def test_a_delay_is_no_failure():
    receive([Inbound(report(sent(), "delayed", status="4.4.1"))], now=NOW)
    assert (kinds(), Notice.objects.get().verdict) == (["delayed"], "not_proven")


def test_the_same_report_twice_and_a_copy_of_it_by_another_way_are_one_fact():
    delivery = sent()
    for raw in (report(delivery), report(delivery), b"Received: by another way\r\n" + report(delivery)):
        receive([Inbound(raw)], now=NOW)
    assert len(kinds()) == 1
    assert InboundMessage.objects.count() == 2


def test_the_envelope_id_finds_the_delivery_where_the_return_path_is_gone():
    assert receive([Inbound(report(sent(), to="postmaster@ours.example"))], now=NOW)["recorded"] == 1


def test_the_envelope_recipient_that_the_mail_server_tells_finds_it_too():
    delivery = sent()
    raw = report(delivery, to="someone@ours.example", envid="none")
    assert receive([Inbound(raw, tokens.verp(delivery.pk).upper())], now=NOW)["recorded"] == 1


def test_a_made_up_token_finds_nothing_and_the_report_is_kept():
    delivery = sent()
    forged = tokens.verp(delivery.pk).replace("-", "-0")
    raw = report(delivery, to=forged, envid="1-00000000000000")
    assert receive([Inbound(raw)], now=NOW)["unmatched"] == 1
    assert kinds() == []
    assert InboundMessage.objects.get().outcome == "unmatched"


def test_a_report_about_an_internationalised_address_is_read():
    raw = report(sent(), kind="global-").replace(b"rfc822; ana@", "utf-8; аня@".encode())
    assert receive([Inbound(raw)], now=NOW)["recorded"] == 1
    assert "аня@".encode() in payloads.unpack(bytes(Evidence.objects.get().payload.body))


def test_what_is_said_of_another_address_is_noted_and_takes_nothing_back():
    raw = report(sent()).replace(
        b"\r\n--b--",
        b"\r\nFinal-Recipient: rfc822; other@mail.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--",
    )
    receive([Inbound(raw)], now=NOW)
    assert sorted(kinds()) == ["delivered", "noted"]


def test_a_report_settles_an_attempt_whose_outcome_was_unknown():
    delivery = sent()
    Delivery.objects.update(state=DeliveryState.UNKNOWN)
    receive([Inbound(report(delivery, "relayed"))], now=NOW)
    assert Delivery.objects.get().state == "accepted"


def test_a_bounce_moves_on_to_the_next_address():
    chain = [[Contact("email", "first@mail.example", 1), Contact("email", "second@mail.example", 2)]]
    receive([Inbound(report(sent(chains=chain), "failed"))], now=NOW)
    assert Delivery.objects.get(address="second@mail.example").state == "queued"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"Subject: Out of office\r\n\r\nI am away.",
        b"Content-Type: message/delivery-status\r\n\r\n",
        b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nA\r\n",
        b"Content-Type: text/plain; charset=no-such\r\n\r\nx",
    ],
)
def test_what_cannot_be_read_is_kept_whole_for_a_person(raw):
    assert receive([Inbound(raw)], now=NOW)["unclassified"] == 1
    assert InboundMessage.objects.get().reason


def pipe(monkeypatch: pytest.MonkeyPatch, raw: bytes, *arguments: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    call_command("receive_mail", *arguments)


def test_a_mail_server_pipes_a_report_in(monkeypatch, capsys):
    pipe(monkeypatch, report(sent()))
    assert capsys.readouterr().out == "recorded\n"
    assert kinds() == ["delivered"]


def test_an_empty_pipe_is_told(monkeypatch):
    with pytest.raises(CommandError, match="Nothing came on standard input"):
        pipe(monkeypatch, b"\n")


def test_a_maildir_is_worked_off_and_each_message_moved(tmp_path: Path, capsys):
    for folder in ("new", "cur", "tmp"):
        (tmp_path / folder).mkdir()
    (tmp_path / "new" / "1.host").write_bytes(report(sent()))
    (tmp_path / "new" / "2.host").write_bytes(b"Subject: hello\r\n\r\n")
    call_command("receive_mail", maildir=tmp_path)
    assert capsys.readouterr().out == "1 recorded, 1 unclassified\n"
    assert not list((tmp_path / "new").iterdir())
    assert len(list((tmp_path / "cur").iterdir())) == 2


# --- What is no delivery status --------------------------------------------------------------------------------------


def complaint(delivery: Delivery, kind: str = "abuse") -> bytes:
    parts = [
        ("message/feedback-report", f"Feedback-Type: {kind}\nVersion: 1\n"),
        ("message/rfc822", f"To: [redacted]\nMessage-ID: {tokens.message_id(delivery.pk)}\n\nText."),
    ]
    return mails.multipart(*parts, From="fbl@provider.example")


def test_a_complaint_supports_receipt_and_stops_later_mail():
    delivery = sent()
    receive([Inbound(complaint(delivery))], now=NOW)
    assert (kinds(), Notice.objects.get().grade) == (["complained"], 4)
    assert is_suppressed([delivery.address])


def test_a_report_about_forgery_is_noted_and_stops_nothing():
    delivery = sent()
    receive([Inbound(complaint(delivery, "auth-failure"))], now=NOW)
    assert (kinds(), Notice.objects.get().grade) == (["noted"], 0)
    assert not is_suppressed([delivery.address])


def test_a_vacation_reply_is_grade_three_and_a_signed_answer_grade_six(settings):
    settings.NOTICE_AUTHSERV_ID = "mx.ours.example"
    delivery = sent()
    away = mails.mail("Back on Monday.", From=delivery.address, Auto_Submitted="auto-replied")
    receive([Inbound(away, tokens.verp(delivery.pk))], now=NOW)
    assert (kinds(), Notice.objects.get().grade) == (["auto_replied"], 3)
    answer = mails.mail(
        "I have read it.",
        From=delivery.address,
        In_Reply_To=tokens.message_id(delivery.pk),
        Authentication_Results="mx.ours.example; dkim=pass header.d=mail.example",
    )
    receive([Inbound(answer)], now=NOW)
    assert (kinds()[-1], Notice.objects.get().verdict) == ("replied", "proven")


def test_a_bounce_without_a_token_waits_for_a_person_although_we_mailed_the_address():
    sent()
    raw = mails.dsn(mails.block())
    assert receive([Inbound(raw)], now=NOW)["unmatched"] == 1
    assert kinds() == []
    message = InboundMessage.objects.get()
    assert message.says == "bounced"
    assert "ana@mail.example, which we mailed" in message.reason


def test_a_bounce_in_words_to_the_return_path_is_evidence_from_its_own_source():
    raw = mails.mail(
        "I wasn't able to deliver your message. <ana@mail.example>: no mailbox here by that name."
    )
    receive([Inbound(raw, tokens.verp(sent().pk))], now=NOW)
    assert list(Evidence.objects.values_list("kind", "source")) == [("bounced", "bounce")]


def test_the_same_bytes_for_two_of_our_addresses_are_two_messages():
    first, second = sent(recipient="u-1"), sent(recipient="u-2")
    raw = report(first, to="undisclosed@ours.example", envid="none")
    paths = [tokens.verp(first.pk), tokens.verp(second.pk)]
    assert receive([Inbound(raw, path) for path in paths * 2], now=NOW)["recorded"] == 2
    assert receive([Inbound(raw, path.upper()) for path in paths], now=NOW)["known"] == 2
    assert set(Evidence.objects.values_list("delivery", flat=True)) == {first.pk, second.pk}


def test_a_report_that_comes_before_its_delivery_is_matched_when_that_is_there():
    delivery = sent()
    early = delivery.pk + 1
    raw = report(delivery, to=tokens.verp(early), envid=tokens.envid(early))
    assert receive([Inbound(raw)], now=NOW)["unmatched"] == 1
    assert rematch(now=NOW) == 0
    later = sent(recipient="u-2")
    assert later.pk == early
    assert rematch(now=NOW) == 1
    assert (rematch(now=NOW), kinds()) == (0, ["delivered"])
    fact = Evidence.objects.get()
    assert (fact.delivery_id, fact.occurred_at) == (early, NOW)
    assert InboundMessage.objects.get().outcome == "recorded"


def test_the_whole_message_is_kept_byte_for_byte():
    raws = [b"", bytes(range(256)) * 50, report(sent())]
    receive([Inbound(raw) for raw in raws], now=NOW)
    assert {unpack(row.raw) for row in InboundMessage.objects.all()} == set(raws)


def test_what_would_be_read_is_explained_without_storing_it(tmp_path: Path, capsys):
    (tmp_path / "a.eml").write_bytes(mails.dsn(mails.block()))
    (tmp_path / "b.eml").write_bytes(b"Subject: hello\r\n\r\n")
    call_command(
        "receive_mail",
        explain=[tmp_path / "a.eml", tmp_path / "b.eml"],
        mailed="Ana@mail.example,x@y.example",
    )
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert [(f["kind"], f["recipient"], f["mailed"]) for f in first["findings"]] == [
        ("bounced", "ana@mail.example", True)
    ]
    assert (second["outcome"], second["findings"]) == ("unclassified", [])
    assert not InboundMessage.objects.exists()
