"""Amazon's signature is checked before anything is believed, and by a certificate that Amazon alone can serve."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from notices.events import sns
from notices.models import Evidence, Suppression, WebhookRefusal, WebhookRequest
from tests.notices.events import samples
from tests.notices.events.conftest import accepted
from tests.notices.events.samples import Case, Post, basic

URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
KEY = rsa.generate_private_key(65537, 2048)
NOW = datetime.now(UTC)


def certificate(name: str = "sns.amazonaws.com", *, days: int = 1) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(KEY.public_key())
    )
    builder = builder.serial_number(1).not_valid_before(NOW - timedelta(days=9))
    return builder.not_valid_after(NOW + timedelta(days=days)).sign(KEY, SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture
def amazon(monkeypatch) -> list[str]:
    """Amazon's host, which serves one certificate; the list says what was fetched."""
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return certificate()

    monkeypatch.setattr(sns, "verifier", sns.Verifier(fetch))
    return fetched


def signed(message: Any, *, type_: str = "Notification", version: str = "1", **changes: str) -> Post:
    number = samples.serial()
    value = {
        "Type": type_,
        "MessageId": f"sns-{number}",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:ses",
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-05-03T12:00:01.000Z",
        "SignatureVersion": version,
        "SigningCertURL": URL,
    }
    names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
    if type_ != "Notification":
        value |= {"Token": "a-token", "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=x"}
        names = sorted([*names, "SubscribeURL", "Token"])
    text = "".join(f"{name}\n{value[name]}\n" for name in names).encode()
    digest = SHA1() if version == "1" else SHA256()  # noqa: S303  (theirs)
    value["Signature"] = base64.b64encode(KEY.sign(text, padding.PKCS1v15(), digest)).decode()
    value |= changes
    headers = {
        "x-amz-sns-message-type": value["Type"],
        "x-amz-sns-message-id": value["MessageId"],
        **basic(),
    }
    return Post(json.dumps(value).encode(), "text/plain; charset=UTF-8", headers)


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("delivered", "relayed"),
        ("hard", "bounced"),
        ("soft", "delayed"),
        ("vacation", "noted"),
        ("listed", "suppressed"),
        ("complaint", "complained"),
    ],
)
def test_what_amazon_signed_becomes_evidence(post, amazon, name, kind, version):
    case = accepted("amazon_ses")
    assert post("amazon_ses", signed(samples.ses_event(name, case), version=version)).status_code == 200
    assert Evidence.objects.get().kind == kind
    assert Suppression.objects.exists() == (name in ("listed", "complaint"))


@pytest.mark.django_db
def test_one_notification_about_several_recipients_is_one_fact_for_ours(post, amazon):
    case = accepted("amazon_ses")
    event = samples.ses_event("delivered", case)
    event["delivery"]["recipients"].append("other@mail.example")
    post("amazon_ses", signed(event))
    assert Evidence.objects.get().delivery_id == case.delivery_id


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"Message": "{}"},
        {"Signature": base64.b64encode(b"x" * 256).decode()},
        {"Signature": "é"},
        {"SignatureVersion": "3"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://user@sns.eu-west-1.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/x.pem?y"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com:8443/x.pem"},
        {"SigningCertURL": "https://s3.eu-west-1.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://[::1/x.pem"},
    ],
)
def test_what_amazon_did_not_sign_is_refused(post, amazon, changes):
    assert (
        post("amazon_ses", signed(samples.ses_event("hard", Case(7_000_000)), **changes)).status_code == 400
    )
    assert WebhookRefusal.objects.get().reason == "unverified"
    assert not WebhookRequest.objects.exists()
    assert set(amazon) <= {URL}


@pytest.mark.django_db
def test_a_signature_without_our_password_is_not_enough(post, amazon, settings):
    settings.ANYMAIL = {"MANDRILL_WEBHOOK_KEY": "x", "WEBHOOK_SECRET": []}
    assert post("amazon_ses", signed("{}")).status_code == 401


@pytest.mark.django_db
def test_a_certificate_that_cannot_be_fetched_asks_amazon_to_come_again(post, monkeypatch):
    def fetch(url: str) -> bytes:
        raise sns.Unreachable("no route")

    monkeypatch.setattr(sns, "verifier", sns.Verifier(fetch))
    assert post("amazon_ses", signed("{}")).status_code == 503
    assert not WebhookRequest.objects.exists()


@pytest.mark.parametrize(
    "pem",
    [b"no certificate", certificate("evil.example"), certificate(days=-1), certificate("sns.evil.example")],
)
def test_another_certificate_proves_nothing(pem):
    with pytest.raises(sns.NotSigned):
        sns.Verifier(lambda url: pem).check(signed("{}").body, now=NOW)


def test_the_certificate_is_fetched_once(amazon):
    for _ in range(3):
        sns.verifier.check(signed("{}").body, now=NOW)
    assert amazon == [URL]


@pytest.mark.django_db
def test_a_subscription_is_confirmed_from_the_verified_message_only(post, amazon, monkeypatch):
    from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView

    confirmed: list[str] = []
    monkeypatch.setattr(
        AmazonSESTrackingWebhookView,
        "auto_confirm_sns_subscription",
        lambda self, message: confirmed.append(message["TopicArn"]),
    )
    question = signed("You have chosen to subscribe", type_="SubscriptionConfirmation")
    forged = signed("You have chosen to subscribe", type_="SubscriptionConfirmation", TopicArn="arn:evil")
    assert [post("amazon_ses", each).status_code for each in (forged, question)] == [400, 200]
    assert confirmed == ["arn:aws:sns:eu-west-1:123456789012:ses"]
    assert not WebhookRequest.objects.exists()
