"""The account holder's pages: what opens them, what they record, and whom they keep out."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from cases.actions import steps
from cases.models import Step
from notices import tokens
from notices.frozen_text import sanitised, without_links
from notices.kinds import Kind
from notices.ledger import payloads
from notices.models import Evidence, Notice, Template, TemplateVersion
from tests.people import ago, flag, learn, mona, open_case, staff, take_in, warned

pytestmark = pytest.mark.django_db


def path_of(notice: Notice) -> str:
    return urlsplit(tokens.link(notice.pk)).path


def holder_of(notice: Notice, client: Client | None = None) -> Client:
    """A browser in which the holder has opened their notices."""
    client = client or Client()
    assert client.post(path_of(notice)).url == "/my/"
    return client


def holder_facts() -> int:
    return Evidence.objects.filter(source="holder").count()


@pytest.fixture
def notice() -> Notice:
    return warned().notice


# --- The link ----------------------------------------------------------------------------------------------------


def test_fetching_the_link_writes_nothing_and_tells_nothing(client, notice):
    for fetch in (client.get, client.head, client.get, Client(REMOTE_ADDR="203.0.113.7").get):
        page = fetch(path_of(notice))
        assert page.status_code == 200
        assert "no-store" in page["Cache-Control"]
    assert Evidence.objects.count() == 0
    assert Session.objects.count() == 0
    told = client.get(path_of(notice)).content.decode()
    assert "A notice about your account" in told
    for secret in ("arning", "Ana", notice.recipient, "48,211", notice.number):
        assert secret not in told


def test_made_up_links_all_look_the_same(client, notice):
    ours = path_of(notice).removeprefix("/n/").strip("/")
    tampered = ours[:-1] + ("2" if ours[-1] != "2" else "3")
    of_no_notice = tokens.make("link", 10**12)
    of_other_purpose = tokens.make("delivery", notice.pk)
    bodies = set()
    for token in (tampered, of_no_notice, of_other_purpose, "x", "1-aaaaaaaaaa"):
        for answer in (client.get(f"/n/{token}/"), client.post(f"/n/{token}/")):
            assert answer.status_code == 404
            bodies.add(re.sub(rb'value="\w{64}"', b"", answer.content))
    assert len(bodies) == 1


def test_an_old_link_has_expired_and_opens_nothing(client, notice, settings):
    settings.NOTICE_LINK_DAYS = 29  # it was issued 30 days ago
    for answer in (client.get(path_of(notice)), client.post(path_of(notice))):
        assert answer.status_code == 410
        assert "This link has expired" in answer.content.decode()
    assert client.get("/my/").status_code == 403
    settings.NOTICE_LINK_DAYS = 31
    assert client.post(path_of(notice)).status_code == 302


def test_a_button_pressed_on_no_page_of_ours_does_nothing(notice):
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(path_of(notice))
    assert answer.status_code == 403
    assert "Nothing was done" in answer.content.decode()
    assert Session.objects.count() == 0


# --- The inbox -----------------------------------------------------------------------------------------------------


def test_the_inbox_lists_every_notice_to_the_holder_newest_first(client):
    first = warned(ago(60), account="u-ana")
    learn(first, "relayed", ago(59))
    second = steps.escalate(first.case_id, actor=mona(), at=ago(20))
    other = warned(account="u-other")
    page = holder_of(second.notice, client).get("/my/").content.decode()
    assert page.index(f"/my/{second.notice_id}/read") < page.index(f"/my/{first.notice_id}/read")
    assert f"/my/{other.notice_id}/" not in page
    assert "Escalation" in page


def test_looking_at_the_inbox_is_no_evidence(client, notice):
    holder_of(notice, client).get("/my/")
    assert Evidence.objects.count() == 0


def test_the_inbox_costs_the_same_for_one_notice_and_for_many(client, django_assert_num_queries):
    step = warned(ago(60), account="u-ana")
    holder_of(step.notice, client)
    with django_assert_num_queries(3):  # session, notices, acknowledgements
        client.get("/my/")
    take_in(*(flag(account="u-ana", policy="spam") for _ in range(2)))
    for case in step.case.account.cases.exclude(pk=step.case_id):
        steps.warn(case.pk, actor=mona(), at=ago(1))
    with django_assert_num_queries(3):
        assert client.get("/my/").content.decode().count("/read") == 2


def test_without_a_session_the_inbox_says_how_to_open_it(client, notice):
    for answer in (
        client.get("/my/"),
        client.get(f"/my/{notice.pk}/"),
        client.post(f"/my/{notice.pk}/read"),
        client.post(f"/my/{notice.pk}/acknowledge"),
    ):
        assert answer.status_code == 403
        assert "follow the link in any notice" in answer.content.decode()
    assert Evidence.objects.count() == 0


def test_the_session_lasts_an_hour(client, notice):
    holder_of(notice, client)
    with time_machine.travel(timezone.now() + timedelta(minutes=59)):
        assert client.get("/my/").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert client.get("/my/").status_code == 403


def test_the_holder_can_close_the_session(client, notice):
    holder_of(notice, client)
    assert "are closed" in client.post("/my/leave", follow=True).content.decode()
    assert client.get("/my/").status_code == 403


# --- Reading -------------------------------------------------------------------------------------------------------


def test_reading_records_once_that_this_session_was_shown_the_text(client, notice):
    holder_of(notice, client)
    for _ in range(3):
        page = client.post(f"/my/{notice.pk}/read", follow=True).content.decode()
    assert "Sold 48,211 records of other users." in page
    assert "A warning about your account" in page
    assert tokens.reference(notice.pk) in page
    assert bytes(notice.content_sha256).hex()[:8] in page
    fact = Evidence.objects.get()
    assert (fact.kind, fact.notice_id) == (Kind.SHOWN, notice.pk)
    body = payloads.unpack(bytes(fact.payload.body)).decode()
    key = client.session.session_key
    assert hashlib.sha256(key.encode()).hexdigest() in body
    assert key not in body


def test_the_text_is_not_served_before_that_was_recorded(client, notice):
    holder_of(notice, client)
    assert client.get(f"/my/{notice.pk}/").url == "/my/"
    assert client.get(f"/my/{notice.pk}/read").status_code == 405
    assert Evidence.objects.count() == 0


def test_another_recipients_notice_does_not_exist(client, notice):
    other = warned().notice
    holder_of(notice, client)
    for pk in (other.pk, 10**12, 10**30):
        assert client.get(f"/my/{pk}/").status_code == 404
        assert client.post(f"/my/{pk}/read").status_code == 404
        assert client.post(f"/my/{pk}/acknowledge").status_code == 404
    assert Evidence.objects.count() == 0


def test_a_second_link_replaces_the_first_recipients_session(client, notice):
    other = warned().notice
    holder_of(notice, client)
    client.post(f"/my/{notice.pk}/read")
    key = client.session.session_key
    holder_of(other, client)
    assert client.session.session_key != key
    assert not Session.objects.filter(session_key=key).exists()
    assert client.get(f"/my/{notice.pk}/").status_code == 404


def test_the_text_stands_in_its_own_language_and_direction(client):
    open_case(account="u-layla", language="ar")
    TemplateVersion.objects.create(
        template=Template.objects.get(slug="warning"),
        language="ar",
        number=1,
        subject="إنذار بشأن حسابكم",
        body="{{ policy_title }} {{ facts }} {{ window_days }} {{ link }}",
    )
    case = open_case(account="u-layla2", language="ar")
    notice = steps.warn(case.pk, actor=mona(), at=ago(1)).notice
    holder_of(notice, client)
    page = client.post(f"/my/{notice.pk}/read", follow=True, HTTP_ACCEPT_LANGUAGE="de").content.decode()
    assert '<article class="card sheet" lang="ar" dir="rtl">' in page
    assert (
        '<html lang="en" dir="ltr">' in page
    )  # the words around it are English, whatever the browser asked for


def test_a_letter_is_cut_down_to_its_structure():
    dirty = (
        '<title>t</title><style>p{}</style><div style="x"><h1 onclick="x">A</h1><p class="c">B <a href="javascript:x">'
        'C</a><img src="https://tracker.example/"><script>D</script></p><form><button>E</button></form></div>'
    )
    clean = sanitised(dirty)
    assert "<h1>A</h1>" in clean
    for gone in ("style", "onclick", "class", "javascript", "img", "script", "D", "form", "button", "title"):
        assert gone not in clean


# --- Acknowledging -------------------------------------------------------------------------------------------------


def test_acknowledging_makes_the_verdict_proven(client, notice):
    holder_of(notice, client)
    assert "It admits nothing" not in client.get("/my/").content.decode()
    page = client.post(f"/my/{notice.pk}/read", follow=True).content.decode()
    assert "it admits nothing" in page
    page = client.post(f"/my/{notice.pk}/acknowledge", follow=True).content.decode()
    assert "You confirmed that you have read this notice" in page
    client.post(f"/my/{notice.pk}/acknowledge")
    notice.refresh_from_db()
    assert (notice.verdict, notice.grade) == ("proven", 6)
    assert notice.served_at is not None
    assert Evidence.objects.filter(kind=Kind.ACKNOWLEDGED).count() == 1
    assert "You confirmed that you have read it." in client.get("/my/").content.decode()


def test_being_shown_the_text_serves_the_notice_and_starts_the_clock(client, notice):
    holder_of(notice, client).post(f"/my/{notice.pk}/read")
    assert Step.objects.get(notice=notice).deadline_at > timezone.now() + timedelta(days=13)


def test_what_was_not_shown_cannot_be_acknowledged(client, notice):
    holder_of(notice, client)
    assert client.post(f"/my/{notice.pk}/acknowledge").url == "/my/"
    assert Evidence.objects.count() == 0


# --- Staff ---------------------------------------------------------------------------------------------------------


def test_staff_cannot_act_as_the_holder_in_their_own_browser(client, notice):
    client.force_login(staff("mona"))
    assert "signed in here as staff" in client.get(path_of(notice)).content.decode()
    assert client.post(path_of(notice)).status_code == 403
    assert client.get("/my/").status_code == 403


def test_signing_in_as_staff_ends_what_the_holders_session_may_do(client, notice):
    holder_of(notice, client)
    client.force_login(staff("mona"))
    assert client.post(f"/my/{notice.pk}/read").status_code == 403
    assert holder_facts() == 0


def test_a_text_for_staff_holds_no_working_link(notice):
    link = tokens.link(notice.pk)
    assert path_of(notice) not in without_links(f"See {link} or write.")
    half = link[: link.index("/n/") + 5]
    assert "withheld" in without_links(f"See {half}=\r\n{link.removeprefix(half)} or write.")
    assert without_links("N-12, reference N-12-abcdefghij, https://a.example/news/1-a") == (
        "N-12, reference N-12-abcdefghij, https://a.example/news/1-a"
    )


# --- All pages -----------------------------------------------------------------------------------------------------


def test_no_page_carries_a_script_a_style_or_anything_from_elsewhere(client, notice):
    pages = [client.get("/"), client.get("/nowhere/"), client.get(path_of(notice)), client.get("/my/")]
    holder_of(notice, client)
    pages += [client.get("/my/"), client.post(f"/my/{notice.pk}/read", follow=True), client.get("/my/left/")]
    for page in pages:
        text = page.content.decode()
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", text)
        assert not re.search(r'(?:src|action|<link [^>]*href)="https?:', text)
        assert "no-store" in page.get("Cache-Control", "") or page.status_code == 404
