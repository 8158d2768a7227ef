"""When a stream of reports counts as interrupted. Pure: no clock, no database.

The rule: of the newest deliveries that are an hour old (those of one hour, and at least 50), the share without a
report is larger than usual by 25 in a hundred or more. Usual is the median over runs of earlier deliveries spread
over the last month, so that neither a slow domain nor an earlier interruption, seen or unseen, shifts it. A stream
that never reported at all is interrupted once 50 reports are overdue. Small counts say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from notices.silence.streams import AT_LEAST, Seen

MARGIN = 0.25
FEW = 10  # deliveries that show that reports come again


@dataclass(frozen=True, slots=True)
class Interruption:
    """A stream that is cut.

    Attributes:
        began_at: the first delivery known to be without a report because of it.
        looked_at, missing: how many of how many newest deliveries have none.
        usual: the share that is missing in ordinary times, 0 to 1.
        not_before: reports still came for deliveries of this moment; None where `began_at` is exact.
    """

    began_at: datetime
    looked_at: int
    missing: int
    usual: float
    not_before: datetime | None = None


def share_missing(seen: Sequence[Seen]) -> float:
    """The share without a report, 0 to 1; 0 of nothing."""
    return sum(not each.reported for each in seen) / len(seen) if seen else 0.0


def usual_share(earlier: Sequence[Sequence[Seen]]) -> float | None:
    """The share that is usually missing; None where too little came before to say."""
    if sum(map(len, earlier)) < AT_LEAST or all(not each.reported for bucket in earlier for each in bucket):
        return None
    # Runs cut short (at a gap's edge, or at the end) would weigh as much as whole ones.
    whole = [bucket for bucket in earlier if len(bucket) >= AT_LEAST // 2]
    return median(map(share_missing, whole or [[each for bucket in earlier for each in bucket]]))


def interruption(window: Sequence[Seen], earlier: Sequence[Sequence[Seen]]) -> Interruption | None:
    """Whether the stream is interrupted, and since when; None where it is not, or too few deliveries could say it.

    Args:
        window: the newest deliveries, oldest first.
        earlier: runs of deliveries before these, oldest first.
    """
    usual = usual_share(earlier)
    if usual is None or not is_unusual(window, usual):
        return None
    began_at, not_before = _began(window, earlier, usual)
    return Interruption(began_at, len(window), sum(not each.reported for each in window), usual, not_before)


def is_unusual(window: Sequence[Seen], usual: float) -> bool:
    """Whether so many reports are missing that the stream must be thought cut."""
    return len(window) >= AT_LEAST and share_missing(window) >= usual + MARGIN


def flows(window: Sequence[Seen], usual: float) -> bool:
    """Whether reports come again: of the newest fifth (at least 10), no more than usual and half the margin miss."""
    newest = window[-max(FEW, len(window) // 5) :]
    return len(newest) >= FEW and share_missing(newest) <= usual + MARGIN / 2


def never_reported(
    window: Sequence[Seen], earlier: Sequence[Sequence[Seen]], *, overdue_before: datetime
) -> bool:
    """Whether none of the deliveries looked at has a report, and enough of them are long overdue."""
    seen = [*(each for bucket in earlier for each in bucket), *window]
    overdue = sum(each.at <= overdue_before for each in seen)
    return overdue >= AT_LEAST and not any(each.reported for each in seen)


def change_point(seen: Sequence[Seen], usual: float) -> datetime | None:
    """From which delivery on reports are missing: where the excess of missing ones, summed from the end, peaks.

    None where none is missing in excess.
    """
    bar = usual + MARGIN / 2
    excess, most, began = 0.0, 0.0, None
    for each in reversed(seen):
        excess += (0.0 if each.reported else 1.0) - bar
        if excess >= most and not each.reported:
            most, began = excess, each.at
    return began


def _began(
    window: Sequence[Seen], earlier: Sequence[Sequence[Seen]], usual: float
) -> tuple[datetime, datetime | None]:
    """The first delivery known to be in the interruption; and, where it may have begun before that, since when.

    Where the whole window is silent, the runs before are looked at as well, for as long as they are unusual.
    """
    began = change_point(window, usual) or window[0].at
    first = next(each.at for each in window if not each.reported)
    if began != first:
        return began, None
    last_usual = None
    for run in reversed(earlier):
        if share_missing(run) < usual + MARGIN:
            last_usual = run[0].at
            break
        began = min(began, next(each.at for each in run if not each.reported))
    return began, last_usual
