"""Deemed service by channels that a rule names: all of them must have kept the notice for so many days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notices.grading import Attempt, Fact, ServiceRule, judge

AT = datetime(2026, 5, 4, 10, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = AT + 60 * DAY
MAIL, POST = Attempt(1, "email"), Attempt(2, "post")


def rule(*channels: str, days: int = 3) -> ServiceRule:
    return ServiceRule.from_json({"grade": 4, "deemed": {"channels": list(channels), "days": days}})


def test_one_named_channel_is_enough_and_counts_from_when_it_took_the_notice():
    found = judge(
        [Fact("submitted", AT, 2), Fact("noted", AT - DAY, 2)], [MAIL, POST], rule("post"), now=LATER
    )
    assert (found.served_at, found.deemed) == (AT + 3 * DAY, True)


def test_another_channel_does_not_stand_in_for_it():
    found = judge([Fact("relayed", AT, 1)], [MAIL, POST], rule("post"), now=LATER)
    assert (found.served_at, found.deemed_due_at) == (None, None)


def test_all_of_those_named_must_have_it_and_the_last_decides():
    facts = [Fact("relayed", AT, 1), Fact("submitted", AT + 5 * DAY, 2)]
    assert judge(facts[:1], [MAIL, POST], rule("email", "post"), now=LATER).served_at is None
    assert judge(facts, [MAIL, POST], rule("email", "post"), now=LATER).served_at == AT + 8 * DAY


def test_what_came_back_serves_nothing():
    facts = [Fact("submitted", AT, 2), Fact("bounced", AT + 20 * DAY, 2)]
    assert judge(facts, [POST], rule("post"), now=LATER).served_at is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (rule("post"), "deemed after 3 days without a bounce on post"),
        (rule("email", "post"), "deemed after 3 days without a bounce on email and post"),
        (ServiceRule(2, 2, 7), "deemed after 7 days without a bounce on 2 channels"),
    ],
)
def test_the_rule_in_words(given: ServiceRule, told: str) -> None:
    assert told in str(given)
