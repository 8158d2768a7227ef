"""A rung's channels, from the policies file to the addresses that are tried, until the case is over."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from cases.actions import appeals, closing, steps
from cases.actions.policies import load_policies
from cases.models import Case, ContactPoint, Ladder
from notices import sweeping
from notices.models import Delivery, Notice
from tests.people import POLICIES, ago, learn, mikael, mona, open_case, staff

PLAN = '[["email", { channel = "sms", wait_hours = 72 }, { channel = "post", wait_hours = 168 }], ["inapp"]]'

pytestmark = pytest.mark.django_db


@pytest.fixture
def policies(tmp_path: Path) -> Callable[..., None]:
    """Load the policies of the tests with this plan for the first warning."""

    def load(plan: str = PLAN, service: str = "{ grade = 2, deemed = { channels = 2, days = 7 } }") -> None:
        text = POLICIES.read_text().replace('[["email"], ["inapp"]]', plan, 1)
        path = tmp_path / "policies.toml"
        path.write_text(text.replace("{ grade = 2, deemed = { channels = 2, days = 7 } }", service, 1))
        load_policies(path)

    return load


def a_case(*addresses: tuple[str, str]) -> Case:
    case = open_case(account="u-ana")
    for channel, address in addresses:
        ContactPoint.objects.create(
            account=case.account,
            channel=channel,
            address=address,
            canonical=address,
            source="test",
            valid_from=ago(90),
        )
    return case


SMS, POST = ("sms", "+38640123456"), ("post", "Ana Kovač\nSlovenska 1\n1000 Ljubljana")


def warn(case: Case) -> Case:
    """Warn by the policies as they were loaded last."""
    ladder = case.policy.ladders.order_by("-number")[0]
    Case.objects.filter(pk=case.pk).update(ladder=ladder)
    steps.warn(case.pk, actor=mona(), at=ago(30))
    return case


def tried() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("channel", flat=True))


def test_a_plan_that_changed_is_a_new_ladder_and_one_that_did_not_is_none(policies):
    policies()
    policies()
    policies(PLAN.replace('{ channel = "post", wait_hours = 168 }', '{ channel = "post" }'))
    policies(PLAN.replace("72", "96"))
    assert list(Ladder.objects.filter(policy__slug="data-selling").values_list("number", flat=True)) == [
        1,
        2,
        3,
    ]


def test_silence_brings_the_warning_by_text_and_then_by_post(policies):
    case = a_case(SMS, POST)
    policies()
    warn(case)
    assert tried() == ["email", "inapp"]
    start = ago(0)
    Delivery.objects.update(state="accepted", settled_at=start)
    sweeping.break_silence(now=start + timedelta(hours=72))
    assert tried() == ["email", "inapp", "sms"]
    Delivery.objects.filter(channel="sms").update(state="accepted", settled_at=start + timedelta(hours=72))
    sweeping.break_silence(now=start + timedelta(hours=72 + 168))
    assert tried() == ["email", "inapp", "sms", "post"]
    out = io.StringIO()
    call_command("verdict", "u-ana", stdout=out)
    assert "tried because 72 hours after D-" in out.getvalue()


def test_an_account_without_an_address_on_a_channel_is_not_kept_waiting_for_it(policies):
    case = a_case(POST)
    policies()
    warn(case)
    start = ago(0)
    Delivery.objects.update(state="accepted", settled_at=start)
    sweeping.break_silence(now=start + timedelta(hours=168))
    assert tried() == ["email", "inapp", "post"]


@pytest.mark.parametrize("end", ["dismissed", "overturned"])
def test_when_the_case_is_over_nothing_more_is_tried(policies, end):
    case = a_case(SMS, POST)
    policies()
    warn(case)
    if end == "dismissed":
        closing.dismiss(case.pk, actor=mona(), reason="Unfounded.", at=ago(0))
    else:
        appeal = appeals.file_appeal(case.steps.get().pk, statement="Not me.", at=ago(1))
        appeals.overturn(appeal.pk, actor=mikael(), reviewer=staff("mikael"), reason="Right.", at=ago(0))
    assert sweeping.break_silence(now=ago(0) + timedelta(days=60)) == 0
    assert tried() == ["email", "inapp"]
    assert Notice.objects.get().stood_down_at is not None


def test_deemed_service_is_called_deemed_wherever_it_is_told(policies):
    case = a_case(SMS)
    policies(service='{ grade = 3, deemed = { channels = ["email"], days = 3 } }')
    warn(case)
    learn(case.steps.get(), "relayed", ago(29))
    sweeping.deem_served(now=ago(0))
    out = io.StringIO()
    call_command("verdict", "u-ana", stdout=out)
    assert (
        "deemed, under the rule: evidence of grade 3 or more, or deemed after 3 days without a bounce on email"
        in (out.getvalue())
    )
    assert "deemed served: nobody confirmed that it arrived" in out.getvalue()
