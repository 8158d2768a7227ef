"""The door takes what verifies, keeps nothing of what does not, and asks to come again when it cannot store."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError
from django.test import Client

from notices.events import door, freshness, hints, providers
from notices.models import Evidence, ProviderEvent, WebhookRefusal, WebhookRequest, WebhookToken
from tests.notices.events import samples
from tests.notices.events.conftest import accepted
from tests.notices.events.samples import ESPS, SETTINGS, Case, Post, basic

pytestmark = pytest.mark.django_db

CASE = Case(7_000_000)


def refusals() -> dict[str, int]:
    return dict(WebhookRefusal.objects.values_list("reason", "count"))


def nothing_kept() -> bool:
    return not any(m.objects.exists() for m in (WebhookRequest, ProviderEvent, Evidence))


@pytest.mark.parametrize("esp", sorted({*ESPS, "amazon_ses", "postal", "sendinblue"}))
@pytest.mark.parametrize("purpose", ["tracking", "inbound"])
def test_a_provider_without_a_secret_is_refused(post, settings, esp, purpose):
    settings.ANYMAIL = {"BREVO_API_KEY": "x", "RESEND_API_KEY": "x", "MAILTRAP_API_TOKEN": "x"}
    url = f"/hooks/{esp}/{purpose}/"
    if not providers.known(esp, purpose):
        assert Client().post(url, b"[]", content_type="application/json").status_code == 404
        return
    assert Client().post(url, b"[]", content_type="application/json").status_code == 401
    assert refusals() == {"no_secret": 1}
    assert nothing_kept()


def test_the_log_says_once_what_is_missing(settings, caplog):
    settings.ANYMAIL = {}
    with caplog.at_level(logging.WARNING, "notices.events.providers"):
        for _ in range(3):
            Client().post("/hooks/postmark/tracking/", b"{}", content_type="application/json")
    said = [r.getMessage() for r in caplog.records if r.name == "notices.events.providers"]
    assert len(said) == 1
    assert "ANYMAIL_WEBHOOK_SECRET" in said[0]


@pytest.mark.parametrize("password", ["hooks:a-wrong-password", "hooks", "", ":", "é:ü"])
def test_a_wrong_password_is_refused_and_counted(post, password):
    sample = samples.postmark("delivered", CASE)
    assert post("postmark", sample, **basic(password)).status_code == 400
    assert refusals() == {"unverified": 1}
    assert nothing_kept()


def test_no_password_is_asked_for(post):
    sample = Post(samples.postmark("delivered", CASE).body)
    response = post("postmark", sample)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Basic realm="webhooks"')


def test_the_old_password_works_while_it_is_being_replaced(post, settings):
    settings.ANYMAIL = {"WEBHOOK_SECRET": ["new:password", samples.PASSWORD]}
    assert post("postmark", samples.postmark("delivered", CASE)).status_code == 200


@pytest.mark.parametrize("esp", samples.SIGNED_ALONE)
def test_a_changed_body_does_not_fit_its_signature(post, esp):
    sample = ESPS[esp]("delivered", CASE)
    forged = Post(sample.body.replace(b"mail.example", b"evil.example"), sample.content_type, sample.headers)
    if esp == "mailgun":
        forged = Post(sample.body.replace(b'"signature": "', b'"signature": "0'))
    assert post(esp, forged).status_code == 400
    assert refusals() == {"unverified": 1}
    assert nothing_kept()


@pytest.mark.parametrize("esp", ["mailtrap", *samples.SIGNED_ALONE])
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"signature": 7}', b"\xff\xfe", b"[" * 100_000])
def test_what_no_provider_sends_is_refused_without_an_error(post, esp, body):
    assert post(esp, Post(body, headers=basic())).status_code in (400, 401)
    assert sum(refusals().values()) == 1
    assert nothing_kept()


def test_what_is_too_large_is_not_read(post, settings):
    settings.NOTICE_HOOKS_MAX_BYTES = 1_000
    sample = samples.postmark("delivered", CASE, Details="x" * 1_000)
    assert post("postmark", sample).status_code == 413
    assert refusals() == {"too_large": 1}
    assert nothing_kept()


def test_a_head_request_finds_the_door(configured):
    assert Client().head("/hooks/mandrill/").status_code == 200
    assert Client().get("/hooks/unisender_go/tracking/").status_code == 200
    assert Client().get("/hooks/postmark/tracking/").status_code == 405
    assert Client().put("/hooks/postmark/tracking/").status_code == 405


def test_an_unknown_provider_is_not_found():
    assert Client().post("/hooks/carrier-pigeon/tracking/").status_code == 404


def test_nothing_secret_is_stored(post):
    post("resend", samples.resend("delivered", CASE), interpreted=False)
    row = WebhookRequest.objects.get()
    assert set(row.headers) == {"svix-id"}
    stored = " ".join(str(getattr(row, field.name)) for field in row._meta.fields)
    assert basic()["Authorization"].split()[1] not in stored


def test_one_request_of_many_events_is_one_row(post):
    events = [samples.sendgrid_event("delivered", CASE) for _ in range(100)]
    assert post("sendgrid", samples.as_json(events), interpreted=False).status_code == 200
    assert WebhookRequest.objects.count() == 1


def test_a_database_that_is_down_asks_the_provider_to_come_again(post, monkeypatch):
    def down(*_: object) -> bool:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(door, "_store", down)
    response = post("postmark", samples.postmark("delivered", CASE), interpreted=False)
    assert (response.status_code, response["Retry-After"]) == (503, "30")


# --- Mailgun, whose signature does not cover what it says -------------------------------------------------------------


def test_a_signature_that_is_too_old_is_refused(post):
    now = datetime.now(UTC)
    event = samples.mailgun_event("delivered", CASE)
    for signed_at, status in ((now - timedelta(hours=9), 200), (now - timedelta(hours=13), 406)):
        assert post("mailgun", samples.mailgun_signed(event, signed_at)).status_code == status
    assert post("mailgun", samples.mailgun_signed(event, now + timedelta(hours=1))).status_code == 406
    assert refusals() == {"stale": 2}


def test_a_signature_serves_for_one_body_only(post):
    case = accepted("mailgun", "<message-1>")
    first = samples.mailgun_signed(samples.mailgun_event("soft", case), token="t" * 50)
    again = samples.mailgun_signed(samples.mailgun_event("hard", case), token="t" * 50)
    assert [post("mailgun", each).status_code for each in (first, again, first)] == [200, 406, 200]
    assert refusals() == {"replayed": 1}
    assert [fact.kind for fact in Evidence.objects.all()] == ["delayed"]


def test_used_tokens_are_forgotten_when_they_are_too_old_anyhow(post):
    post("mailgun", samples.mailgun("delivered", CASE))
    now = datetime.now(UTC)
    assert freshness.forget_used(now=now + timedelta(hours=12)) == 0
    assert freshness.forget_used(now=now + timedelta(hours=13)) == 1
    assert not WebhookToken.objects.exists()


# --- Postal and SendGrid, by public keys ------------------------------------------------------------------------------


def test_postal_s_signature_is_checked(post, settings):
    from base64 import b64encode

    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = rsa.generate_private_key(65537, 2048)
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    settings.ANYMAIL = SETTINGS | {"POSTAL_WEBHOOK_KEY": b64encode(der).decode()}
    for name, kind in (
        ("delivered", "relayed"),
        ("hard", "bounced"),
        ("soft", "delayed"),
        ("returned", "bounced"),
        ("vacation", "noted"),
    ):
        Evidence.objects.count()
        sample = samples.postal(name, accepted("postal", f"message-{name}"))
        mac = key.sign(sample.body, padding.PKCS1v15(), SHA1())  # noqa: S303  (theirs)
        headers = {"X-Postal-Signature": b64encode(mac).decode(), **basic()}
        assert post("postal", sample, **headers).status_code == 200
        assert Evidence.objects.latest("pk").kind == kind
        forged = Post(sample.body + b" ")
        assert post("postal", forged, **headers).status_code == 400


def test_sendgrid_s_signature_is_checked(post, settings):
    from base64 import b64encode

    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1())
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    settings.ANYMAIL = SETTINGS | {"SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY": b64encode(der).decode()}
    sample = samples.sendgrid("delivered", accepted("sendgrid"))
    mac = b64encode(key.sign(b"1777809600" + sample.body, ec.ECDSA(SHA256()))).decode()
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": mac,
        "X-Twilio-Email-Event-Webhook-Timestamp": "1777809600",
    }
    assert post("sendgrid", Post(sample.body + b" ", headers=basic()), **headers).status_code == 400
    assert post("sendgrid", sample, **headers).status_code == 200
    assert Evidence.objects.get().kind == "relayed"


# --- The hint ---------------------------------------------------------------------------------------------------------


def test_a_thousand_requests_in_a_second_are_one_hint(monkeypatch):
    sent: list[str] = []
    monkeypatch.setattr(hints, "_pace", hints._Pace())
    monkeypatch.setattr(hints.current_app, "send_task", lambda name, **_: sent.append(name))
    for _ in range(1_000):
        hints.hint()
    assert sent == ["notices.tasks.interpret_events"]


def test_a_broker_that_is_away_is_left_alone_for_a_while(monkeypatch):
    calls: list[str] = []

    def away(name: str, **_: object) -> None:
        calls.append(name)
        raise ConnectionError

    monkeypatch.setattr(hints, "_pace", hints._Pace())
    monkeypatch.setattr(hints, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(hints.current_app, "send_task", away)
    for _ in range(10):
        hints.hint()
    assert len(calls) == 1


def test_the_short_way_leads_past_sessions_and_still_minds_the_host(post):
    response = post("postmark", samples.postmark("delivered", CASE), interpreted=False)
    assert (response.status_code, response["Content-Length"]) == (200, "0")
    assert not response.cookies
    sample = samples.postmark("delivered", CASE)
    assert post("postmark", sample, host="evil.example", interpreted=False).status_code == 400
    assert Client().get("/hooks/nothing/").status_code == 404
