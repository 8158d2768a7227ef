"""The rules hold when two people, or two processes, act in the same moment: real threads, real connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from cases.actions import disputes, steps
from cases.actions.clocks import act_on_deadlines
from cases.models import Case, Dispute, Proposal, Step
from cases.refusals import Refused
from notices import recording
from notices.ledger import NewFact
from notices.models import Delivery, Evidence, Notice
from tests.people import SYSTEM, ago, learn, mikael, mona, served, warned

pytestmark = pytest.mark.django_db(transaction=True)


def in_thread(act: Callable[[], object]) -> object:
    """Run on a connection of its own; a refusal is a result."""
    try:
        return act()
    except Refused as refused:
        return refused
    finally:
        connection.close()


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run all at the same moment; their results."""
    barrier = threading.Barrier(len(acts))

    def started(act: Callable[[], object]) -> object:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as people:
        return list(people.map(lambda act: in_thread(lambda: started(act)), acts))


def blocked(future: Future[object]) -> bool:
    """Whether it waits for a lock in PostgreSQL; waits until it does, or has ended."""
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_stat_clear_snapshot()"
            )  # else a transaction sees what it saw the first time
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone()[0]:
                return True
        if future.done():
            return False
        time.sleep(0.02)
    return False


def ready_for_suspension() -> Case:
    """A case on the ladder without an escalation, warned long ago and served."""
    step = warned(ago(60), policy="spam")
    learn(step, "delivered", ago(59))
    return step.case


def test_two_moderators_pressing_at_once_take_one_step():
    case = served().case
    results = at_once(
        lambda: steps.escalate(case.pk, actor=mona(), at=ago()),
        lambda: steps.escalate(case.pk, actor=mikael(), at=ago()),
    )
    assert sorted(type(result).__name__ for result in results) == ["NotTheNextStep", "Step"]
    assert Notice.objects.count() == 2


def test_a_dispute_opened_first_stops_the_suspension_that_waits_for_it():
    case = ready_for_suspension()
    step = Step.objects.get()
    with ThreadPoolExecutor(1) as colleague:
        with transaction.atomic():
            disputes.open_dispute(step.pk, actor=SYSTEM, statement="Nothing came.", at=ago())
            suspension = colleague.submit(in_thread, lambda: steps.suspend(case.pk, actor=mona(), at=ago()))
            assert blocked(suspension)
        assert getattr(suspension.result(), "code", None) == "contested"
    case.refresh_from_db()
    assert case.state == "warned"


def test_even_when_its_checks_had_passed_already(monkeypatch):
    """The suspension looked before the dispute was there; PostgreSQL looks again."""
    case = ready_for_suspension()
    step = Step.objects.get()
    monkeypatch.setattr(steps, "why_not", lambda *args, **kwargs: None)
    with ThreadPoolExecutor(1) as colleague:
        with transaction.atomic():
            disputes.open_dispute(step.pk, actor=SYSTEM, statement="Nothing came.", at=ago())
            suspension = colleague.submit(in_thread, lambda: steps.suspend(case.pk, actor=mona(), at=ago()))
            assert blocked(suspension)
        assert getattr(suspension.result(), "code", None) == "held_by_database"
    assert Dispute.objects.count() == 1
    assert Step.objects.count() == 1


def test_a_dispute_that_comes_later_waits_and_finds_the_account_suspended():
    case = ready_for_suspension()
    step = Step.objects.get()
    with ThreadPoolExecutor(1) as colleague:
        with transaction.atomic():
            steps.suspend(case.pk, actor=mona(), at=ago())
            dispute = colleague.submit(
                in_thread,
                lambda: disputes.open_dispute(step.pk, actor=SYSTEM, statement="Nothing came.", at=ago()),
            )
            assert blocked(dispute)
        assert isinstance(dispute.result(), Dispute)
    case.refresh_from_db()
    assert case.state == "suspended"


def facts(step: Step) -> list[NewFact]:
    delivery = Delivery.objects.filter(notice=step.notice_id, channel="email").get()
    return [
        NewFact(step.notice_id, kind, "test", ago(29), delivery.pk, event_id=f"{kind}:{delivery.pk}")
        for kind in ("submitted", "relayed", "delivered", "complained")
    ]


def test_facts_that_arrive_in_the_same_moment_are_all_in_the_grade():
    step = warned()
    at_once(*(lambda fact=fact: recording.record([fact], now=ago()) for fact in facts(step)))
    assert Notice.objects.get().grade == 4
    step.refresh_from_db()
    assert step.deadline_at is not None


def test_the_same_fact_from_four_sides_is_one():
    step = warned()
    at_once(*(lambda: recording.record(facts(step)[:1], now=ago()) for _ in range(4)))
    assert Evidence.objects.count() == 1


def test_two_sweeps_at_once_propose_once():
    for n in range(5):
        served(account=f"u{n}")
    at_once(*(lambda: act_on_deadlines(actor=SYSTEM, now=ago()) for _ in range(3)))
    assert Proposal.objects.count() == 5
    assert not Step.objects.filter(deadline_handled=False).exists()
