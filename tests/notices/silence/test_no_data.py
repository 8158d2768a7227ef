"""No data is neither "delivered" nor "not delivered": what is missing changes no grade, verdict or service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from notices.grading import Attempt, Fact, ServiceRule, judge
from notices.kinds import Kind

T0 = datetime(2026, 5, 3, 12, tzinfo=UTC)
ATTEMPTS = (1, "email"), (2, "inapp")
facts = st.builds(
    Fact,
    kind=st.sampled_from([kind.value for kind in Kind]),
    at=st.integers(0, 20).map(lambda days: T0 + timedelta(days=days)),
    delivery=st.sampled_from([1, 2, None]),
    test=st.booleans(),
    weak=st.booleans(),
)
rules = st.sampled_from([ServiceRule(2), ServiceRule(3), ServiceRule(2, 2, 7), ServiceRule(2, 1, 7)])
overdue = st.lists(
    st.builds(
        Fact,
        kind=st.just("overdue"),
        at=st.integers(0, 20).map(lambda days: T0 + timedelta(days=days)),
        delivery=st.sampled_from([1, 2]),
    ),
    max_size=3,
)
blind = st.none() | st.integers(-5, 30).map(lambda days: T0 + timedelta(days=days))


@given(st.lists(facts, max_size=10), overdue, rules, st.integers(0, 40))
def test_a_missing_report_changes_no_grade_verdict_or_service(known, missing, rule, days) -> None:
    attempts = [Attempt(*each) for each in ATTEMPTS]
    now = T0 + timedelta(days=days)
    without, having = (
        judge(known, attempts, rule, now=now),
        judge([*known, *missing], attempts, rule, now=now),
    )
    assert (without.grade, without.verdict, without.served_at, without.deemed, without.deemed_due_at) == (
        having.grade,
        having.verdict,
        having.served_at,
        having.deemed,
        having.deemed_due_at,
    )


@given(st.lists(facts, max_size=10), rules, st.tuples(blind, blind), st.integers(0, 40))
def test_blindness_takes_away_deemed_service_and_nothing_else(known, rule, since, days) -> None:
    now = T0 + timedelta(days=days)
    seeing = judge(known, [Attempt(*each) for each in ATTEMPTS], rule, now=now)
    not_seeing = judge(
        known, [Attempt(*each, moment) for each, moment in zip(ATTEMPTS, since, strict=True)], rule, now=now
    )
    assert (seeing.grade, seeing.verdict) == (not_seeing.grade, not_seeing.verdict)
    if not not_seeing.deemed and not seeing.deemed:
        assert seeing.served_at == not_seeing.served_at
    if not_seeing.deemed:  # whoever sees less deems later, and never into the dark
        assert seeing.served_at is not None
        assert seeing.served_at <= not_seeing.served_at
        assert any(moment is None or not_seeing.served_at <= moment for moment in since)


@given(st.data())
def test_the_order_of_facts_and_of_the_gap_s_end_changes_nothing(data) -> None:
    """Once the gap is closed, judging by all facts is the same whatever came before, within or after it."""
    known = data.draw(st.lists(facts, max_size=8))
    shuffled = data.draw(st.permutations(known))
    attempts = [Attempt(*each) for each in ATTEMPTS]
    rule, now = ServiceRule(2, 2, 7), T0 + timedelta(days=30)
    assert judge(known, attempts, rule, now=now) == judge(shuffled, attempts, rule, now=now)
