"""The pure function from facts to verdict: what each fact proves, and that order and repetition change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices.grading import Attempt, Fact, ServiceRule, judge
from notices.kinds import GRADES, Kind, Verdict

T0 = datetime(2026, 5, 3, 12, tzinfo=UTC)
MAIL, INAPP = Attempt(1, "email"), Attempt(2, "inapp")
RULE = ServiceRule(grade=2)
DEEMED = ServiceRule(grade=2, deemed_channels=2, deemed_days=7)


def at(days: float) -> datetime:
    return T0 + timedelta(days=days)


def test_every_kind_of_evidence_has_the_grade_of_the_table():
    table = {
        1: {"submitted", "posted"},
        2: {"relayed"},
        3: {"delivered", "auto_replied"},
        4: {"complained", "displayed", "answered", "signed_for"},
        5: {"shown"},
        6: {"acknowledged", "replied"},
    }
    assert {grade: {k for k, g in GRADES.items() if g == grade} for grade in table} == table


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        ([], Verdict.NOT_PROVEN),
        (["submitted"], Verdict.NOT_PROVEN),
        (["relayed"], Verdict.NOT_PROVEN),
        (["delivered"], Verdict.PROBABLE),
        (["complained"], Verdict.PROBABLE),
        (["shown"], Verdict.PROVEN),
        (["acknowledged"], Verdict.PROVEN),
        (["refused"], Verdict.DISPROVEN),
        (["submitted", "bounced"], Verdict.DISPROVEN),
        (["delivered", "bounced"], Verdict.DISPROVEN),
        (["acknowledged", "bounced"], Verdict.PROVEN),
        (["lost"], Verdict.NOT_PROVEN),
        (["deferred", "expired"], Verdict.DISPROVEN),
    ],
)
def test_the_verdict_on_one_attempt(kinds, verdict):
    facts = [Fact(kind, at(i), 1) for i, kind in enumerate(kinds)]
    assert judge(facts, [MAIL], RULE, now=at(9)).verdict == verdict


def test_opens_and_clicks_are_worth_nothing():
    facts = [Fact("submitted", T0, 1), Fact("opened", at(1), 1), Fact("clicked", at(1), 1)]
    assert judge(facts, [MAIL], RULE, now=at(2)).grade == 1


def test_what_a_provider_says_in_test_mode_is_worth_nothing():
    assert judge([Fact("delivered", T0, 1, test=True)], [MAIL], RULE, now=at(1)).grade == 0


def test_a_bounce_of_one_address_leaves_the_other_standing():
    facts = [Fact("relayed", T0, 1), Fact("bounced", at(3), 1), Fact("posted", T0, 2)]
    standing = judge(facts, [MAIL, INAPP], RULE, now=at(4))
    assert (standing.grade, standing.verdict, standing.served_at) == (1, Verdict.NOT_PROVEN, None)


def test_served_when_the_rule_is_first_satisfied():
    facts = [Fact("delivered", at(2), 1), Fact("submitted", T0, 1), Fact("relayed", at(1), 1)]
    assert judge(facts, [MAIL], RULE, now=at(9)).served_at == at(1)


def test_a_late_bounce_stops_the_clock():
    facts = [Fact("delivered", at(0), 1), Fact("bounced", at(3), 1)]
    assert judge(facts, [MAIL], RULE, now=at(9)).served_at is None


def test_deemed_service_needs_its_days_and_its_channels_and_is_labelled():
    facts = [Fact("submitted", T0, 1), Fact("posted", at(1), 2)]
    before, after = (judge(facts, [MAIL, INAPP], DEEMED, now=at(days)) for days in (7.9, 8))
    assert (before.served_at, before.deemed, before.deemed_due_at) == (None, False, at(8))
    assert (after.served_at, after.deemed, after.deemed_due_at) == (at(8), True, None)
    assert judge(facts[:1], [MAIL, INAPP], DEEMED, now=at(99)).served_at is None


def test_a_bounce_ends_deemed_service():
    facts = [Fact("submitted", T0, 1), Fact("posted", T0, 2), Fact("bounced", at(9), 1)]
    assert judge(facts, [MAIL, INAPP], DEEMED, now=at(30)).served_at is None


def test_without_any_address_it_is_not_proven_that_anything_could_arrive():
    standing = judge([], [], RULE, now=T0)
    assert (standing.verdict, standing.weakest_link) == (
        Verdict.DISPROVEN,
        "There was no address to send it to.",
    )


facts = st.builds(
    Fact,
    kind=st.sampled_from([kind.value for kind in Kind]),
    at=st.integers(0, 20).map(at),
    delivery=st.sampled_from([1, 2, None]),
    test=st.booleans(),
)


@given(st.lists(facts, max_size=12), st.randoms(use_true_random=False), st.integers(0, 40))
def test_order_and_repetition_of_facts_change_nothing(known, random, days):
    shuffled = known + [random.choice(known) for _ in known]
    random.shuffle(shuffled)
    first, second = (judge(f, [MAIL, INAPP], DEEMED, now=at(days)) for f in (known, shuffled))
    assert first == second


@given(
    st.lists(facts, max_size=12),
    facts.filter(lambda f: f.kind not in {"bounced", "refused", "suppressed", "expired"}),
    st.integers(0, 40),
)
def test_no_fact_but_a_failure_ever_weakens_the_standing(known, more, days):
    before, after = (judge(f, [MAIL, INAPP], RULE, now=at(days)) for f in (known, [*known, more]))
    assert after.grade >= before.grade
    assert before.served_at is None or after.served_at <= before.served_at


@given(st.lists(facts, max_size=12), st.integers(0, 40))
def test_a_person_s_own_act_is_never_taken_back_by_a_bounce(known, days):
    acted = any(GRADES.get(f.kind, 0) >= 4 and not f.test for f in known)
    bounces = [Fact("bounced", at(1), delivery) for delivery in (1, 2)]
    assert (judge([*known, *bounces], [MAIL, INAPP], RULE, now=at(days)).grade >= 4) is acted


def test_a_source_that_can_be_imitated_counts_for_little():
    """A forged "complained" or "delivered" serves nobody at grade 3, and a forged bounce alone disproves nothing."""
    loud = judge([Fact(Kind.COMPLAINED, T0, 1, weak=True)], [MAIL], RULE, now=at(1))
    bounce = judge([Fact(Kind.BOUNCED, T0, 1, weak=True)], [MAIL], RULE, now=at(1))

    assert (loud.grade, bounce.verdict) == (2, "not_proven")


@pytest.mark.parametrize("kind", ["suppressed", "expired", "refused"])
def test_what_the_provider_took_and_then_did_not_send_is_not_sent(kind):
    withheld = [Fact(Kind.SUBMITTED, T0, 1), Fact(kind, at(0.1), 1)]

    assert judge(withheld, [MAIL], ServiceRule(1), now=at(1)).verdict == "disproven"
    # What the recipient's own server said outweighs it.
    assert judge([*withheld, Fact(Kind.RELAYED, at(0.2), 1)], [MAIL], RULE, now=at(1)).served_at == at(0.2)
