"""How long to leave others alone who failed us: a minute, then twice as long each time, up to six hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=6)


def next_try(failures: Sequence[datetime]) -> datetime | None:
    """When to try again after failures at these times, newest first; None where there were none: at once."""
    if not failures:
        return None
    waits = 1 << min(len(failures) - 1, 16)
    return failures[0] + min(LONGEST, FIRST * waits)
