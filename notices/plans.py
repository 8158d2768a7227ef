"""Which address comes next: the pure rules of a notice's plan.

A chain is a row of places, one address each. A place is tried at most once, for one of two causes:

- the attempt at the place right before it failed for good: at once;
- the place waits so and so many hours, and so long after the latest attempt before it left, the notice is not served.

Where silence passes over a place that does not wait, that place is still there for a failure: a second address of a
person may be worth trying once the first has sent the notice back, however late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt at one place of a chain.

    Attributes:
        left: when it left: since when the carrier has it, or, where that never became known, when it was queued. Aware.
        failed: how it failed for good, as a clause ("was refused"), or "".
    """

    id: int
    position: int
    left: datetime
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """A place to try now, and why, as a clause for people."""

    position: int
    reason: str


Plan = Sequence[
    Sequence[Any]
]  # the places of a chain after its first: [channel, address, ref] or [..., hours to wait]


def waits(plan: Plan) -> list[float | None]:
    """The hours of each place of a chain; None for the first, and where a place waits for a failure only."""
    return [None, *(entry[3] if len(entry) > 3 else None for entry in plan)]


def next_wait(plan: Plan, position: int = 0) -> float | None:
    """The hours until silence after an attempt at `position` leads on; None: it never does."""
    hours = waits(plan)
    waiting = _waiting_after(hours, position)
    return None if waiting is None else waiting.hours


def moves(plan: Plan, tried: Iterable[Tried], *, now: datetime) -> tuple[list[Move], dict[int, datetime]]:
    """The places of one chain to try now, given that its notice is not served.

    Args:
        plan: the chain's places after its first.
        tried: every attempt of the chain, in any order; a place may have several (repeats of what was in doubt).

    Returns:
        The moves, in the order of the places, and when to look again: {attempt id: moment after `now`}.
    """
    hours_of = waits(plan)
    attempts = sorted(tried, key=lambda each: (each.position, each.id))
    latest = {each.position: each for each in attempts}
    found: dict[int, Move] = {}
    look_again: dict[int, datetime] = {}
    for attempt in attempts:
        place = attempt.position + 1
        if attempt.failed and place < len(hours_of) and place not in latest:
            found.setdefault(place, Move(place, f"because D-{attempt.id} {attempt.failed}"))
    for position, attempt in latest.items():
        waiting = _waiting_after(hours_of, position)
        if waiting is None or any(position < other <= waiting.place for other in (*latest, *found)):
            continue
        due = attempt.left + timedelta(hours=waiting.hours)
        if due <= now:
            reason = f"because {waiting.hours:g} hours after D-{attempt.id} left it was not served"
            found[waiting.place] = Move(waiting.place, reason)
        else:
            look_again[attempt.id] = due
    return [found[place] for place in sorted(found)], look_again


class _Waiting(NamedTuple):
    place: int
    hours: float


def _waiting_after(hours_of: Sequence[float | None], position: int) -> _Waiting | None:
    """The next place of the chain that waits, and for how long."""
    for place in range(position + 1, len(hours_of)):
        hours = hours_of[place]
        if hours is not None:
            return _Waiting(place, hours)
    return None
