"""Mail that a provider took in for us reaches the same reader as any other mail, as it came."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import urlencode

import pytest

from notices.events import mail
from notices.events.interpreting import interpret
from notices.inbound import Inbound
from notices.models import InboundMessage, WebhookRequest
from tests.notices.events import samples
from tests.notices.events.samples import Post, basic

pytestmark = pytest.mark.django_db

HEAD = b"From: Ana <ana@mail.example>\r\nTo: reply@ours.example\r\nSubject: Re: A warning\r\n"
RAW = HEAD + b"\r\nI have read it. \xc3\xa9\r\n"
TO = "bounce+x@bounces.example.com"
TEXT = RAW.decode()


def form(**fields: str) -> Post:
    boundary = "b0undary"
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    body = f"{parts}--{boundary}--\r\n".encode()
    return Post(body, f"multipart/form-data; boundary={boundary}", basic())


def mailgun() -> Post:
    block = json.loads(samples.mailgun_signed({}).body)["signature"]
    return form(**{"recipient": TO, "sender": "ana@mail.example", "body-mime": TEXT, **block})


def mandrill() -> Post:
    event = {"event": "inbound", "ts": 1777809600, "msg": {"raw_msg": TEXT, "email": TO}}
    fields = {"mandrill_events": json.dumps([event])}
    signed = "http://testserver/hooks/mandrill/inbound/mandrill_events" + fields["mandrill_events"]
    mac = base64.b64encode(hmac.new(b"mandrill-key", signed.encode(), "sha1").digest()).decode()
    return Post(
        urlencode(fields).encode(), "application/x-www-form-urlencoded", {"X-Mandrill-Signature": mac}
    )


def sparkpost() -> Post:
    content = {"email_rfc822": base64.b64encode(RAW).decode(), "email_rfc822_is_base64": True}
    message = {"protocol": "smtp", "content": content, "rcpt_to": TO, "msg_from": "ana@mail.example"}
    return samples.as_json([{"msys": {"relay_message": message}}])


POSTS: dict[str, Callable[[], Post]] = {
    "mailgun": mailgun,
    "mandrill": mandrill,
    "postmark": lambda: samples.as_json({"FromFull": {}, "RawEmail": TEXT, "OriginalRecipient": TO}),
    "sendgrid": lambda: form(email=TEXT, envelope=json.dumps({"from": "ana@mail.example", "to": [TO]})),
    "sparkpost": sparkpost,
}


@pytest.fixture
def received(monkeypatch) -> list[Inbound]:
    got: list[Inbound] = []

    def receive(messages: list[Inbound], *, now: datetime) -> None:
        got.extend(messages)

    monkeypatch.setattr("notices.inbound.receive", receive)
    return got


@pytest.mark.parametrize("esp", POSTS)
def test_the_message_arrives_as_it_came(post, received, esp):
    assert post(esp, POSTS[esp](), purpose="inbound").status_code == 200
    assert [(m.raw.replace(b"\r\n", b"\n"), m.recipient) for m in received] == [
        (RAW.replace(b"\r\n", b"\n"), TO)
    ]
    assert not WebhookRequest.objects.exists()


def test_what_comes_in_parts_is_put_together(post, received):
    sample = samples.as_json(
        {
            "FromFull": {"Email": "ana@mail.example"},
            "ToFull": [{"Email": "reply@ours.example"}],
            "Subject": "Re: A warning",
            "TextBody": "I have read it.",
            "OriginalRecipient": TO,
            "Headers": [],
        }
    )
    post("postmark", sample, purpose="inbound")
    text = message_from_bytes(received[0].raw, policy=policy.default).get_body(("plain",))
    assert text is not None
    assert text.get_content().strip() == "I have read it."
    assert received[0].recipient == TO


def test_it_lands_in_the_list_of_mail(post):
    post("postmark", POSTS["postmark"](), purpose="inbound")
    assert InboundMessage.objects.count() == 1


def test_a_large_mail_in_a_form_field_is_taken(post, received):
    message = EmailMessage()
    message["Subject"] = "Large"
    message.set_content("x" * 70 + "\n" + "y" * 70)
    big = message.as_string() + ("z" * 76 + "\n") * 60_000
    post("sendgrid", form(email=big, envelope=json.dumps({"from": "", "to": [TO]})), purpose="inbound")
    assert len(received[0].raw) > 4_000_000


def test_a_reader_that_fails_is_tried_again_and_then_left_for_a_person(post, monkeypatch):
    def broken(messages, *, now):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("notices.inbound.receive", broken)
    assert post("postmark", POSTS["postmark"](), purpose="inbound").status_code == 200
    row = WebhookRequest.objects.get()
    assert (row.state, row.tries, row.reason) == ("waiting", 1, "RuntimeError: a mistake of ours")
    for _ in mail.WAITS:
        row.refresh_from_db()
        interpret(now=(row.due_at or datetime.now(UTC)) + timedelta(seconds=1))
    row.refresh_from_db()
    assert (row.state, row.tries) == ("failed", 1 + len(mail.WAITS))
