"""Which notices count as served only as long as no bounce was swallowed by a gap that is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from notices.grading import moment
from notices.queries import standings


@dataclass(frozen=True, slots=True)
class Hold:
    """One notice in doubt.

    Attributes:
        streams: whose reports are missing, with since when (aware), oldest first.
        served_at: when it would count as served if its deliveries by these streams had bounced; None: not at all.
    """

    streams: tuple[tuple[str, datetime], ...]
    served_at: datetime | None

    def __str__(self) -> str:
        told = " and ".join(
            f"The reports of {stream} have been missing since {moment(since)}"
            for stream, since in self.streams
        )
        return f"{told}; a bounce may not have reached us."


def holds(notice_ids: Sequence[int], *, now: datetime) -> dict[int, Hold]:
    """Those of these notices whose service could be taken back, or come later, by a bounce that a gap swallowed.

    What a person did (grade 4 and more) is not taken back by any bounce, nor is what another stream reported.
    One query while no gap is open or touches them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT d.notice_id, g.began_at, g.stream
            FROM notices_streamgap g JOIN notices_delivery d ON d.provider = g.stream
            WHERE g.ended_at IS NULL AND d.notice_id = ANY(%s) ORDER BY g.began_at, g.stream
            """,
            [list(notice_ids)],
        )
        touched: dict[int, list[tuple[str, datetime]]] = {}
        for notice_id, began_at, stream in cursor.fetchall():
            touched.setdefault(notice_id, []).append((stream, began_at))
    if not touched:
        return {}
    ids = sorted(touched)
    as_known, in_doubt = standings(ids, now=now), standings(ids, now=now, doubting=True)
    return {
        pk: Hold(tuple(touched[pk]), in_doubt[pk].served_at)
        for pk in ids
        if in_doubt[pk].served_at != as_known[pk].served_at
    }
