from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cases.deadlines import (
    deadline_parts,
    describe_deadline,
    has_passed,
    known_zones,
    response_deadline,
    time_left,
    zone_info,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("served_at", "days", "zone", "expected"),
    [
        # An ordinary fortnight: the 3rd does not count, the 17th belongs to the account holder whole.
        ("2026-12-03T09:00", 14, "Europe/Berlin", "2026-12-17T23:00"),
        ("2026-12-03T09:00", 14, "UTC", "2026-12-18T00:00"),
        # Served on the 3rd by UTC, but on the 4th in Tokyo, and still on the 2nd in Honolulu.
        ("2026-12-03T16:00", 7, "Asia/Tokyo", "2026-12-11T15:00"),
        ("2026-12-03T08:00", 7, "Pacific/Honolulu", "2026-12-10T10:00"),
        # In the last and in the first second of a local day.
        ("2026-12-03T22:59:59", 1, "Europe/Berlin", "2026-12-04T23:00"),
        ("2026-12-03T23:00:00", 1, "Europe/Berlin", "2026-12-05T23:00"),
        # Clocks go forward and back within the window.
        ("2026-03-20T12:00", 14, "Europe/Berlin", "2026-04-03T22:00"),
        ("2026-10-20T12:00", 14, "Europe/Berlin", "2026-11-03T23:00"),
        # Half and quarter hours.
        ("2026-05-01T12:00", 7, "Asia/Kolkata", "2026-05-08T18:30"),
        ("2026-05-01T12:00", 7, "Asia/Kathmandu", "2026-05-08T18:15"),
        # The midnight that ends the last day does not exist: the clocks jump from it to 01:00.
        ("2018-10-30T15:00", 4, "America/Sao_Paulo", "2018-11-04T03:00"),
        ("2026-04-20T12:00", 3, "Africa/Cairo", "2026-04-23T22:00"),
        ("2026-03-25T12:00", 3, "Asia/Beirut", "2026-03-28T22:00"),
        # The last hour of the last day is lived twice.
        ("2018-02-10T15:00", 7, "America/Sao_Paulo", "2018-02-18T03:00"),
        # Midnight strikes twice, and the last day is over at the first stroke (the clocks go back from 01:00) ...
        ("2026-10-24T12:00", 7, "America/Havana", "2026-11-01T04:00"),
        # ... or only at the second (they went back from 00:01).
        ("2010-11-01T12:00", 5, "America/St_Johns", "2010-11-07T03:30"),
    ],
)
def test_the_window_is_whole_days_of_the_account(served_at: str, days: int, zone: str, expected: str) -> None:
    assert response_deadline(utc(served_at), days, zone) == utc(expected)


def test_a_day_skipped_at_the_date_line_is_made_up_for() -> None:
    """Samoa went from 29 to 31 December 2011: a window that would have ended with the 30th ends with the 31st."""
    served_at = utc("2011-12-29T20:00")  # 10:00 on the 29th

    deadline = response_deadline(served_at, 1, "Pacific/Apia")

    assert deadline.astimezone(ZoneInfo("Pacific/Apia")).isoformat() == "2012-01-01T00:00:00+14:00"


def test_a_jump_of_two_hours_is_made_up_for() -> None:
    served_at = utc("2026-03-28T23:30")  # 23:30 at Troll, which goes from UTC to UTC+2 that night

    assert response_deadline(served_at, 1, "Antarctica/Troll") == utc("2026-03-30T22:00")


def test_the_answer_is_in_utc_whatever_zone_the_service_is_told_in() -> None:
    served_at = datetime(2026, 12, 3, 10, tzinfo=ZoneInfo("Europe/Berlin"))

    deadline = response_deadline(served_at, 14, "Europe/Berlin")

    assert deadline == utc("2026-12-17T23:00")
    assert deadline.tzinfo is UTC


@pytest.mark.parametrize(
    "zone", ["", "Berlin", "europe/berlin", "localtime", "../etc/passwd", "America", "+02:00"]
)
def test_an_unknown_zone_is_an_error(zone: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        response_deadline(utc("2026-12-03T09:00"), 14, zone)


@pytest.mark.parametrize("days", [-1, 0, 366])
def test_a_window_out_of_range_is_an_error(days: int) -> None:
    with pytest.raises(ValueError, match="1 to 365 days"):
        response_deadline(utc("2026-12-03T09:00"), days, "UTC")


def test_naive_times_are_errors() -> None:
    aware = utc("2026-12-03T09:00")
    naive = aware.replace(tzinfo=None)

    with pytest.raises(ValueError, match="no time zone"):
        response_deadline(naive, 14, "UTC")
    with pytest.raises(ValueError, match="no time zone"):
        has_passed(aware, now=naive)


zones = st.sampled_from(sorted(known_zones()))
# Hypothesis wants bounds without a zone.
first, last = (utc(day).replace(tzinfo=None) for day in ("2000-01-01", "2037-12-31"))
moments = st.datetimes(first, last, timezones=st.just(UTC))


@given(moments, st.integers(1, 365), zones)
@example(utc("2011-12-30T09:59:59"), 1, "Pacific/Apia")
@example(utc("2011-12-28T10:00"), 2, "Pacific/Fakaofo")
@example(utc("2016-10-21T15:59:59"), 1, "Antarctica/Casey")
@example(utc("2010-04-04T08:59:59"), 1, "America/Bahia_Banderas")
@example(utc("2014-03-29T21:59:59"), 1, "Europe/Simferopol")
def test_a_deadline_is_the_end_of_a_local_day_and_never_early(
    served_at: datetime, days: int, zone: str
) -> None:
    deadline = response_deadline(served_at, days, zone)

    assert deadline >= served_at + days * DAY - HOUR  # as the database demands
    assert deadline <= served_at + (days + 2) * DAY + 3 * HOUR
    tz = ZoneInfo(zone)
    before, after = (deadline - timedelta(microseconds=1)).astimezone(tz), deadline.astimezone(tz)
    assert before.date() < after.date()
    assert (
        before.date() >= served_at.astimezone(tz).date() + (days - 1) * DAY
    )  # one less where a day is skipped
    # The last day does not come back, whatever the clocks do in the hours after.
    assert all((deadline + n * HOUR / 2).astimezone(tz).date() > before.date() for n in range(12))


@given(moments, moments, st.integers(1, 365), zones)
def test_later_service_never_ends_sooner(one: datetime, other: datetime, days: int, zone: str) -> None:
    earlier, later = sorted([one, other])

    assert response_deadline(earlier, days, zone) <= response_deadline(later, days, zone)


def test_the_deadline_itself_is_too_late() -> None:
    deadline = utc("2026-12-17T23:00")

    assert not has_passed(deadline, now=deadline - timedelta(microseconds=1))
    assert has_passed(deadline, now=deadline)
    assert has_passed(deadline.astimezone(timezone(9 * HOUR)), now=deadline)


def test_time_left_is_elapsed_time_also_where_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    now, deadline = datetime(2026, 10, 24, 12, tzinfo=berlin), datetime(2026, 10, 25, 12, tzinfo=berlin)

    assert time_left(deadline, now=now) == 25 * HOUR
    assert time_left(now, now=deadline) == -25 * HOUR


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-12-03T09:00", "14 days left, until the end of 17 December 2026, Europe/Berlin time"),
        ("2026-12-16T22:00", "1 day left, until the end of 17 December 2026, Europe/Berlin time"),
        ("2026-12-17T18:00", "5 hours left, until the end of 17 December 2026, Europe/Berlin time"),
        ("2026-12-17T22:58:59", "1 minute left, until the end of 17 December 2026, Europe/Berlin time"),
        (
            "2026-12-17T22:59:59",
            "less than a minute left, until the end of 17 December 2026, Europe/Berlin time",
        ),
        (
            "2026-12-17T23:00",
            "passed less than a minute ago, at the end of 17 December 2026, Europe/Berlin time",
        ),
        ("2026-12-20T23:30", "passed 3 days ago, at the end of 17 December 2026, Europe/Berlin time"),
    ],
)
def test_a_deadline_in_words(now: str, expected: str) -> None:
    assert describe_deadline(utc("2026-12-17T23:00"), "Europe/Berlin", now=utc(now)) == expected


def test_a_deadline_that_does_not_end_a_local_day_names_its_hour() -> None:
    """An account may move to another zone after service; the deadline stays where it was."""
    deadline, now = utc("2026-12-17T23:00"), utc("2026-12-15T22:00")

    words = describe_deadline(deadline, "America/New_York", now=now)

    assert words == "2 days left, until 18:00 on 17 December 2026, America/New_York time"


@given(moments, moments, st.integers(1, 365), zones)
def test_every_window_is_described_as_ending_with_its_last_day(
    served_at: datetime, now: datetime, days: int, zone: str
) -> None:
    deadline = response_deadline(served_at, days, zone)

    parts = deadline_parts(deadline, zone, now=now)

    assert parts.at is None
    assert parts.day == (deadline - timedelta(microseconds=1)).astimezone(zone_info(zone)).date()
    assert parts.passed == has_passed(deadline, now=now)
    assert parts.amount >= 0
