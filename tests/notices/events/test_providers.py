"""Each provider's own words become the right fact, through the real address and Anymail's own checks."""

from __future__ import annotations

import pytest

from notices.models import Evidence, Notice, ProviderEvent, WebhookRequest
from tests.notices.events import samples
from tests.notices.events.conftest import accepted
from tests.notices.events.samples import ESPS, Case

pytestmark = pytest.mark.django_db


def provider_id(esp: str) -> str:
    return {"mailjet": "19421777835146491", "mailgun": "<message-1>", "brevo": "<message-1>"}.get(
        esp, "message-1"
    )


@pytest.mark.parametrize("esp", ESPS)
@pytest.mark.parametrize(
    ("name", "kind", "grade"),
    [
        ("delivered", "relayed", 2),
        ("hard", "bounced", 0),
        ("soft", "delayed", 0),
        ("complaint", "complained", 4),
    ],
)
def test_the_four_events_that_matter(post, esp, name, kind, grade):
    case = accepted(esp, provider_id(esp))
    if esp == "mandrill" and name == "delivered":
        kind, grade = "submitted", 1  # Mandrill never says that a server took it
    if esp == "mailgun":
        grade = min(grade, 2)  # what it posts can be imitated
    assert post(esp, ESPS[esp](name, case)).status_code == 200
    fact = Evidence.objects.get()
    assert (fact.kind, fact.source, fact.delivery_id, fact.test) == (kind, esp, case.delivery_id, False)
    assert Notice.objects.get().grade == grade
    assert not WebhookRequest.objects.exists()
    assert not ProviderEvent.objects.exists()


@pytest.mark.parametrize("esp", sorted(set(ESPS) - {"mailgun", "mandrill"}))
def test_the_provider_s_message_id_finds_it_where_our_token_is_missing(post, monkeypatch, esp):
    case = accepted(esp, provider_id(esp))
    monkeypatch.setattr(Case, "metadata", {})
    post(esp, ESPS[esp]("delivered", case))
    assert Evidence.objects.get().delivery_id == case.delivery_id


@pytest.mark.parametrize("esp", ESPS)
def test_the_same_request_twice_is_one_fact(post, esp):
    case = accepted(esp, provider_id(esp))
    sample = ESPS[esp]("delivered", case)
    assert [post(esp, sample).status_code for _ in range(2)] == [200, 200]
    assert Evidence.objects.count() == 1


@pytest.mark.parametrize(
    ("esp", "name", "kind"),
    [
        ("sparkpost", "vacation", "auto_replied"),
        ("resend", "vacation", "noted"),
        ("sendgrid", "blocked", "expired"),
        ("sendgrid", "listed", "suppressed"),
        ("sendgrid", "opened", "opened"),
        ("sendgrid", "processed", "submitted"),
        ("mailtrap", "listed", "suppressed"),
        ("brevo", "soft_bounce", "expired"),
        ("brevo", "blocked", "suppressed"),
        ("brevo", "invalid_email", "refused"),
        ("brevo", "unsubscribe", "noted"),
        ("mailersend", "soft_bounced", "expired"),
        ("mandrill", "soft_bounce", "expired"),
        ("postmark", "AutoResponder", "auto_replied"),
        ("postmark", "SpamNotification", "noted"),
        ("postmark", "ChallengeVerification", "noted"),
        ("postmark", "DnsError", "delayed"),
        ("postmark", "SoftBounce", "delayed"),
        ("postmark", "Blocked", "expired"),
        ("postmark", "BadEmailAddress", "refused"),
        ("postmark", "ManuallyDeactivated", "suppressed"),
        ("postmark", "Unknown", "noted"),
    ],
)
def test_what_is_easily_mistaken(post, esp, name, kind):
    post(esp, ESPS[esp](name, accepted(esp, provider_id(esp))))
    assert Evidence.objects.get().kind == kind


@pytest.mark.parametrize("name", ["SoftBounce", "Blocked", "DMARCPolicy"])
def test_a_soft_word_with_a_refusal_for_good_is_a_bounce(post, name):
    post("postmark", samples.postmark(name, accepted("postmark"), Details="smtp;552 5.2.2 Mailbox full"))
    assert Evidence.objects.get().kind == "bounced"


def test_expired_by_the_enhanced_status_is_no_bounce_whatever_the_plain_code_says(post):
    post("brevo", samples.brevo("soft_bounce", accepted("brevo"), reason="550 4.4.7 Message expired"))
    assert Evidence.objects.get().kind == "expired"


def test_mailgun_in_its_test_mode_is_worth_nothing(post):
    case = accepted("mailgun", "<message-1>")
    post("mailgun", samples.mailgun("delivered", case, flags={"is-test-mode": True}))
    assert Evidence.objects.get().test
    assert Notice.objects.get().grade == 0


def test_a_bounce_from_mailgun_alone_disproves_nothing(post):
    post("mailgun", samples.mailgun("hard", accepted("mailgun", "<message-1>")))
    assert Notice.objects.get().verdict == "not_proven"


def test_a_bounce_from_postmark_disproves(post):
    post("postmark", samples.postmark("hard", accepted("postmark")))
    assert Notice.objects.get().verdict == "disproven"


def test_the_provider_s_own_event_is_the_payload_with_its_floats_as_text(post):
    case = accepted("mailgun", "<message-1>")
    post("mailgun", samples.mailgun("delivered", case))
    from notices.ledger.payloads import unpack

    body = bytes(unpack(bytes(Evidence.objects.get().payload.body)))
    assert b'"event":"delivered"' in body
    assert b'"timestamp":"1777809600.25"' in body
    assert b"signature" not in body
