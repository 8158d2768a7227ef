"""Looks at streams of deliveries that are to be reported on: a few index probes each, whatever their number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from notices.grading import REPORTS

# Reports are looked for once a delivery is this old, and the deliveries of this long are looked at together.
AGE = timedelta(hours=1)
WINDOW = timedelta(hours=1)
REACH = timedelta(days=30)

AT_LEAST = 50  # deliveries that make a window, or a bucket of earlier ones; fewer say nothing
SAMPLE = 2_000
BUCKETS = 20

_KINDS = sorted(kind.value for kind in REPORTS)
_REPORTED = """EXISTS (
    SELECT 1 FROM notices_evidence e
    WHERE e.notice_id = d.notice_id AND e.delivery_id = d.id AND e.kind = ANY(%(kinds)s)
)"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One delivery that was to be reported on: when it was accepted (aware), and whether it was."""

    at: datetime
    reported: bool


def names() -> list[str]:
    """The streams that were ever expected to report. One index probe each."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE stream AS (
                (SELECT provider FROM notices_delivery WHERE expects_report ORDER BY provider LIMIT 1)
                UNION ALL
                SELECT (
                    SELECT d.provider FROM notices_delivery d
                    WHERE d.expects_report AND d.provider > stream.provider ORDER BY d.provider LIMIT 1
                )
                FROM stream WHERE stream.provider IS NOT NULL
            )
            SELECT provider FROM stream WHERE provider IS NOT NULL
            """
        )
        return [name for (name,) in cursor.fetchall()]


def window(stream: str, *, now: datetime) -> list[Seen]:
    """The newest deliveries that are old enough to have been reported on, oldest first.

    Those of one hour, or, where these are too few, the last `AT_LEAST` of the last month. Of more than `SAMPLE`, a
    sample.
    """
    settled, end = _settled_until(stream), now - AGE
    hour, month = (max(filter(None, (end - span, settled))) for span in (WINDOW, REACH))
    seen = sample(stream, since=hour, until=end)
    return seen if len(seen) >= AT_LEAST else sample(stream, since=month, until=end, newest=AT_LEAST)


def _settled_until(stream: str) -> datetime | None:
    """What was accepted before this was accounted for when the last gap of the stream was closed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT max(CASE closed WHEN 'arrived' THEN resumed_at ELSE ended_at END) FROM notices_streamgap
            WHERE stream = %s AND ended_at IS NOT NULL
            """,
            [stream],
        )
        settled: datetime | None = cursor.fetchone()[0]
        return settled


def sample(stream: str, *, since: datetime, until: datetime, newest: int | None = None) -> list[Seen]:
    """The deliveries accepted after `since`, up to `until`, oldest first; of more than `SAMPLE`, so many of them.

    What was only learnt by asking does not count as reported: it does not show that the stream flows.

    Args:
        newest: no more than this many, and no sample: the last ones.
    """
    given: dict[str, Any] = {
        "stream": stream,
        "since": since,
        "until": until,
        "kinds": _KINDS,
        "newest": newest,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM notices_delivery
            WHERE expects_report AND provider = %(stream)s AND settled_at > %(since)s AND settled_at <= %(until)s
            """,
            given,
        )
        stride = max(1, cursor.fetchone()[0] // SAMPLE) if newest is None else 1
        cursor.execute(
            f"""
            SELECT d.settled_at, {_REPORTED} AND NOT EXISTS (
                SELECT 1 FROM notices_question q WHERE q.delivery_id = d.id AND q.answered_at IS NOT NULL
            )
            FROM (
                SELECT id, notice_id, settled_at FROM notices_delivery
                WHERE expects_report AND provider = %(stream)s AND settled_at > %(since)s AND settled_at <= %(until)s
                  AND (hashint8(id) & 1073741823) %% %(stride)s = 0
                ORDER BY settled_at DESC LIMIT %(newest)s
            ) d ORDER BY d.settled_at
            """,
            {**given, "stride": stride},
        )
        return [Seen(at, reported) for at, reported in cursor.fetchall()]


def earlier(stream: str, *, before: datetime) -> list[list[Seen]]:
    """What is usual: up to `BUCKETS` runs of `AT_LEAST` deliveries each, spread over the month before, oldest first.

    Deliveries of known gaps are left out. Reported means: within `AGE` by the source's own clock, the measure by
    which the window is judged.
    """
    given: dict[str, Any] = {
        "stream": stream,
        "before": before,
        "reach": before - REACH,
        "buckets": BUCKETS,
        "at_least": AT_LEAST,
        "kinds": _KINDS,
        "age": AGE,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH span AS (
                SELECT min(settled_at) AS first FROM (
                    SELECT settled_at FROM notices_delivery
                    WHERE expects_report AND provider = %(stream)s AND settled_at >= %(reach)s
                    ORDER BY settled_at LIMIT 1
                ) f
            ), picked AS (
                SELECT DISTINCT ON (d.id) d.id, d.notice_id, d.settled_at, bucket
                FROM span, generate_series(0, %(buckets)s - 1) AS bucket,
                LATERAL (
                    SELECT id, notice_id, settled_at FROM notices_delivery x
                    WHERE expects_report AND provider = %(stream)s AND settled_at < %(before)s
                      AND settled_at >= span.first + (%(before)s - span.first) * bucket / %(buckets)s
                      AND NOT EXISTS (
                          SELECT 1 FROM notices_streamgap g
                          WHERE g.stream = x.provider AND x.settled_at >= g.began_at
                            AND x.settled_at < coalesce(g.resumed_at, g.ended_at, 'infinity')
                      )
                    ORDER BY settled_at LIMIT %(at_least)s
                ) d
                ORDER BY d.id, bucket
            )
            SELECT bucket, settled_at, EXISTS (
                SELECT 1 FROM notices_evidence e
                WHERE e.notice_id = d.notice_id AND e.delivery_id = d.id AND e.kind = ANY(%(kinds)s)
                  AND e.occurred_at <= d.settled_at + %(age)s
            )
            FROM picked d ORDER BY settled_at
            """,
            given,
        )
        found: dict[int, list[Seen]] = {}
        for bucket, at, reported in cursor.fetchall():
            found.setdefault(bucket, []).append(Seen(at, reported))
    return [found[bucket] for bucket in sorted(found)]


def ever_reported(stream: str) -> bool:
    """Whether any report on any delivery of the stream ever came. Ends at the first that it finds."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT 1 FROM notices_delivery d "
            f"WHERE d.expects_report AND d.provider = %(stream)s AND {_REPORTED})",
            {"stream": stream, "kinds": _KINDS},
        )
        found: bool = cursor.fetchone()[0]
        return found


def count(stream: str, *, since: datetime, until: datetime) -> tuple[int, int]:
    """Of the deliveries accepted from `since` to `until`: how many reports were expected, how many are missing.

    A delivery whose last word was asked for before the reports flowed again counts as missing until it was asked
    about once more: what came after that answer may have been swallowed as well.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(*), count(*) FILTER (WHERE NOT {_REPORTED} OR EXISTS (
                SELECT 1 FROM notices_question q
                WHERE q.delivery_id = d.id AND q.again AND q.answered_at IS NULL
            ))
            FROM notices_delivery d
            WHERE d.expects_report AND d.provider = %(stream)s
              AND d.settled_at >= %(since)s AND d.settled_at <= %(until)s
            """,
            {"stream": stream, "since": since, "until": until, "kinds": _KINDS},
        )
        expected, missing = cursor.fetchone()
        return expected, missing
