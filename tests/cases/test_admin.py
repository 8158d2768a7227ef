"""The plain admin: everything can be looked at, nothing edited."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cases.actions import appeals, disputes, exemptions
from cases.models import Case, Exemption, Proposal, RejectedRow, Rung, User, Wave
from notices import tokens
from notices.inbound.packing import pack
from notices.models import Evidence, InboundMessage, Notice
from notices.readonly import CappedPaginator
from tests.notices.rows import one_of_each
from tests.people import SYSTEM, ago, learn, mona, open_case, served, staff, warned

pytestmark = pytest.mark.django_db

MODELS = [model for model in admin.site._registry if model._meta.app_label in ("cases", "notices")]
READ_ONLY = [model for model in MODELS if model is not User]


def list_of(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: object) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def moderator(name: str, *permissions: str) -> Client:
    user = staff(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def one_of_everything() -> None:
    step = served(account="u-ana")
    disputes.open_dispute(step.pk, actor=mona(), statement="It never came.", at=ago(1))
    appeals.file_appeal(step.pk, statement="It was not me.", at=ago(1))
    exemptions.ask(
        step.case_id,
        author=mona().user,
        ground=Exemption.Ground.LEGAL_ORDER,
        reason="Order 12",
        expires_at=timezone.now() + timedelta(days=1),
        at=ago(0),
    )
    Proposal.objects.create(
        case=step.case,
        rung=Rung.objects.filter(kind="escalation")[0],
        proposed_by="x",
        proposed_at=ago(0),
        reason="y",
    )
    wave = Wave.objects.create(source="test", started_by=SYSTEM.label, counts={"rows": 3})
    RejectedRow.objects.create(wave=wave, line=7, raw="a,b\nc", reasons=["no account"])
    InboundMessage.objects.create(
        sha256=b"\x01" * 16,
        raw=pack(b"Subject: away\r\n\r\nBack on Monday."),
        outcome="unclassified",
    )
    one_of_each(step.notice.deliveries.earliest("pk"))


# --- Looking ---------------------------------------------------------------------------------------------------------


def test_every_model_of_ours_is_there():
    names = (
        "User Case Step Flag Account ContactPoint Wave RejectedRow Policy PolicyVersion Ladder Rung Proposal "
    )
    names += "Exemption Appeal Dispute Transition Notice Delivery Evidence InboundMessage Template TemplateVersion "
    names += (
        "ProviderEvent WebhookRequest WebhookRefusal Suppression Letter LetterBatch TrackingReject StreamGap "
        "Question"
    )
    assert {model.__name__ for model in MODELS} == set(names.split())


@pytest.mark.parametrize("model", READ_ONLY)
def test_a_list_shows_rows_and_no_way_to_change_them(model, root, one_of_everything):
    answer = root.get(list_of(model))
    assert answer.status_code == 200
    page = answer.content.decode()
    content = page[page.index('id="content"') :]
    assert "addlink" not in content
    assert "/add/" not in content
    assert "delete" not in content
    assert answer.context["cl"].result_count > 0


@pytest.mark.parametrize("model", READ_ONLY)
def test_a_page_shows_everything_and_edits_nothing(model, root, one_of_everything):
    row = model.objects.latest("pk")
    answer = root.get(page_of(row))
    assert answer.status_code == 200
    page = answer.content.decode()
    content = page[page.index('id="content"') :]
    assert not re.search(
        r'<input type="(text|submit)|<select|<textarea|deletelink|addlink|name="_save"', content
    )
    for raw in ("b&#x27;", "b'", "memory at 0x", "&lt;memory"):
        assert raw not in content


@pytest.mark.parametrize("model", READ_ONLY)
def test_even_a_superuser_adds_changes_and_deletes_nothing(model, root, one_of_everything):
    row = model.objects.latest("pk")
    assert root.post(page_of(row), {"state": "suspended"}).status_code == 403
    assert root.post(page_of(row).replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    assert root.get(list_of(model) + "add/").status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", [*READ_ONLY, User])
def test_a_list_costs_the_same_for_one_row_and_for_many(model, root):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert root.get(list_of(model)).status_code == 200
        return len(seen)

    learn(served(account="u-1"), "delivered", ago(29))
    root.get(list_of(model))  # what is remembered for good is asked once
    before = queries()
    for number in range(2, 5):
        learn(served(account=f"u-{number}", emails=(f"a{number}@mail.example",)), "delivered", ago(29))
        staff(f"member-{number}")
    assert queries() == before


def test_evidence_is_shown_as_readable_json_without_its_salt(root):
    step = warned()
    learn(step, "relayed", ago(1), reply="250 2.0.0 Ok: queued as 4X")
    fact = Evidence.objects.get()
    page = root.get(page_of(fact)).content.decode()
    assert "&quot;reply&quot;: &quot;250 2.0.0 Ok: queued as 4X&quot;" in page
    assert bytes(fact.payload.salt).hex() not in page
    assert bytes(fact.commitment).hex() in page


def test_staff_read_a_notice_but_do_not_get_the_holders_link(root):
    notice = warned().notice
    page = root.get(page_of(notice)).content.decode()
    assert "Sold 48,211 records of other users." in page
    assert bytes(notice.content_sha256).hex() in page
    assert tokens.link(notice.pk).partition("/n/")[2].strip("/") not in page


@pytest.mark.parametrize(
    ("model", "term"),
    [
        ("Case", "{case}"),
        ("Case", "u-ana"),
        ("Case", "ana@mail.example"),
        ("Account", "u-ana"),
        ("ContactPoint", "ANA@mail.example"),
        ("Step", "{case}"),
        ("Step", "{notice}"),
        ("Flag", "{case}"),
        ("Flag", "test ref-ana"),
        ("Transition", "{case}"),
        ("Notice", "{notice}"),
        ("Notice", "{reference}"),
        ("Notice", "u-ana"),
        ("Delivery", "{notice}"),
        ("Evidence", "{notice}"),
    ],
)
def test_search_finds_by_exact_names(model, term, root):
    served(account="u-other", emails=("other@mail.example",))
    step = served(account="u-ana", reference="ref-ana")
    searched = next(m for m in MODELS if m.__name__ == model)
    names = {
        "case": step.case.number,
        "notice": step.notice.number,
        "reference": tokens.reference(step.notice_id),
    }
    found = root.get(list_of(searched), {"q": term.format(**names)}).context["cl"].result_list
    assert 0 < len(found) < searched.objects.count()
    nothing = root.get(list_of(searched), {"q": "nonsense@"}).context["cl"].result_list
    assert len(nothing) == 0


def test_a_long_list_is_counted_and_leafed_only_so_far(root, monkeypatch):
    monkeypatch.setattr(CappedPaginator, "cap", 2)
    for _ in range(3):
        open_case()
    page = root.get(list_of(Case)).content.decode()
    assert "the newest 2 can be leafed through" in page
    assert "2 cases" in page


# --- Staff -----------------------------------------------------------------------------------------------------------


def test_only_superusers_see_and_change_staff(root):
    nosy = moderator("nosy", "view_user", "change_user", "add_user", "delete_user")
    assert nosy.get(list_of(User)).status_code == 403
    assert nosy.get(page_of(staff("nosy"))).status_code == 403
    assert root.get(list_of(User) + "add/").status_code == 200
    assert root.get(page_of(staff("nosy"))).status_code == 200


def test_who_has_signed_in_is_not_deleted(root):
    newcomer = User.objects.create_user("newcomer", is_staff=True)
    delete = page_of(newcomer).replace("/change/", "/delete/")
    User.objects.filter(pk=newcomer.pk).update(last_login=timezone.now())
    assert root.post(delete, {"post": "yes"}).status_code == 403
    User.objects.filter(pk=newcomer.pk).update(last_login=None)
    assert root.post(delete, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=newcomer.pk).exists()


def test_pages_of_the_admin_carry_no_script_or_style_of_their_own(root, one_of_everything):
    pages = [
        root.get("/admin/"),
        root.get(list_of(Case)),
        root.get(list_of(Notice)),
        root.get(page_of(Case.objects.get())),
    ]
    data = {"action": "warn", "_selected_action": [Case.objects.get().pk]}
    for page in [*pages, root.post(list_of(Case), data), Client().get("/admin/login/")]:
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page.content.decode())
