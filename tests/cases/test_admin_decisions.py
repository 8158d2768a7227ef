"""Decisions in the plain admin: a button, a reason, and the verb does it or says why not."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from cases.admin import deciding
from cases.models import Case, Step, Transition, User
from tests.people import ago, learn, open_case, served, staff, warned

pytestmark = pytest.mark.django_db

CASES = "/admin/cases/case/"


def moderator(name: str, *permissions: str) -> Client:
    user = staff(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def decide(client: Client, name: str, *cases: Case, **fields: str) -> list[str]:
    """Choose cases, press a button, give a reason; the messages that come back."""
    data = {"action": name, "_selected_action": [case.pk for case in cases]}
    asked = client.post(CASES, data)
    assert asked.status_code == 200
    answer = client.post(CASES, {**data, "confirmed": "yes", "reason": "It goes on.", **fields}, follow=True)
    return [str(message) for message in answer.context["messages"]]


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_suspending_without_a_served_warning_shows_the_refusal(root):
    never, unserved = open_case(policy="spam"), warned(ago(30), policy="spam")
    assert decide(root, "suspend", never, unserved.case) == [
        (
            f"The next step of case {never.number} is the warning, not the suspension. "
            "Take that first, or ask for an exemption."
        ),
        (
            f"{unserved.case.number}: The warning of {unserved.decided_at:%-d %B %Y} was never served: "
            "it is queued here; nothing has left yet. Send it by another channel first."
        ),
    ]
    assert not Case.objects.filter(state="suspended").exists()


def test_an_unserved_warning_is_named_in_the_refusal(root):
    step = warned(ago(30), policy="spam")
    learn(step, "bounced", ago(29))
    (told,) = decide(root, "suspend", step.case)
    assert told.startswith(f"{step.case.number}: The warning of {step.decided_at:%-d %B %Y} was never served")
    step.case.refresh_from_db()
    assert step.case.state == "warned"


def test_warning_through_the_admin_is_the_persons_own_decision(root):
    case = open_case()
    assert decide(root, "warn", case, reason="You sold data.") == [f"Warned: {case.number}."]
    step = Step.objects.get(case=case)
    assert (step.actor_label, step.reason) == ("user:root", "You sold data.")
    assert Transition.objects.filter(case=case).latest("pk").actor_label == "user:root"


def test_a_warning_without_a_reason_tells_what_the_flags_report(root):
    case = open_case()
    decide(root, "warn", case, reason="")
    assert Step.objects.get(case=case).reason == "Sold 48,211 records of other users."


def test_each_case_gets_its_own_answer(root):
    ready, done = open_case(), warned().case
    told = decide(root, "warn", ready, done)
    assert len(told) == 2
    assert f"Warned: {ready.number}." in told
    assert any(done.number in message for message in told if "Warned" not in message)


@pytest.mark.parametrize(
    ("name", "state", "resolution"), [("dismiss", "closed", "dismissed"), ("complied", "closed", "complied")]
)
def test_closing_through_the_admin(name, state, resolution, root):
    case = warned().case
    decide(root, name, case)
    case.refresh_from_db()
    assert (case.state, case.resolution) == (state, resolution)


def test_escalating_suspending_and_reinstating_through_the_admin(root):
    case = served(ago(60)).case
    assert decide(root, "escalate", case) == [f"Escalated: {case.number}."]
    spam = served(ago(60), policy="spam")
    learn(spam, "delivered", ago(59))
    assert decide(root, "suspend", spam.case) == [f"Suspended: {spam.case.number}."]
    assert decide(root, "reinstate", spam.case) == [f"Reinstated and closed: {spam.case.number}."]


def test_a_step_that_needs_a_second_person_says_so(root):
    case = served(ago(60)).case
    decide(root, "escalate", case)
    (told,) = decide(root, "suspend", case)
    assert case.number in told
    case.refresh_from_db()
    assert case.state == "escalated"


def test_a_decision_that_needs_a_reason_asks_until_it_gets_one(root):
    case = open_case()
    data = {"action": "dismiss", "_selected_action": [case.pk], "confirmed": "yes", "reason": "  "}
    page = root.post(CASES, data).content.decode()
    assert "Say why: the reason is kept with the decision" in page
    case.refresh_from_db()
    assert case.state == "open"


def test_who_may_only_look_cannot_decide():
    case = open_case()
    looker = moderator("looker", "view_case")
    page = looker.get(CASES).content.decode()
    assert case.number in page
    assert 'name="action"' not in page
    data = {"action": "dismiss", "_selected_action": [case.pk], "confirmed": "yes", "reason": "Because."}
    looker.post(CASES, data)
    case.refresh_from_db()
    assert case.state == "open"
    decider = moderator("decider", "view_case", "change_case")
    assert decide(decider, "dismiss", case) == [f"Dismissed: {case.number}."]


def test_too_many_at_once_are_for_a_wave(root, monkeypatch):
    monkeypatch.setattr(deciding, "AT_ONCE", 1)
    cases = [open_case(), open_case()]
    data = {"action": "warn", "_selected_action": [case.pk for case in cases]}
    answer = root.post(CASES, data, follow=True)
    assert "Larger decisions are waves" in answer.content.decode()


def test_a_case_page_leads_to_its_answer_and_its_decisions(root):
    step = served()
    page = root.get(reverse("admin:cases_case_change", args=[step.case_id])).content.decode()
    assert f'name="who" value="{step.case.number}"' in page
    assert f"{CASES}?q={step.case.number}" in page
