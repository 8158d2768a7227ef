"""A person works off what nobody could read: attaches it, or sets it aside, with a reason that is kept."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from notices import tokens
from notices.inbound import Inbound, receive
from notices.inbound.packing import unpack
from notices.inbound.working_off import NotHandled, attach, dismiss, for_staff, suggestions
from notices.ledger import payloads
from notices.models import Delivery, Evidence, InboundMessage, Notice
from notices.suppression import is_suppressed
from tests.notices.inbound import mails
from tests.notices.inbound.test_receiving import sent
from tests.people import staff

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
LATER = datetime(2026, 5, 4, 9, tzinfo=UTC)
LIST = "/admin/notices/inboundmessage/"


def message(raw: bytes = b"") -> InboundMessage:
    raw = raw or mails.mail(
        "Brushed off <b>me</b>: ana@mail.example", Subject="hm", From="Gate <gate@mail.example>"
    )
    receive([Inbound(raw)], now=NOW)
    return InboundMessage.objects.latest("pk")


def clerk(*permissions: str) -> Client:
    user = staff("cora")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_what_a_person_attaches_is_evidence_with_that_person_as_its_source():
    delivery, row = sent(), message()
    attach(
        row.pk,
        delivery_id=delivery.pk,
        kind="bounced",
        reason="Their own words.",
        actor="user:cora",
        now=LATER,
    )
    fact = Evidence.objects.get()
    assert (fact.kind, fact.source, fact.delivery, fact.occurred_at) == (
        "bounced",
        "person:cora",
        delivery,
        NOW,
    )
    body = json.loads(payloads.unpack(bytes(fact.payload.body)))
    assert (body["reason"], body["message"]) == ("Their own words.", f"I-{row.pk}")
    assert body["message_sha256"] == hashlib.sha256(unpack(row.raw)).hexdigest()
    assert Notice.objects.get().verdict == "disproven"
    row.refresh_from_db()
    assert (row.outcome, row.handled_by, row.delivery) == ("attached", "user:cora", delivery)


def test_an_attached_complaint_stops_later_mail():
    delivery = sent()
    attach(message().pk, delivery_id=delivery.pk, kind="complained", reason="x", actor="user:cora", now=LATER)
    assert is_suppressed([delivery.address])


def test_a_dismissed_message_stays_whole_and_is_evidence_of_nothing():
    row = dismiss(message().pk, reason="An advertisement.", actor="user:cora", now=LATER)
    assert (row.outcome, row.handled_because, Evidence.objects.count()) == (
        "dismissed",
        "An advertisement.",
        0,
    )
    assert len(row.raw)


@pytest.mark.parametrize(
    ("kind", "reason", "why"),
    [
        ("bounced", " ", "Say why"),
        ("replied", "signed", "no evidence"),
        ("acknowledged", "said so", "no evidence"),
        ("shown", "seen", "no evidence"),
    ],
)
def test_what_may_not_be_attached(kind, reason, why):
    delivery, row = sent(), message()
    with pytest.raises(NotHandled, match=why):
        attach(row.pk, delivery_id=delivery.pk, kind=kind, reason=reason, actor="user:cora", now=LATER)
    assert not Evidence.objects.exists()


def test_a_message_is_handled_once():
    row = message()
    dismiss(row.pk, reason="Spam.", actor="user:cora", now=LATER)
    with pytest.raises(NotHandled, match="by user:cora"):
        dismiss(row.pk, reason="Spam.", actor="user:dan", now=LATER)


def test_deliveries_to_the_addresses_that_it_names_are_suggested():
    delivery = sent()
    assert list(suggestions(message())) == [delivery]


def test_the_buttons_do_it(settings):
    delivery, row = sent(), message()
    client = clerk("view_inboundmessage", "work_off_inboundmessage")
    data = {"action": "attach", "_selected_action": [row.pk]}
    assert "Gate &lt;gate@mail.example&gt;" in client.post(LIST, data).content.decode()
    wrong = client.post(LIST, {**data, "confirmed": "x", "delivery": "17x", "kind": "bounced", "reason": "y"})
    assert "Write the number of a delivery" in wrong.content.decode()
    given = {"confirmed": "x", "delivery": f"d-{delivery.pk}", "kind": "bounced", "reason": "As it says."}
    done = client.post(LIST, {**data, **given}, follow=True)
    assert f"Done: I-{row.pk}." in done.content.decode()
    assert Evidence.objects.get().source == "person:cora"


def test_looking_does_not_let_one_handle():
    row = message()
    client = clerk("view_inboundmessage")
    client.post(LIST, {"action": "dismiss", "_selected_action": [row.pk], "confirmed": "x", "reason": "y"})
    row.refresh_from_db()
    assert row.outcome == "unclassified"


def test_a_strangers_mail_is_shown_as_text_and_nothing_else():
    delivery = sent()
    link = tokens.link(delivery.notice_id)
    row = message(
        mails.mail(f"<script>alert(1)</script> {link}", Subject="<img src=x>", Content_Type="text/plain")
    )
    client = clerk("view_inboundmessage")
    page = client.get(reverse("admin:notices_inboundmessage_change", args=[row.pk])).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert link.rpartition("/n/")[2] not in page
    assert "<img src=x>" not in client.get(LIST).content.decode()


def test_the_file_to_download_opens_nowhere_and_holds_no_link_of_the_holder():
    delivery = sent()
    link = tokens.link(delivery.notice_id)
    encoded = base64.encodebytes(
        f"Dear Ana, this is a long text before the link: {link} and after it.".encode()
    )
    raw = mails.mail(
        b"plain " + link.encode() + b"\r\n\r\n" + encoded.replace(b"\n", b"\r\n") + b"\r\nthe end\r\n"
    )
    answer = clerk("view_inboundmessage").get(f"{LIST}{message(raw).pk}/download/")
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert link.rpartition("/n/")[2].encode() not in answer.content
    assert encoded[:40] not in answer.content
    assert answer.content.endswith(b"the end\r\n")
    assert for_staff(mails.dsn(mails.block())) == mails.dsn(mails.block())


def test_a_download_needs_the_right_to_look():
    row = message()
    assert clerk().get(f"{LIST}{row.pk}/download/").status_code == 403
    assert Delivery.objects.count() == 0
