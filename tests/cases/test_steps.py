"""The verbs, from flag to suspension and back, and why each is refused when it is."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from cases.actions import appeals, closing, disputes, steps
from cases.actions.clocks import act_on_deadlines
from cases.actions.waves import warn_wave
from cases.models import Case, Proposal, RungKind, Step, Transition, Wave
from cases.refusals import NotFound, Refused
from notices.models import Delivery, Notice
from tests.people import (
    SYSTEM,
    ago,
    flag,
    learn,
    mikael,
    mona,
    open_case,
    served,
    staff,
    suspended,
    take_in,
    warned,
)

pytestmark = pytest.mark.django_db


def history(case: Case) -> list[str]:
    return list(Transition.objects.filter(case=case.pk).order_by("pk").values_list("new", flat=True))


def test_a_warning_is_a_step_a_notice_and_two_deliveries():
    step = warned()
    assert history(step.case) == ["open", "warned"]
    assert (step.rung.kind, step.actor_label, step.served_at, step.deadline_at) == (
        "warning",
        "user:mona",
        None,
        None,
    )
    assert step.policy_version.number == 1
    assert sorted(Delivery.objects.values_list("channel", flat=True)) == ["email", "inapp"]
    assert step.reason == "Sold 48,211 records of other users."


def test_the_clock_starts_at_service_and_ends_with_the_holder_s_own_day():
    step = served(ago(3), timezone="Pacific/Auckland")
    local = step.deadline_at.astimezone(ZoneInfo("Pacific/Auckland"))
    assert step.served_at == step.decided_at + timedelta(hours=1)
    assert (local.hour, local.minute) == (0, 0)
    assert step.deadline_at - step.served_at >= timedelta(days=14) - timedelta(hours=1)


def test_a_late_bounce_stops_the_clock():
    step = served(ago(3))
    learn(step, "bounced", ago(1))
    step.refresh_from_db()
    assert (step.served_at, step.deadline_at) == (None, None)


def test_the_whole_ladder():
    assert history(suspended().case) == ["open", "warned", "escalated", "suspended"]


def test_reinstating_closes_the_case():
    case = suspended().case
    closing.reinstate(case.pk, actor=mikael(), reason="The data was their own.", at=ago())
    case.refresh_from_db()
    assert (case.state, case.resolution) == ("closed", "reinstated")


def test_a_suspension_can_be_lifted_to_where_the_case_was():
    case = suspended().case
    closing.reinstate(case.pk, actor=mikael(), reason="Lifted for now.", at=ago(), close=False)
    case.refresh_from_db()
    assert (case.state, case.resolution) == ("escalated", "")


@pytest.mark.parametrize(
    ("close", "resolution"), [(closing.dismiss, "dismissed"), (closing.close_as_complied, "complied")]
)
def test_a_case_closes_with_its_resolution_and_reason(close, resolution):
    case = warned().case
    close(case.pk, actor=mona(), reason="They deleted the data.", at=ago())
    case.refresh_from_db()
    assert (case.state, case.resolution) == ("closed", resolution)
    assert Transition.objects.latest("pk").reason == "They deleted the data."


def refusal(act: object, case: Case, **more: object) -> str:
    with pytest.raises(Refused) as caught:
        act(case.pk, **{"actor": mikael(), "at": ago(), **more})  # type: ignore[operator]
    return f"{caught.value.code}: {caught.value}"


def test_refusals_are_sentences_that_say_what_to_do():
    step = served(ago(5))
    case, day = step.case, f"{step.decided_at:%-d %B %Y}"
    deadline = f"{step.deadline_at:%-d %B %Y %H:%M} UTC"
    assert refusal(steps.escalate, case) == (
        f"clock_runs: The warning of {day} was served on {step.served_at:%-d %B %Y}; the account has until {deadline} "
        "to answer. It can be escalated after that."
    )
    assert "The next step of case" in refusal(steps.suspend, case)
    assert "wrong_state: " in refusal(closing.reinstate, case, reason="x")
    assert refusal(closing.dismiss, case, reason=" ").startswith("reason_needed: Say why")
    closing.dismiss(case.pk, actor=mona(), reason="unfounded", at=ago())
    assert (
        refusal(steps.escalate, case)
        == f"wrong_state: Case {case.number} is closed. A new flag opens a new case."
    )


def test_what_was_never_served_names_why():
    step = warned(ago(20))
    learn(step, "refused", ago(20))
    assert "was never served" in refusal(steps.escalate, step.case)
    assert "Send it by another channel first." in refusal(steps.escalate, step.case)


def test_a_contested_warning_carries_nothing_until_that_is_decided():
    step = served()
    appeal = appeals.file_appeal(step.pk, statement="It was research.", at=ago(1))
    assert "contested: an appeal is open" in refusal(steps.escalate, step.case)
    appeals.uphold(appeal.pk, reviewer=staff("mikael"), reason="It was not.", at=ago())
    disputes.open_dispute(step.pk, actor=SYSTEM, statement="Nothing came.", at=ago())
    assert "a dispute is open" in refusal(steps.escalate, step.case)


def test_an_overturned_warning_closes_the_case():
    step = served()
    appeal = appeals.file_appeal(step.pk, statement="It was research.", at=ago(1))
    appeals.overturn(appeal.pk, actor=mikael(), reviewer=staff("mikael"), reason="It was.", at=ago())
    step.case.refresh_from_db()
    assert (step.case.state, step.case.resolution) == ("closed", "overturned")


def test_a_suspension_that_needs_two_persons_is_refused_to_one():
    step = served(ago(60))
    steps.escalate(step.case_id, actor=mona(), at=ago(30))
    learn(Step.objects.latest("pk"), "relayed", ago(29))
    assert "approval_needed" in refusal(steps.suspend, step.case)
    assert "approval_needed" in refusal(steps.suspend, step.case, approver=staff("mikael"))
    steps.suspend(step.case_id, actor=mikael(), approver=staff("mona"), at=ago())


def test_nobody_is_warned_twice_for_the_same():
    step = warned()
    assert "not_the_next_step" in refusal(steps.warn, step.case)
    assert Notice.objects.count() == 1


def test_an_unknown_case_is_told():
    with pytest.raises(NotFound, match="There is no case C-999999"):
        steps.warn(999999, actor=mona(), at=ago())


def test_many_at_once_take_where_it_may_be_taken_and_say_why_not_elsewhere():
    ready, closed = open_case(), open_case(account="closed")
    closing.dismiss(closed.pk, actor=mona(), reason="unfounded", at=ago())
    result = steps.take([ready.pk, closed.pk], RungKind.WARNING, actor=mona(), at=ago(), dry_run=True)
    assert (result.taken, Notice.objects.count()) == ([ready.pk], 0)
    result = steps.take([ready.pk, closed.pk], RungKind.WARNING, actor=mona(), at=ago())
    assert (result.taken, result.refused[closed.pk].code) == ([ready.pk], "wrong_state")
    assert Notice.objects.count() == 1


def test_queries_do_not_grow_with_the_number_of_cases(django_assert_max_num_queries):
    cases = [open_case(account=f"u{n}").pk for n in range(12)]
    with django_assert_max_num_queries(30):
        steps.take(cases, RungKind.WARNING, actor=mona(), at=ago())


def test_a_wave_warns_each_case_once_and_can_be_run_again():
    wave = Wave.objects.create(started_by="test")
    for n in range(3):
        take_in(flag(account=f"u{n}"))
    Case.objects.update(wave=wave)
    assert warn_wave(wave.pk, actor=SYSTEM, dry_run=True).warned == 3
    assert [warn_wave(wave.pk, actor=SYSTEM).warned for _ in range(2)] == [3, 0]
    with pytest.raises(NotFound, match="There is no wave"):
        warn_wave(10**9, actor=SYSTEM)


# --- Deadlines -------------------------------------------------------------------------------------------------------


def sweep() -> dict[str, int]:
    return act_on_deadlines(actor=SYSTEM, now=ago())


def test_when_the_time_has_passed_the_next_step_is_proposed_once():
    step = served()
    assert sweep() == {"proposed": 1, "taken": 0, "left": 0, "held": 0}
    assert sweep() == {"proposed": 0, "taken": 0, "left": 0, "held": 0}
    proposal = Proposal.objects.get()
    assert (proposal.rung.kind, proposal.outcome) == ("escalation", "open")
    steps.escalate(step.case_id, actor=mona(), at=ago())
    proposal.refresh_from_db()
    assert proposal.outcome == "taken"


def test_before_that_nothing_happens():
    served(ago(5))
    assert sum(sweep().values()) == 0


def test_a_rung_may_say_that_the_next_step_goes_ahead_by_itself():
    step = warned(ago(60), policy="spam")
    learn(step, "delivered", ago(59))
    assert sweep() == {"proposed": 0, "taken": 1, "left": 0, "held": 0}
    assert history(step.case) == ["open", "warned", "suspended"]
    assert Step.objects.latest("pk").automated


def test_but_not_while_somebody_contests_it():
    step = warned(ago(60), policy="spam")
    learn(step, "delivered", ago(59))
    disputes.open_dispute(step.pk, actor=SYSTEM, statement="Nothing came.", at=ago(1))
    assert sweep()["proposed"] == 1
    assert "a dispute is open" in Proposal.objects.get().reason


def test_a_closed_case_is_left_alone():
    step = served()
    closing.close_as_complied(step.case_id, actor=mona(), reason="Deleted.", at=ago())
    assert sweep() == {"proposed": 0, "taken": 0, "left": 1, "held": 0}


def test_service_that_comes_back_starts_the_clock_anew():
    step = served(ago(3))
    learn(step, "bounced", ago(2))
    learn(step, "acknowledged", ago(1))
    step.refresh_from_db()
    assert step.served_at is not None
    assert step.deadline_at > step.served_at + timedelta(days=13)
