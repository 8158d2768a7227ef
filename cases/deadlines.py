"""Date arithmetic of response windows. Pure: `now` is an argument, every datetime is aware, answers are in UTC.

A window is counted in days of the account's own time zone. The day of service does not count, and the last day
belongs to the account holder whole: the deadline is the first instant after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

MAX_WINDOW_DAYS = 365

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_INSTANT = timedelta(microseconds=1)


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """The IANA names that an account's zone may have.

    Raises:
        RuntimeError: this machine has no time zone data.
    """
    # `localtime` is this machine's own zone and `Factory` is none: neither is a place.
    zones = frozenset(available_timezones() - {"localtime", "Factory", "posixrules"})
    if not zones:
        raise RuntimeError("This machine has no time zone data. Install the Python package tzdata.")
    return zones


@lru_cache(maxsize=1024)
def zone_info(zone: str) -> ZoneInfo:
    """The zone of an IANA name, in its exact case.

    Raises:
        ValueError: there is no such zone.
    """
    if zone not in known_zones():
        raise ValueError(f'"{zone}" is not a time zone. Give an IANA name such as Europe/Berlin.')
    return ZoneInfo(zone)


def response_deadline(served_at: datetime, window_days: int, zone: str) -> datetime:
    """The first instant after the response window, in UTC.

    The window is whole days in `zone`: those that follow the day on which the notice was served. It never ends
    sooner than `window_days` times 24 hours, less one hour, after service. One hour is what the clocks take when
    they go forward; where a zone takes more (a day skipped at the date line, a jump of two hours), the window is a
    day longer instead.

    Args:
        served_at: aware.
        window_days: 1 to 365.
        zone: IANA name.
    Raises:
        ValueError: a naive time, no such zone, or a window out of range.
    """
    served_at = _utc(served_at)
    tz = zone_info(zone)
    if not 1 <= window_days <= MAX_WINDOW_DAYS:
        raise ValueError(f"A response window is 1 to {MAX_WINDOW_DAYS} days, not {window_days}.")
    soonest = served_at + window_days * _DAY - _HOUR
    last_day = served_at.astimezone(tz).date() + window_days * _DAY
    while (deadline := _end_of(last_day, tz)) < soonest:
        last_day += _DAY
    return deadline


def _end_of(day: date, tz: ZoneInfo) -> datetime:
    """The first instant (UTC) after which the local date is later than `day` for good."""
    midnight = datetime.combine(day + _DAY, time(), tz)
    first = midnight.astimezone(UTC)
    second = midnight.replace(fold=1).astimezone(UTC)
    # Clocks that go back just after midnight strike it twice, and `day` returns in between (St John's until 2011).
    # Where the clock jumps over midnight, `first` is the moment of the jump.
    if second > first and (second - _INSTANT).astimezone(tz).date() <= day:
        return second
    return first


def has_passed(deadline: datetime, *, now: datetime) -> bool:
    """Whether the window is over: the deadline itself is outside it."""
    return _utc(now) >= _utc(deadline)


def time_left(deadline: datetime, *, now: datetime) -> timedelta:
    """Elapsed time until the deadline, negative once it has passed."""
    # Python subtracts two times of one zone by the clock on the wall; only in UTC is it time that elapses.
    return _utc(deadline) - _utc(now)


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment} has no time zone. Give an aware datetime.")
    return moment.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class DeadlineParts:
    """What there is to say of a deadline, before any language.

    Attributes:
        passed: whether it is over.
        amount, unit: how far off, rounded down: whole "day"s, else "hour"s, else "minute"s (which may be 0).
        day: the last day of the window, or the local day of a deadline that is not at the end of a day.
        at: None if the deadline is the end of `day`, else its local time.
        zone: IANA name.
    """

    passed: bool
    amount: int
    unit: str
    day: date
    at: time | None
    zone: str


def deadline_parts(deadline: datetime, zone: str, *, now: datetime) -> DeadlineParts:
    """Take a deadline apart for `describe_deadline`, or for a page that words it itself.

    Raises:
        ValueError: a naive time, or no such zone.
    """
    tz = zone_info(zone)
    left = time_left(deadline, now=now)
    passed = left <= timedelta(0)
    far = abs(left)
    unit, size = next(((u, s) for u, s in (("day", _DAY), ("hour", _HOUR)) if far >= s), ("minute", _MINUTE))
    last = (_utc(deadline) - _INSTANT).astimezone(tz).date()
    local = _utc(deadline).astimezone(tz)
    ends_day = _end_of(last, tz) == _utc(deadline)
    return DeadlineParts(
        passed=passed,
        amount=far // size,
        unit=unit,
        day=last if ends_day else local.date(),
        at=None if ends_day else local.time().replace(tzinfo=None),
        zone=zone,
    )


# One entry per language: the sentence is chosen by key, so that no language has to follow English word order.
# (unit, whether one) -> how long; then the sentences.
_ENGLISH: Mapping[str, str] = {
    "day": "{n} days",
    "day.one": "1 day",
    "hour": "{n} hours",
    "hour.one": "1 hour",
    "minute": "{n} minutes",
    "minute.one": "1 minute",
    "minute.zero": "less than a minute",
    "left": "{span} left, until {end}, {zone} time",
    "passed": "passed {span} ago, at {end}, {zone} time",
    "end": "the end of {date}",
    "at": "{time} on {date}",
    "date": "{day} {month} {year}",
    "months": "January February March April May June July August September October November December",
}
_PHRASES: Mapping[str, Mapping[str, str]] = {"en": _ENGLISH}


def describe_deadline(deadline: datetime, zone: str, *, now: datetime, language: str = "en") -> str:
    """A deadline in words, such as "14 days left, until the end of 17 December 2026, Europe/Berlin time".

    Args:
        zone: the account's own, IANA name.
        language: one that has phrases here; so far "en".
    Raises:
        ValueError: a naive time, or no such zone.
        KeyError: no phrases in that language.
    """
    say = _PHRASES[language]
    parts = deadline_parts(deadline, zone, now=now)
    plural = {0: ".zero", 1: ".one"}.get(parts.amount, "")
    span = say[parts.unit + plural].format(n=parts.amount)
    month = say["months"].split()[parts.day.month - 1]
    words = say["date"].format(day=parts.day.day, month=month, year=parts.day.year)
    end = say["end" if parts.at is None else "at"].format(date=words, time=f"{parts.at or time():%H:%M}")
    return say["passed" if parts.passed else "left"].format(span=span, end=end, zone=parts.zone)
