"""A complaint stops later mail to that address, and no other channel; a person may lift it, with a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from notices import suppression
from notices.models import Delivery, Evidence, Notice, Suppression
from notices.queueing import Contact
from notices.sending import send_due
from notices.suppression import NotLifted, Reason, Wanted, is_suppressed, lift, suppress
from tests.notices.builders import issued
from tests.notices.events import samples
from tests.notices.events.conftest import accepted

pytestmark = pytest.mark.django_db

AT = datetime(2026, 5, 3, 12, tzinfo=UTC)
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def wanted(address: str = "ana@mail.example", at: datetime = AT) -> Wanted:
    return Wanted(address, Reason.COMPLAINED, "dsn", at)


def test_a_complaint_suppresses_its_address_and_names_the_fact(post):
    post("postmark", samples.postmark("complaint", accepted("postmark")))
    row = Suppression.objects.get()
    assert (row.address, row.reason, row.source) == ("ana@mail.example", "complained", "postmark")
    assert row.evidence == Evidence.objects.get(kind="complained")


def test_a_provider_s_own_list_suppresses_and_a_bounce_does_not(post):
    post("sendgrid", samples.sendgrid("hard", accepted("sendgrid")))
    assert not Suppression.objects.exists()
    post("sendgrid", samples.sendgrid("listed", accepted("sendgrid")))
    assert Suppression.objects.get().reason == "provider"


def test_a_complaint_in_test_mode_or_about_nothing_of_ours_suppresses_nobody(post):
    chain = [[Contact("email", "complaint@simulator.amazonses.com", 1)]]
    case = accepted("resend", chains=chain)
    post("resend", samples.resend("complaint", case))
    post("postmark", samples.postmark("complaint", samples.Case(7_000_000, "not-ours")))
    assert not Suppression.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_to_a_suppressed_address_and_the_next_channel_is_tried():
    suppress([wanted("Ana@MAIL.example")], now=NOW)
    chain = [[Contact("email", "ana@mail.example", 1), Contact("inapp", "u-1", 2)]]
    notice = issued(chains=chain)
    send_due(list(notice.deliveries.values_list("pk", flat=True)))
    first, second = Delivery.objects.order_by("pk")
    assert (first.state, first.channel, second.channel, second.state) == (
        "refused",
        "email",
        "inapp",
        "queued",
    )
    fact = Evidence.objects.get()
    assert (fact.kind, fact.source) == ("suppressed", "suppression")
    assert "3 May 2026" in first.reply
    send_due([second.pk])
    assert Notice.objects.get().grade == 1


def test_addresses_are_the_same_in_any_letters_and_either_form_of_a_domain():
    suppress([wanted("Ana@BÜCHER.example")], now=NOW)
    assert set(is_suppressed(["ana@xn--bcher-kva.example", "ANA@bücher.example", "bo@bücher.example"])) == {
        "ana@xn--bcher-kva.example",
        "ANA@bücher.example",
    }


def test_the_first_word_stands():
    assert suppress([wanted(at=AT + timedelta(days=1)), wanted()], now=NOW) == 1
    assert suppress([wanted(at=AT - timedelta(days=1))], now=NOW) == 0
    assert Suppression.objects.get().since == AT


def test_a_person_lifts_it_with_a_reason_and_an_old_event_does_not_bring_it_back():
    suppress([wanted()], now=NOW)
    row = Suppression.objects.get()
    with pytest.raises(NotLifted, match="Say why"):
        lift(row.pk, because="", actor="user:mod", now=NOW)
    lift(row.pk, because="The holder asked for mail again.", actor="user:mod", now=NOW)
    assert not is_suppressed(["ana@mail.example"])
    with pytest.raises(NotLifted, match="already"):
        lift(row.pk, because="Twice.", actor="user:mod", now=NOW)
    assert suppress([wanted()], now=NOW) == 0
    assert suppress([wanted(at=NOW + timedelta(hours=1))], now=NOW) == 1


@pytest.mark.parametrize("change", [{"address": "x"}, {"lifted_at": NOW}, {"since": NOW}])
def test_the_database_keeps_it_as_it_was_said(change):
    suppress([wanted()], now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Suppression.objects.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Suppression.objects.all().delete()


def test_what_is_no_mail_is_never_withheld():
    assert suppression.withheld([]) == []
