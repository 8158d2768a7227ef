"""Clocks that have run out on data that may be missing: which steps nothing may follow yet, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cases.deadlines import has_passed, response_deadline
from cases.models import Step
from notices.silence.holding import holds


def held_back(notice_ids: Sequence[int], *, now: datetime) -> dict[int, str]:
    """Of the steps with these notices, those whose clock must not be acted upon now, each with the reason in words.

    A clock is held while the reports of a stream are missing, unless the time to answer would have passed also if
    the notice's deliveries by that stream had bounced. By notice id; two queries and a grading where there is a gap.
    """
    found = holds(notice_ids, now=now)
    if not found:
        return {}
    steps = Step.objects.filter(notice__in=list(found)).values_list(
        "notice_id", "rung__window_days", "case__account__timezone"
    )
    return {
        notice_id: str(found[notice_id])
        for notice_id, days, zone in steps
        if not _passed_anyhow(found[notice_id].served_at, days, zone, now)
    }


def _passed_anyhow(served_at: datetime | None, days: int | None, zone: str, now: datetime) -> bool:
    if served_at is None or days is None:
        return False
    return has_passed(response_deadline(served_at, days, zone), now=now)
