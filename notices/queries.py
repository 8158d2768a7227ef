"""Questions about notices. Nothing here writes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from django.db import connection

from notices.grading import REPORTS, Attempt, Fact, ServiceRule, Standing, judge
from notices.kinds import WEAK_SOURCES, Kind


@lru_cache(maxsize=256)
def _rule(text: str) -> ServiceRule:
    return ServiceRule.from_json(json.loads(text))


def standings(
    notice_ids: Sequence[int], *, now: datetime, known_at: datetime | None = None, doubting: bool = False
) -> dict[int, Standing]:
    """What the evidence amounts to, worked out from the facts themselves. Two queries, whatever the number.

    Args:
        now: the moment of judging.
        known_at: look only at what we had learnt, and tried, by then; None: at everything.
        doubting: as if every bounce that an open gap may have swallowed had come.
    """
    until = known_at or datetime.max.replace(tzinfo=now.tzinfo)
    facts = _facts(notice_ids, until)
    found: dict[int, Standing] = {}
    for pk, rule, tried in _tried(notice_ids, until):
        reported = _reported(facts[pk])
        of_notice = [each.attempt(reported) for each in tried]
        swallowed = [Fact(Kind.BOUNCED, now, each.id) for each in tried if doubting and each.gap_from]
        found[pk] = judge([*facts[pk], *swallowed], of_notice, _rule(rule), now=now)
    return found


def attempts(notice_id: int, *, now: datetime) -> list[Attempt]:
    """A notice's deliveries as grading sees them now: also from when on a bounce of each might not have reached us."""
    until = datetime.max.replace(tzinfo=now.tzinfo)
    reported = _reported(_facts([notice_id], until)[notice_id])
    return [each.attempt(reported) for _, _, tried in _tried([notice_id], until) for each in tried]


def _reported(facts: Sequence[Fact]) -> set[int | None]:
    """The deliveries that their carriers reported on."""
    return {fact.delivery for fact in facts if fact.kind in REPORTS}


def _facts(notice_ids: Sequence[int], until: datetime) -> dict[int, list[Fact]]:
    facts: dict[int, list[Fact]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT notice_id, kind, occurred_at, delivery_id, test, source FROM notices_evidence "
            "WHERE notice_id = ANY(%s) AND recorded_at <= %s",
            [list(notice_ids), until],
        )
        for notice_id, kind, at, delivery_id, test, source in cursor.fetchall():
            facts[notice_id].append(Fact(kind, at, delivery_id, test, source in WEAK_SOURCES))
    return facts


class _Tried:
    """A delivery with what is known of the reports on it.

    Attributes:
        unheard: whoever took it has no way to tell us of a bounce (a provider whose webhooks were not set up).
        gap_from: since when the reports of its stream are missing, where they are.
    """

    __slots__ = ("channel", "created_at", "gap_from", "id", "unheard")

    def __init__(
        self, pk: int, channel: str, created_at: datetime, unheard: bool, gap_from: datetime | None
    ) -> None:
        self.id, self.channel, self.created_at = pk, channel, created_at
        self.unheard, self.gap_from = unheard, gap_from

    def attempt(self, reported: set[int | None]) -> Attempt:
        unheard = self.unheard and self.id not in reported
        return Attempt(self.id, self.channel, self.created_at if unheard else self.gap_from)


def _tried(notice_ids: Sequence[int], until: datetime) -> list[tuple[int, str, list[_Tried]]]:
    """Each notice's service rule and deliveries: (notice id, rule, deliveries)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT n.id, n.service_rule::text, array_agg(d.id), array_agg(d.channel), array_agg(d.created_at),
                   array_agg(d.channel IN ('email', 'sms') AND d.provider <> '' AND d.provider NOT LIKE 'smtp:%%'
                             AND NOT d.expects_report),
                   array_agg(g.began_at)
            FROM notices_notice n
            LEFT JOIN notices_delivery d ON d.notice_id = n.id AND d.created_at <= %s
            LEFT JOIN (
                SELECT stream, min(began_at) AS began_at FROM notices_streamgap
                WHERE noticed_at <= %s AND (ended_at IS NULL OR ended_at > %s) GROUP BY stream
            ) g ON g.stream = d.provider
            WHERE n.id = ANY(%s) GROUP BY n.id
            """,
            [until, until, until, list(notice_ids)],
        )
        return [
            (pk, rule, [_Tried(*each) for each in zip(*columns, strict=True) if each[0] is not None])
            for pk, rule, *columns in cursor.fetchall()
        ]
