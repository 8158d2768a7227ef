"""verify.py grades by a copy of notices/grading.py, since it must run alone. The two say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from notices import grading, kinds
from notices.proof import verify

START = datetime(2026, 5, 3, 12, tzinfo=UTC)
DELIVERIES = [1, 2, 3]

moments = st.integers(0, 15 * 24).map(lambda hours: START + timedelta(hours=hours))
facts = st.lists(
    st.builds(
        grading.Fact,
        kind=st.sampled_from([str(kind) for kind in kinds.Kind]),
        at=moments,
        delivery=st.sampled_from([None, *DELIVERIES]),
        test=st.booleans().filter(bool) | st.just(False) | st.just(False),
        weak=st.booleans(),
    ),
    max_size=7,
)
attempts = st.lists(
    st.builds(
        grading.Attempt,
        id=st.sampled_from(DELIVERIES),
        channel=st.sampled_from(["email", "inapp", "sms"]),
        blind_from=st.none() | moments,
    ),
    max_size=3,
    unique_by=lambda attempt: attempt.id,
)
rules = st.builds(
    grading.ServiceRule,
    grade=st.integers(1, 6),
    deemed_channels=st.none()
    | st.integers(1, 3)
    | st.sets(st.sampled_from(["email", "inapp", "sms"]), min_size=1).map(lambda names: tuple(sorted(names))),
    deemed_days=st.none() | st.integers(1, 10),
)


@given(facts, attempts, rules, moments)
@example(
    [grading.Fact("submitted", START, 1), grading.Fact("posted", START, 2)],
    [grading.Attempt(1, "email", START), grading.Attempt(2, "inapp")],
    grading.ServiceRule(6, 2, 7),
    START + timedelta(days=8),
)
def test_both_gradings_say_the_same(facts, attempts, rule, now):
    ours = grading.judge(facts, attempts, rule, now=now)
    copy = verify.judge(
        [verify.Fact(f.kind, f.at, f.delivery, f.test, f.weak) for f in facts],
        [verify.Attempt(a.id, a.channel, a.blind_from) for a in attempts],
        verify.Rule(rule.grade, rule.deemed_channels or 0, rule.deemed_days or 0),
        now,
    )
    assert vars(copy) == {name: getattr(ours, name) for name in vars(copy)}


def test_both_know_the_same_words():
    assert verify.GRADING_VERSION == grading.VERSION
    assert {str(kind): grade for kind, grade in kinds.GRADES.items()} == verify.GRADES
    assert {str(kind): str(kind.label) for kind in kinds.Kind} == verify.KINDS
    assert {str(verdict): str(verdict.label) for verdict in kinds.Verdict} == verify.VERDICTS
    assert kinds.WEAK_SOURCES == verify.WEAK_SOURCES


@given(rules)
def test_both_put_a_rule_into_the_same_words(rule):
    if bool(rule.deemed_channels) == bool(rule.deemed_days):
        assert str(verify.Rule(rule.grade, rule.deemed_channels or 0, rule.deemed_days or 0)) == str(rule)
