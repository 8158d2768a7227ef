"""Reports in words: the forms of the usual servers, in many languages, and what must not be taken for a bounce."""

from __future__ import annotations

import pytest

from notices import tokens
from tests.notices.inbound.mails import ANA, DELIVERY, findings, mail, multipart, path, told

QMAIL = """Hi. This is the qmail-send program at mx.mail.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ana@mail.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <x@example.com>
To: ana@mail.example
Subject: A warning
"""
EXIM = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its recipients.
The following address(es) failed:

  ana@mail.example
    all relevant MX records point to non-existent hosts
"""
IMAIL = "Delivery failed 20 attempts: ana@mail.example\n\n\nOriginal message follows.\n"
DOMINO = """Your message

  Subject: A warning

was not delivered to:

  ana@mail.example

because:

  User ana (ana@mail.example) not listed in Domino Directory
"""
EXCHANGE = """Your message

  To:      ana@mail.example
  Subject: A warning
  Sent:    Mon, 23 Nov 2026 10:00:00 +0000

did not reach the following recipient(s):

ana@mail.example on Mon, 23 Nov 2026 10:00:02 +0000
    The recipient name is not recognized
"""
MDAEMON = """The attached message had PERMANENT fatal delivery errors!

>>> RCPT To:<ana@mail.example>
<<< 550 5.1.1 ana@mail.example... User unknown
"""


@pytest.mark.parametrize("body", [QMAIL, EXIM, IMAIL, DOMINO, EXCHANGE, MDAEMON])
def test_the_forms_of_the_usual_servers(body):
    assert told(mail(body, Subject="Undeliverable mail")) == [("bounced", ANA)]


@pytest.mark.parametrize(
    "body",
    [
        f"Ihre Nachricht an {ANA} konnte nicht zugestellt werden.",
        f"Votre message n'a pas pu être remis à {ANA} : utilisateur inconnu.",
        f"No se pudo entregar el mensaje a {ANA}: el buzón está lleno.",
        f"Impossibile recapitare il messaggio a {ANA}.",
        f"A sua mensagem não pôde ser entregue a {ANA}.",
        f"Uw bericht aan {ANA} kon niet worden afgeleverd.",
        f"Ditt meddelande till {ANA} kunde inte levereras.",
        f"Viestiä ei voitu toimittaa: {ANA}",
        f"Wiadomość nie mogła zostać dostarczona do {ANA}.",
        f"Zprávu nelze doručit na adresu {ANA}.",
        f"A levelet nem sikerült kézbesíteni: {ANA}",
        f"Ваше сообщение не может быть доставлено: {ANA}",
        f"Повідомлення не вдалося доставити: {ANA}",
        f"Mesajınız {ANA} adresine teslim edilemedi.",
        f"次のあて先へのメッセージは送信できませんでした。 {ANA}",
        f"您的邮件被退回。收件人 {ANA} 不存在。",
        f"메시지를 배달하지 못했습니다. 수신 실패: {ANA}",
        f"تعذر تسليم رسالتك إلى {ANA}",
        f"Thư không thể gửi đến {ANA}",
    ],
)
def test_many_languages(body):
    assert told(mail(body, Subject="Mail System Report", Return_Path="<>")) == [("bounced", ANA)]


@pytest.mark.parametrize(
    "body",
    [
        "A WARNING ONLY. YOU DO NOT NEED TO RESEND. Delivery to ana@mail.example: 450 4.2.2 mailbox full, delayed.",
        "It has not yet been delivered to ana@mail.example after 24 hours. Delivery attempts will continue.",
        "Delivery to ana@mail.example has been postponed due to a full mailbox. We will continue to try to deliver it.",
        "Ihre Nachricht an ana@mail.example ist verzögert. Die Zustellversuche werden fortgesetzt.",
        "Le message pour ana@mail.example est retardé; de nouvelles tentatives seront faites.",
        "El mensaje para ana@mail.example ha sido retrasado; se seguirá intentando entregarlo.",
        "Доставка сообщения для ana@mail.example задерживается, попытки будут продолжены.",
        "ana@mail.example: greylisted, 451 4.7.1 try again later. The message will be retried automatically.",
    ],
)
def test_who_still_tries_has_not_given_up(body):
    assert told(mail(body, Subject="Delivery Status Notification")) == [("delayed", ANA)]


def test_who_tried_and_gave_up_has():
    body = "Message to ana@mail.example delayed: will be retried. ... Retry time exceeded: giving up."
    assert told(mail(body, Subject="Delivery Status Notification")) == [("bounced", ANA)]


@pytest.mark.parametrize(
    "body",
    [
        "The mailbox of ana@mail.example is over quota. Your message has been delivered, but the next may be refused.",
        "Your message to ana@mail.example was received.",
        "Weekly statistics for ana@mail.example: 12 messages.",
    ],
)
def test_what_arrived_or_says_nothing_is_left_to_a_person(body):
    assert told(mail(body, Subject="Mailbox report"), path()) == []


def test_an_address_that_we_never_mailed_is_nobodys_bounce():
    assert told(mail(QMAIL.replace("ana@", "eve@"), Subject="failure notice")) == []


def test_a_person_who_writes_about_bounces_is_no_mail_server():
    body = f"Hello, my mail to {ANA} came back: 550 5.1.1 User unknown, could not be delivered. What now?"
    assert told(mail(body, From="joe@mail.example", Subject="Re: Undeliverable mail")) == []
    assert told(mail(body, From="joe@mail.example", Subject="A question"), path()) == []


@pytest.mark.parametrize(
    "raw",
    [
        mail("Unknown user.", Subject="failure notice", X_Failed_Recipients=ANA, From="Some Gateway <gw@mail.example>"),
        mail("Message could not be delivered.", Subject=f"Undeliverable: {ANA}"),
        multipart(
            ("text/plain", "The attached message could not be delivered: user unknown."),
            ("message/rfc822", f"From: notices@example.com\nTo: Ana <{ANA}>\nSubject: A warning\n\nText.\n"),
            kind="mixed",
            Subject="Returned mail",
        ),
        multipart(
            ("text/html", f"<p>Delivery to <b>{ANA}</b> failed:<br>user&nbsp;unknown</p><style>b{{}}</style>"),
            kind="alternative",
            Subject="Delivery failure",
        ),
        mail("eW91ciBtZXNzYWdlIGNvdWxkIG5vdCBiZSBkZWxpdmVyZWQgdG8gYW5hQG1haWwuZXhhbXBsZQ==",
             Subject="Mail failure", Content_Transfer_Encoding="base64"),
    ],
)  # fmt: skip
def test_the_address_is_found_wherever_it_stands(raw):
    assert told(raw) == [("bounced", ANA)]


def test_a_report_to_the_return_path_needs_no_address():
    raw = mail("Your message could not be delivered: user unknown.", Subject="failure notice", To=path())
    assert [(f.kind, f.recipient, f.delivery) for f in findings(raw)] == [("bounced", ANA, DELIVERY)]


def test_our_message_id_in_what_came_back_names_the_delivery():
    raw = mail(QMAIL + f"Message-ID: {tokens.message_id(DELIVERY)}\n", Subject="failure notice")
    assert [f.delivery for f in findings(raw)] == [DELIVERY]
