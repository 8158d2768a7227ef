"""Home, and the question: was this account warned?"""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from cases import overview
from cases.actions import closing, steps
from cases.actions.clocks import act_on_deadlines
from cases.answers import local
from cases.models import Account, User
from notices import tokens
from notices.inbound.packing import pack
from notices.models import Delivery, InboundMessage
from notices.templatetags.pages import segments
from tests.people import SYSTEM, ago, learn, mona, open_case, served, staff, warned

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def count_anew():
    cache.clear()


def member(name: str, *permissions: str) -> User:
    user = staff(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def support(client: Client) -> Client:
    """A member of staff who may look notices up, signed in."""
    client.force_login(member("sana", "view_notice"))
    return client


def asked(client: Client, who: str, **more: str) -> str:
    answer = client.post("/ask/", {"who": who, **more})
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


# --- Who may ask -----------------------------------------------------------------------------------------------------


def test_a_visitor_is_told_what_this_is_and_where_to_sign_in(client):
    page = client.get("/").content.decode()
    assert 'href="/admin/login/?next=/"' in page
    assert "Was this account warned?" not in page
    assert "Open proposals" not in page


def test_a_visitor_who_asks_is_sent_to_sign_in_and_the_address_names_nobody(client):
    answer = client.post("/ask/", {"who": "ana@mail.example"})
    assert answer.url == "/admin/login/?next=/ask/"


def test_staff_without_the_permission_may_not_ask(client):
    client.force_login(member("nobody"))
    assert client.get("/ask/").status_code == 403
    assert client.post("/ask/", {"who": "u-1"}).status_code == 403
    home = client.get("/").content.decode()
    assert "Was this account warned?" not in home
    assert "Open proposals" in home


def test_a_user_who_is_not_staff_is_a_visitor(client):
    user = User.objects.create_user("outsider")
    user.user_permissions.set(Permission.objects.filter(codename="view_notice"))
    client.force_login(user)
    assert client.post("/ask/", {"who": "u-1"}).status_code == 403
    assert "Open proposals" not in client.get("/").content.decode()


def test_nobody_is_named_in_an_address(support):
    served(account="u-ana")
    assert "Ana" not in support.get("/ask/?who=u-ana").content.decode()


# --- The answer ------------------------------------------------------------------------------------------------------


def test_the_answer_tells_verdict_service_attempts_and_what_follows(support):
    step = served(account="u-ana", timezone="America/Sao_Paulo")
    learn(step, "delivered", ago(29), action="delivered", remote_mta="dns; mx.mail.example", status="2.0.0")
    step.refresh_from_db()
    page = asked(support, "ana@mail.example")
    assert ">Probable</h3>" in page
    assert "Delivered to the mailbox on" in page
    assert "evidence of grade 2 or more" in page
    assert "It reached the mailbox; nothing shows that a person saw it." in page
    assert "the next step may be taken" in page
    assert "e-mail to" in page
    assert "dns; mx.mail.example" in page
    # In the account's own time, with UTC for who points at it.
    assert (
        f'title="{step.served_at:%Y-%m-%d %H:%M:%S} UTC">{local(step.served_at, "America/Sao_Paulo")[:16]}'
        in page
    )


@pytest.mark.parametrize("name", ["case", "notice", "reference", "external id", "in small letters"])
def test_every_name_of_the_same_thing_finds_it(support, name):
    step = served(account="u-ana")
    who = {
        "case": step.case.number,
        "notice": step.notice.number,
        "reference": tokens.reference(step.notice_id),
        "external id": "u-ana",
        "in small letters": f" {step.notice.number.lower()} ",
    }[name]
    assert step.notice.number in asked(support, who)


def test_a_shared_address_asks_which_account_is_meant(support):
    for account in ("u-1", "u-2"):
        warned(account=account, emails=("office@shared.example",))
    page = asked(support, "office@shared.example", as_of=f"{ago(1):%Y-%m-%dT%H:%M}")
    assert "2 accounts have, or had, this address" in page
    assert "Every attempt" not in page
    chosen = dict(re.findall(r'<input type="hidden" name="(who|as_of)" value="([^"]*)"', page))
    assert "Every attempt" in asked(support, **chosen)


def test_what_is_not_known_is_said_so_and_escaped(support):
    page = asked(support, "<b>nobody</b>@nowhere.example")
    assert "Nothing is known of this" in page
    assert "<b>nobody" not in page
    assert "&lt;b&gt;nobody" in page


def test_an_account_that_was_never_warned(support):
    open_case(account="u-nora")
    assert "It was not warned." in asked(support, "u-nora")


def test_as_of_a_past_moment_only_what_was_known_then_counts(support):
    step = warned(ago(30), account="u-ana")
    learn(step, "relayed", ago(29))
    assert "It had not been warned." in asked(support, "u-ana", as_of=f"{ago(31):%Y-%m-%dT%H:%M}")
    page = asked(support, "u-ana", as_of=f"{ago(1):%Y-%m-%dT%H:%M}")  # the fact was learnt just now
    assert "Taken by the recipient" not in page
    assert "Taken by the recipient" in asked(support, "u-ana")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"who": ""}, "Say whom you mean."),
        ({"who": "u-1", "as_of": "yesterday"}, "Write a date and time"),
        ({"who": "u-1", "as_of": f"{ago(-2):%Y-%m-%dT%H:%M}"}, "This moment is still to come"),
        ({"who": "u-1\x00"}, "Null characters are not allowed."),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(support, fields, sentence):
    assert sentence in asked(support, **fields)


def test_an_answer_costs_the_same_for_one_notice_and_for_two(support, django_assert_num_queries):
    one = served(ago(60), account="u-one")
    learn(one, "delivered", ago(59))
    two = served(ago(60), account="u-two")
    steps.escalate(two.case_id, actor=mona(), at=ago(20))
    for who in ("u-one", "u-two"):
        # Who asks; account, steps, facts, attempts, evidence, deliveries; addresses and marks; gaps.
        with django_assert_num_queries(4 + 6 + 2 + 1):
            asked(support, who)


# --- Home ------------------------------------------------------------------------------------------------------------


def test_home_counts_what_there_is_and_what_waits(support):
    served(ago(60))
    act_on_deadlines(actor=SYSTEM, now=ago(0))
    learn(warned(), "displayed", ago(1))
    closing.dismiss(open_case().pk, actor=mona(), reason="A mistake.", at=ago(1))
    states = ["refused", "refused", "unknown", "accepted"]
    for delivery, state in zip(Delivery.objects.order_by("pk"), states, strict=True):
        Delivery.objects.filter(pk=delivery.pk).update(state=state)
    for number, outcome in enumerate(["unclassified", "unmatched", "recorded"]):
        InboundMessage.objects.create(sha256=bytes([number]) * 16, raw=pack(b"x"), outcome=outcome)
    seen = overview.count(now=ago(0))
    assert {part.name: part.count for part in seen.cases if part.count} == {"warned": 2, "closed": 1}
    assert {part.name: part.count for part in seen.notices if part.count} == {"probable": 1, "not_proven": 1}
    assert (seen.failed_deliveries, seen.unknown_deliveries) == (2, 1)
    assert (seen.open_proposals, seen.unclassified_mail) == (1, 1)
    page = support.get("/").content.decode()
    assert '<rect class="is-probable" x="0" y="0" width="500"' in page


def test_home_of_an_empty_site(support):
    page = support.get("/").content.decode()
    assert "No case yet" in page
    assert "<svg" not in page


def test_home_counts_at_most_twice_a_minute(
    support, django_assert_max_num_queries, django_assert_num_queries
):
    with django_assert_max_num_queries(11):
        support.get("/")
    with django_assert_num_queries(4):  # session, user, permissions of the user and of the groups
        support.get("/")


@given(st.lists(st.integers(0, 10**7), max_size=5))
def test_a_drawn_bar_is_whole_and_hides_nothing(counts):
    drawn = segments([(str(i), count) for i, count in enumerate(counts)])
    assert [s.name for s in drawn] == [str(i) for i, count in enumerate(counts) if count]
    assert all(s.width > 0 for s in drawn)
    assert [s.x for s in drawn] == [sum(s.width for s in drawn[:i]) for i in range(len(drawn))]
    assert sum(s.width for s in drawn) == (1000 if drawn else 0)


def test_no_page_for_staff_carries_a_script_or_a_style(support):
    served(account="u-ana")
    for text in (support.get("/").content.decode(), asked(support, "u-ana"), asked(support, "nobody")):
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", text)


def test_pages_about_people_are_kept_nowhere(support):
    assert support.get("/")["Cache-Control"] == "no-store"
    assert support.post("/ask/", {"who": "u-1"})["Cache-Control"] == "no-store"


def test_former_addresses_still_find_the_account(support):
    served(account="u-ana", emails=("old@mail.example",), reported_at=ago(60))
    open_case(account="u-ana", emails=("new@mail.example",), policy="spam", reported_at=ago(1))
    assert Account.objects.get().contact_points.count() == 2
    for address in ("old@mail.example", "new@mail.example"):
        assert "Every attempt" in asked(support, address)
