"""A rung's plan at work: what is tried next, when, why, and when nothing is tried any more."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notices import plans, recording, rerouting, sweeping
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.models import Delivery, Notice
from notices.plans import Tried
from notices.queueing import Contact
from tests.notices.builders import a_template, issued

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def email(name: str, wait: float | None = None) -> Contact:
    return Contact("email", f"{name}@mail.example", 1, wait)


def sms(wait: float | None = None) -> Contact:
    return Contact("sms", "+38640123456", 3, wait)


def inbox() -> Contact:
    return Contact("inapp", "u-1")


def tried() -> list[str]:
    """The addresses tried so far, in the order of their trying."""
    return [d.address.partition("@")[0] for d in Delivery.objects.order_by("pk")]


def left(name: str, at: datetime) -> None:
    Delivery.objects.filter(address__startswith=name).update(state="accepted", settled_at=at)


def tell(name: str, kind: Kind, at: datetime) -> None:
    """Record what became of the attempt at `name`, as events and reports are recorded."""
    delivery = Delivery.objects.get(address__startswith=name)
    with transaction.atomic():
        recording.record([NewFact(delivery.notice_id, kind, "test", at, delivery.pk)], now=at)
        rerouting.fall_back([delivery.pk], now=at)


def seen_by_holder(notice: Notice, at: datetime) -> None:
    recording.record([NewFact(notice.pk, Kind.SHOWN, "holder", at)], now=at)


@pytest.mark.django_db
def test_silence_leads_on_after_the_hours_of_the_plan_and_no_sooner():
    issued(chains=[[email("first"), sms(72)]])
    start = datetime.now(UTC)
    left("first", start)
    assert sweeping.break_silence(now=start + 71 * HOUR) == 0
    assert sweeping.break_silence(now=start + 72 * HOUR) == 1
    assert sweeping.break_silence(now=start + 90 * HOUR) == 0
    first, second = Delivery.objects.order_by("pk")
    assert second.address == "+38640123456"
    assert second.retry_reason == f"because 72 hours after {first} left it was not served"


@pytest.mark.django_db
def test_the_hours_run_from_when_it_left_or_else_from_its_queueing():
    issued(chains=[[email("first"), sms(10)]])
    start = datetime.now(UTC)
    left("first", start + 5 * HOUR)  # held up for five hours
    assert sweeping.break_silence(now=start + 12 * HOUR) == 0
    assert sweeping.break_silence(now=start + 15 * HOUR) == 1
    issued(chains=[[email("never-left"), email("second", 10)]])
    assert sweeping.break_silence(now=start + 11 * HOUR) == 1


@pytest.mark.django_db
def test_a_failure_leads_on_at_once_and_says_so():
    issued(chains=[[email("first"), email("second", 72), sms(168)]])
    start = datetime.now(UTC)
    tell("first", Kind.BOUNCED, start)
    assert tried() == ["first", "second"]
    assert Delivery.objects.get(position=1).retry_reason.endswith("came back")
    # The clock of the next address runs anew, from the attempt that now is the last.
    left("second", start + HOUR)
    assert sweeping.break_silence(now=start + 168 * HOUR) == 0
    assert sweeping.break_silence(now=start + 169 * HOUR) == 1


@pytest.mark.django_db
def test_silence_passes_over_an_address_that_only_waits_for_a_failure():
    issued(chains=[[email("first"), email("second"), sms(72)]])
    start = datetime.now(UTC)
    left("first", start)
    sweeping.break_silence(now=start + 73 * HOUR)
    assert tried() == ["first", "+38640123456"]
    tell("first", Kind.BOUNCED, start + 80 * HOUR)  # days later
    assert tried() == ["first", "+38640123456", "second"]


@pytest.mark.django_db
def test_a_served_notice_goes_no_further_until_it_turns_out_that_it_was_not():
    issued(chains=[[email("first"), sms(72)], [email("other")]])
    start = datetime.now(UTC)
    left("first", start)
    tell("other", Kind.RELAYED, start)
    assert sweeping.break_silence(now=start + 73 * HOUR) == 0
    tell("other", Kind.BOUNCED, start + 74 * HOUR)
    assert tried() == ["first", "other", "+38640123456"]


@pytest.mark.django_db
def test_a_failure_after_service_leads_nowhere():
    notice = issued(chains=[[email("first"), email("second")], [inbox()]])
    now = datetime.now(UTC)
    seen_by_holder(notice, now)
    tell("first", Kind.BOUNCED, now)
    assert tried() == ["first", "u-1"]


@pytest.mark.django_db
def test_what_was_stood_down_tries_nothing_more():
    notice = issued(chains=[[email("first"), email("second"), sms(72)]])
    now = datetime.now(UTC)
    rerouting.stand_down([notice.pk], now=now)
    tell("first", Kind.BOUNCED, now)
    assert sweeping.break_silence(now=now + 500 * HOUR) == 0
    assert tried() == ["first"]
    assert Delivery.objects.get().next_at is None


@pytest.mark.django_db
def test_an_address_that_stands_twice_in_a_plan_is_tried_once():
    issued(chains=[[email("first"), email("second"), email("first")], [email("third"), email("second")]])
    now = datetime.now(UTC)
    for name in ("first", "second", "third"):
        tell(name, Kind.BOUNCED, now)
    assert sorted(tried()) == ["first", "second", "third"]


@pytest.mark.django_db
def test_no_two_first_attempts_at_one_place():
    issued()
    row = Delivery.objects.get()
    with pytest.raises(IntegrityError, match="one_attempt"), transaction.atomic():
        Delivery.objects.create(
            notice=row.notice, channel="sms", address="+4912345678", head=b"", due_at=row.due_at
        )


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_try_an_address_once():
    issued(chains=[[email("first"), sms(1)]])
    later = datetime.now(UTC) + 2 * HOUR
    found: list[int] = []

    def sweep() -> None:
        try:
            found.append(sweeping.break_silence(now=later))
        finally:
            connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 0, 1]
    assert tried() == ["first", "+38640123456"]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["leaves", "bounces", "sweep", "sweep", "served", "bounces-other"]),
        st.integers(0, 5),  # which attempt
        st.integers(0, 100),  # hours that pass before
    ),
    max_size=14,
)
WAITS = st.lists(st.sampled_from([None, None, 24, 72]), min_size=0, max_size=4)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(waits=WAITS, events=EVENTS)
def test_whatever_happens_each_address_is_tried_once_in_order_and_not_after_service(waits, events):
    Notice.objects.first() or a_template()
    chain = [email("a0"), *(email(f"a{n}", wait) for n, wait in enumerate(waits, 1))]
    notice = issued(chains=[chain])
    now = datetime.now(UTC)
    own = Delivery.objects.filter(notice=notice)
    for what, which, hours in events:
        now += hours * HOUR
        before = own.count()
        served = Notice.objects.get(pk=notice.pk).served_at is not None
        _happen(what, own.order_by("pk")[min(which, before - 1)], now)
        if served:
            assert own.count() == before
        positions = list(own.order_by("pk").values_list("position", flat=True))
        assert len(set(positions)) == len(positions)
        assert own.values("address").distinct().count() == len(positions)
        for row in own.exclude(position=0):
            # Each has a cause that was tried before it, and lies before it in the plan.
            cause = own.get(pk=int(row.retry_reason.partition("D-")[2].split()[0]))
            assert (cause.pk < row.pk, cause.position < row.position) == (True, True)
    if all(wait is not None for wait in waits):
        assert positions_in_order(own)
    if not any(what == "served" for what, _, _ in events) and waits and None not in waits:
        sweep_to_the_end(now, len(waits))
        assert own.count() == len(chain)  # nothing is forgotten


def positions_in_order(own: Any) -> bool:
    positions = list(own.order_by("pk").values_list("position", flat=True))
    return positions == sorted(positions)


def sweep_to_the_end(now: datetime, places: int) -> None:
    for number in range(1, places + 2):
        sweeping.break_silence(now=now + number * 200 * HOUR)


def _happen(what: str, delivery: Delivery, now: datetime) -> None:
    if what == "leaves" and delivery.state == "queued":
        Delivery.objects.filter(pk=delivery.pk).update(state="accepted", settled_at=now)
    elif what.startswith("bounces"):
        with transaction.atomic():
            recording.record([NewFact(delivery.notice_id, Kind.BOUNCED, "test", now, delivery.pk)], now=now)
            rerouting.fall_back([delivery.pk], now=now)
    elif what == "served":
        recording.record([NewFact(delivery.notice_id, Kind.SHOWN, "holder", now)], now=now)
    elif what == "sweep":
        sweeping.break_silence(now=now)


@given(
    waits=WAITS,
    attempts=st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 200)), max_size=8),
)
def test_moves_do_not_depend_on_the_order_of_what_is_known(waits, attempts):
    plan = [["email", f"a{n}", None, *([w] if w is not None else [])] for n, w in enumerate(waits)]
    known = [
        Tried(pk, place, NOW - hours * HOUR, "came back" if failed else "")
        for pk, (place, failed, hours) in enumerate(attempts)
    ]
    moves, looks = plans.moves(plan, known, now=NOW)
    assert plans.moves(plan, reversed(known), now=NOW) == (moves, looks)
    taken = {each.position for each in known}
    assert all(0 < move.position <= len(plan) and move.position not in taken for move in moves)
    assert all(at > NOW for at in looks.values())
    # What is moved to now is not moved to again once it was tried.
    more = [*known, *(Tried(100 + move.position, move.position, NOW) for move in moves)]
    again, _ = plans.moves(plan, more, now=NOW)
    assert not {move.position for move in again} & {move.position for move in moves}
