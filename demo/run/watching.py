"""Watch the deliveries settle: bars for what was sent and what came back, until nothing more is to come."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from django.db import connection

from demo.world.journal import read

PATIENCE_SECONDS = 150


def watch_until_settled(bars: Any, *, since: float, journal: Path, maildir: Path) -> float:
    """Return once every delivery is settled and every report was taken in.

    Args:
        bars: a rich Progress.
        since: `time.monotonic()` when sending began.

    Returns:
        Seconds from `since` until every delivery had been tried once.
    """
    total = _counts()["all"]
    sent = bars.add_task("deliveries tried", total=total, note="")
    settled = bars.add_task("deliveries settled", total=total, note="")
    reports = bars.add_task("delivery reports read", total=None, note="")
    first_seconds = None
    end = time.monotonic() + PATIENCE_SECONDS
    quiet_since = None
    while time.monotonic() < end:
        c = _counts()
        bars.update(sent, completed=c["tried"], total=c["all"])
        bars.update(
            settled,
            completed=c["settled"],
            total=c["all"],
            note=f"{c['unknown']} unknown, {c['waiting']} deferred",
        )
        bars.update(reports, completed=c["reports"], note=f"{c['unclassified']} for a person to read")
        if first_seconds is None and c["tried"] >= total:
            first_seconds = time.monotonic() - since
        busy = c["settled"] < c["all"] or c["doubtful"] or _waiting(maildir) or _pending(journal)
        quiet_since = None if busy else quiet_since or time.monotonic()
        if quiet_since and time.monotonic() - quiet_since > 2:
            break
        time.sleep(0.5)
    bars.update(reports, total=_counts()["reports"])
    return first_seconds or time.monotonic() - since


def _counts() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), count(*) FILTER (WHERE tries > 0 AND state <> 'calling'),
                   count(*) FILTER (WHERE state IN ('accepted', 'refused', 'unknown')),
                   count(*) FILTER (WHERE state = 'unknown'),
                   count(*) FILTER (WHERE state = 'queued' AND tries > 0),
                   count(*) FILTER (WHERE state = 'unknown' AND retry_of_id IS NULL
                       AND NOT EXISTS (SELECT 1 FROM notices_delivery r WHERE r.retry_of_id = d.id))
            FROM notices_delivery d
            """
        )
        every, tried, settled, unknown, waiting, doubtful = cursor.fetchone()
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE outcome <> 'recorded') FROM notices_inboundmessage"
        )
        reports, unclassified = cursor.fetchone()
    return {
        "all": every,
        "tried": tried,
        "settled": settled,
        "unknown": unknown,
        "waiting": waiting,
        "doubtful": doubtful,
        "reports": reports,
        "unclassified": unclassified,
    }


def _waiting(maildir: Path) -> bool:
    with os.scandir(maildir / "new") as entries:
        return next(entries, None) is not None


def _pending(journal: Path) -> bool:
    """Whether the world still has reports to send, from its journal."""
    pending = 0
    for line in read(journal):
        if line["event"] == "message" and line["received"]:
            pending += len(line["reports"])
        elif line["event"] == "report":
            pending -= 1
    return pending > 0
