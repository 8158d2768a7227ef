"""Questions about notices. Nothing here writes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from django.db import connection

from notices.grading import Attempt, Fact, ServiceRule, Standing, judge
from notices.kinds import WEAK_SOURCES


@lru_cache(maxsize=256)
def _rule(text: str) -> ServiceRule:
    return ServiceRule.from_json(json.loads(text))


def standings(
    notice_ids: Sequence[int], *, now: datetime, known_at: datetime | None = None
) -> dict[int, Standing]:
    """What the evidence amounts to, worked out from the facts themselves. Two queries, whatever the number.

    Args:
        now: the moment of judging.
        known_at: look only at what we had learnt, and tried, by then; None: at everything.
    """
    until = known_at or datetime.max.replace(tzinfo=now.tzinfo)
    facts: dict[int, list[Fact]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT notice_id, kind, occurred_at, delivery_id, test, source FROM notices_evidence "
            "WHERE notice_id = ANY(%s) AND recorded_at <= %s",
            [list(notice_ids), until],
        )
        for notice_id, kind, at, delivery_id, test, source in cursor.fetchall():
            facts[notice_id].append(Fact(kind, at, delivery_id, test, source in WEAK_SOURCES))
        cursor.execute(
            """
            SELECT n.id, n.service_rule::text, array_agg(d.id), array_agg(d.channel)
            FROM notices_notice n LEFT JOIN notices_delivery d ON d.notice_id = n.id AND d.created_at <= %s
            WHERE n.id = ANY(%s) GROUP BY n.id
            """,
            [until, list(notice_ids)],
        )
        found: dict[int, Standing] = {}
        for pk, rule, delivery_ids, channels in cursor.fetchall():
            attempts = [Attempt(d, c) for d, c in zip(delivery_ids, channels, strict=True) if d is not None]
            found[pk] = judge(facts[pk], attempts, _rule(rule), now=now)
    return found
