"""Dates and times with their offset (RFC 3339)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

CLOCK_SKEW = timedelta(days=1)  # a report from further in the future has a wrong date
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # before it lie only the default values of other systems

# RFC 3339, 5.6; that the date exists is for `fromisoformat` to say.
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_NAIVE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9:.]*)?")


def instant(text: str) -> datetime:
    """An RFC 3339 date and time, in UTC. Raises: ValueError, whose message is a clause or empty."""
    text = text.strip()
    match = _INSTANT.fullmatch(text)
    if match is None:
        if _NAIVE.fullmatch(text):
            raise ValueError("it has no offset from UTC" if ":" in text else "it has no time")
        raise ValueError
    leap = match[1] == "60"
    if leap:  # the last second of a day, by UTC, that had one more
        text = f"{text[:17]}59{text[19:]}"
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("there is no such date or time") from error
    if leap:
        if (moment.hour, moment.minute) != (23, 59):
            raise ValueError("there is no such date or time")
        moment += timedelta(seconds=1)
    return moment
