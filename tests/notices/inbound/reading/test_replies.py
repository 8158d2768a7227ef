"""Answers: by programs, by filters, by people; and which of them the account holder can be held to."""

from __future__ import annotations

import pytest

from notices import tokens
from tests.notices.inbound.mails import ANA, DELIVERY, findings, mail, path, told

OURS = tokens.message_id(DELIVERY)
SIGNED = (
    "mx.ours.example; spf=pass smtp.mailfrom=mail.example; dkim=pass (2048-bit key) header.d=mail.example"
)


def kinds(raw: bytes, recipient: str = "", **options: object) -> list[str]:
    return [str(f.kind) for f in findings(raw, recipient, **options)]


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied (vacation)", "Subject": "Hello"},
        {"X_Autoreply": "yes", "Subject": "Hello"},
        {"Precedence": "auto_reply", "Subject": "Hello"},
        {"X_MS_Exchange_Inbox_Rules_Loop": ANA, "Subject": "Hello"},
        {"Precedence": "bulk", "In_Reply_To": OURS, "Subject": "Re: A warning"},
        {"Subject": "Out of office: A warning"},
        {"Subject": "Abwesenheitsnotiz: A warning"},
        {"Subject": "Réponse automatique : A warning"},
        {"Subject": "Respuesta automática: A warning"},
        {"Subject": "Автоответ: A warning"},
        {"Subject": "=?utf-8?b?6Ieq5YuV5b+c562U?="},  # 自動応答
        {"Subject": "自动回复: A warning"},
        {"Subject": "رد تلقائي: A warning"},
        {"Subject": "Otomatik Yanıt: A warning"},
    ],
)
def test_a_vacation_reply_reached_the_mailbox_and_acknowledges_nothing(headers):
    raw = mail("I am away until Monday.", From=f"Ana <{ANA}>", **headers)
    assert kinds(raw, path()) == ["auto_replied"]


def test_a_reply_that_says_the_mailbox_is_given_up_is_for_a_person():
    raw = mail("This mailbox does not exist any more.", From=ANA, Subject="Automatic reply: A warning")
    assert kinds(raw, path()) == []


@pytest.mark.parametrize(
    "raw",
    [
        mail(
            "This account is protected by SpamGate. Please click on the following link to have your address added to "
            "the allowed list: https://gate.example/1",
            From=ANA,
            Subject="Re: A warning",
            In_Reply_To=OURS,
        ),
        mail(
            "To release your message, reply to confirm that you are a real person.",
            From=ANA,
            X_TMDA_Fingerprint="x",
        ),
    ],
)
def test_a_filter_that_asks_back_says_nothing_about_arrival(raw):
    assert kinds(raw, path()) == ["noted"]


def reply(**headers: str) -> bytes:
    given = {"From": f"Ana Kovač <{ANA}>", "Subject": "Re: A warning", "In_Reply_To": OURS, **headers}
    return mail("I did not do that!\n\n> You sold records.", **given)


def test_a_person_who_answers_our_message_had_it():
    assert told(reply()) == [("answered", ANA)]


def test_an_answer_to_the_return_path_by_the_addressee_counts_without_the_header():
    assert kinds(reply(In_Reply_To="-"), path()) == ["answered"]


def test_another_person_who_writes_to_the_return_path_has_not_answered():
    assert kinds(reply(In_Reply_To="-", From="eve@mail.example"), path()) == []


def test_quoting_a_reference_is_not_answering():
    raw = mail(
        f"I have a question about {tokens.reference(5)}.", From=ANA, Subject=f"Re: {tokens.reference(5)}"
    )
    assert kinds(raw) == []


def test_a_made_up_message_id_is_not_ours():
    assert kinds(reply(In_Reply_To="<1-00000000000000@bounces.example.com>")) == []


@pytest.mark.parametrize(
    "author", ["MAILER-DAEMON@mail.example", "postmaster@mail.example", "no-reply@mail.example"]
)
def test_what_a_program_answers_is_no_persons_word(author):
    assert "answered" not in kinds(reply(From=author))


def test_a_signed_answer_of_the_addressee_is_the_holders_word():
    raw = reply(Authentication_Results=SIGNED)
    assert kinds(raw, authserv_id="mx.ours.example") == ["replied"]


@pytest.mark.parametrize(
    ("results", "author", "authserv_id"),
    [
        (SIGNED, ANA, ""),  # no mail server of ours is known
        (SIGNED, ANA, "mx.other.example"),
        (SIGNED, "eve@mail.example", "mx.ours.example"),  # signed by the domain, but another person
        (SIGNED.replace("header.d=mail.example", "header.d=evil.example"), ANA, "mx.ours.example"),
        (SIGNED.replace("header.d=mail.example", "header.d=example"), ANA, "mx.ours.example"),
        (SIGNED.replace("dkim=pass", "dkim=fail"), ANA, "mx.ours.example"),
        (SIGNED.replace("dkim=pass", "dkim=passable"), ANA, "mx.ours.example"),
        ("mx.ours.example; none (dkim=pass header.d=mail.example)", ANA, "mx.ours.example"),
        (
            f"mx.evil.example; dkim=none\nAuthentication-Results: {SIGNED}",
            ANA,
            "mx.ours.example",
        ),  # not topmost
        (SIGNED, f"{ANA}>, Eve <eve@mail.example", "mx.ours.example"),  # two authors
    ],
)
def test_anything_less_is_an_answer_at_most(results, author, authserv_id):
    raw = reply(Authentication_Results=results, From=f"Ana <{author}>")
    assert "replied" not in kinds(raw, authserv_id=authserv_id)
