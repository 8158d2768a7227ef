"""Clocks that would run on missing data: held while the reports of a stream are missing, and set free after."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from cases.actions import disputes, exemptions, steps
from cases.actions.clocks import act_on_deadlines
from cases.models import Case, Exemption, Proposal, Step
from cases.overview import count
from cases.refusals import Refused
from notices import recording
from notices.models import Delivery, StreamGap
from notices.silence import gaps
from tests.people import SYSTEM, ago, learn, mona, served, staff, warned

pytestmark = pytest.mark.django_db


def taken_by(step: Step, stream: str = "postmark") -> None:
    """Say which provider took the mail of this step."""
    Delivery.objects.filter(notice=step.notice_id, channel="email").update(
        provider=stream, state="accepted", settled_at=step.decided_at, expects_report=True
    )


def a_gap(began_at: datetime | None = None, stream: str = "postmark") -> StreamGap:
    gap = StreamGap.objects.create(
        stream=stream, began_at=began_at or ago(1), noticed_at=ago(), expected=60, missing=60, usual=0
    )
    gaps.regrade(now=ago())
    return gap


def close(gap: StreamGap) -> None:
    gaps.close_by_person(gap.pk, who="user:mona", reason="Nothing bounced.", at=ago())
    gaps.regrade(now=ago())


def sweep(at: datetime | None = None) -> dict[str, int]:
    return act_on_deadlines(actor=SYSTEM, now=at or ago())


def test_a_held_clock_stays_due_and_is_acted_upon_after_the_gap() -> None:
    step = served()
    taken_by(step)
    gap = a_gap()
    assert sweep() == {"proposed": 0, "taken": 0, "left": 0, "held": 1}
    assert sweep() == {
        "proposed": 0,
        "taken": 0,
        "left": 0,
        "held": 0,
    }  # a moment later it is not looked at again
    assert sweep(ago() + timedelta(minutes=6))["held"] == 1
    step.refresh_from_db()
    assert (step.deadline_handled, Proposal.objects.count()) == (False, 0)
    assert (count(now=ago()).held_clocks, count(now=ago()).open_gaps) == (1, 1)

    close(gap)
    assert sweep(ago() + timedelta(minutes=6.1)) == {"proposed": 1, "taken": 0, "left": 0, "held": 0}
    assert (count(now=ago()).held_clocks, count(now=ago()).open_gaps) == (0, 0)


def test_a_bounce_that_the_gap_had_swallowed_stops_the_clock() -> None:
    step = served()
    taken_by(step)
    gap = a_gap()
    sweep()
    learn(step, "bounced", ago(2))
    close(gap)
    assert sum(sweep().values()) == 0
    step.refresh_from_db()
    assert (step.served_at, step.deadline_at) == (None, None)


def test_a_step_that_would_go_ahead_by_itself_does_not() -> None:
    step = warned(ago(60), policy="spam")
    learn(step, "delivered", ago(59))
    taken_by(step)
    gap = a_gap()
    assert sweep()["held"] == 1
    assert Case.objects.get(pk=step.case_id).state == "warned"
    close(gap)
    assert sweep()["taken"] == 1
    assert Case.objects.get(pk=step.case_id).state == "suspended"


@pytest.mark.parametrize(
    ("kind", "at", "held"),
    [
        ("acknowledged", 29, 0),  # a person's act, and its own time has passed as well
        ("acknowledged", 5, 1),  # would the mail have bounced, the time would run from here
        ("delivered", 29, 1),
    ],
)
def test_a_clock_that_rests_on_a_person_s_act_runs_on(kind: str, at: int, held: int) -> None:
    step = served()
    learn(step, kind, ago(at))
    taken_by(step)
    a_gap()
    assert sweep()["held"] == held


def test_a_gap_in_another_stream_holds_nothing() -> None:
    taken_by(served(), "smtp:mx.example")
    a_gap()
    assert sweep()["proposed"] == 1


def test_many_held_clocks_do_not_stand_in_the_way_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cases.actions.clocks.BATCH", 2)
    for _ in range(5):
        taken_by(served(ago(40)))
    served(ago(30))
    a_gap()
    assert sweep() == {"proposed": 1, "taken": 0, "left": 0, "held": 5}


def refusal(case_id: int, act: Any = steps.escalate, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        act(case_id, actor=mona(), at=ago(), **more)
    return caught.value


def test_the_next_step_by_hand_is_refused_in_words() -> None:
    step = served()
    taken_by(step)
    gap = a_gap(ago(2))
    refused = refusal(step.case_id)
    assert refused.code == "reports_missing"
    assert str(refused) == (
        f"The reports of postmark have been missing since {gap.began_at:%-d %B %Y %H:%M} UTC; a bounce may not have "
        f"reached us. The warning of {step.decided_at:%-d %B %Y} may not have arrived, so that nothing can follow it "
        "yet. The account can be escalated once the reports are in, or once somebody has closed the gap with a reason."
    )
    close(gap)
    steps.escalate(step.case_id, actor=mona(), at=ago())


def test_while_the_clock_runs_or_somebody_contests_that_is_the_reason() -> None:
    running, contested = served(ago(5)), served()
    taken_by(running)
    taken_by(contested)
    a_gap()
    disputes.open_dispute(contested.pk, actor=SYSTEM, statement="Nothing came.", at=ago(1))
    assert refusal(running.case_id).code == "clock_runs"
    assert refusal(contested.case_id).code == "contested"


def escalated() -> Step:
    """A case whose escalation is served and over; both its mails went by postmark."""
    warning = served(ago(60))
    escalation = steps.escalate(warning.case_id, actor=mona(), at=ago(30))
    learn(escalation, "relayed", ago(29))
    for step in (warning, escalation):
        taken_by(step)
    return escalation


def test_an_exemption_stands_in_spite_of_a_gap() -> None:
    step = escalated()
    a_gap()
    suspend = {"act": steps.suspend, "approver": staff("mikael")}
    assert refusal(step.case_id, **suspend).code == "reports_missing"
    asked = exemptions.ask(
        step.case_id,
        author=staff("mona"),
        ground=Exemption.Ground.LEGAL_ORDER,
        reason="Order 12/26.",
        expires_at=ago(-1),
        at=ago(),
    )
    exemptions.approve(asked.pk, approver=staff("mikael"), at=ago())
    steps.suspend(step.case_id, actor=mona(), approver=staff("mikael"), at=ago())
    assert Case.objects.get(pk=step.case_id).state == "suspended"


def suspend_in_sql(case_id: int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO cases_transition (case_id, old, new, actor_label, reason, at) "
            "VALUES (%s, 'escalated', 'suspended', 'user:mallory', 'because', now())",
            [case_id],
        )
        cursor.execute("UPDATE cases_case SET state = 'suspended' WHERE id = %s", [case_id])


def test_postgresql_refuses_as_well() -> None:
    step = escalated()
    gap = a_gap()
    with pytest.raises(IntegrityError) as caught:
        suspend_in_sql(step.case_id)
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.diag.constraint_name == "suspension_needs_served_warning"  # type: ignore[attr-defined]
    close(gap)
    suspend_in_sql(step.case_id)


@pytest.mark.parametrize("stream", ["smtp:mx.example", "postmark"])
def test_postgresql_lets_pass_what_another_stream_or_a_person_bears_out(stream: str) -> None:
    step = escalated()
    if stream == "postmark":
        learn(step, "acknowledged", ago(29))
    taken_by(step, stream)
    a_gap()
    suspend_in_sql(step.case_id)


def test_a_gap_is_closed_in_the_admin_with_a_reason(client: Client) -> None:
    user = staff("root")
    user.is_superuser = True
    user.save()
    client.force_login(user)
    gap = a_gap()
    page = client.get("/")
    assert b"Streams whose reports are missing" in page.content
    assert client.get("/admin/notices/streamgap/?ended_at__isempty=1").status_code == 200
    assert client.get(f"/admin/notices/streamgap/{gap.pk}/change/").status_code == 200
    chosen = {"action": "close", "_selected_action": [gap.pk]}
    assert b"It is kept with your name" in client.post("/admin/notices/streamgap/", chosen).content
    client.post("/admin/notices/streamgap/", {**chosen, "confirmed": "1", "reason": ""})
    gap.refresh_from_db()
    assert gap.ended_at is None
    client.post(
        "/admin/notices/streamgap/", {**chosen, "confirmed": "1", "reason": "Asked them: nothing bounced."}
    )
    gap.refresh_from_db()
    assert (gap.closed, gap.closed_by, gap.reason) == (
        "by_person",
        "user:root",
        "Asked them: nothing bounced.",
    )


def test_who_may_look_may_not_close(client: Client) -> None:
    from django.contrib.auth.models import Permission

    user = staff("vera")
    user.user_permissions.add(Permission.objects.get(codename="view_streamgap"))
    client.force_login(user)
    gap = a_gap()
    client.post(
        "/admin/notices/streamgap/",
        {"action": "close", "_selected_action": [gap.pk], "confirmed": "1", "reason": "I want to."},
    )
    gap.refresh_from_db()
    assert gap.ended_at is None


def test_the_plan_of_a_held_case_is_free_again_when_evidence_of_a_person_comes() -> None:
    step = served()
    taken_by(step)
    a_gap()
    assert sweep()["held"] == 1
    learn(step, "shown", ago(29))
    recording.regrade([step.notice_id], now=ago())
    assert sweep(ago() + timedelta(minutes=6))["proposed"] == 1
