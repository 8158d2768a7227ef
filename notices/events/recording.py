"""Matched events into evidence, thousands in one transaction; what follows from them; what raises is set apart."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection, transaction

from notices import recording, suppression
from notices.events.matching import Match
from notices.events.parsing import sentence
from notices.kinds import DEFEATING, NOT_SENT, Kind
from notices.rerouting import fall_back
from notices.suppression import Wanted

log = logging.getLogger(__name__)

# What the provider says settles an attempt whose outcome we never learnt, or have not learnt yet.
_TAKEN = frozenset(
    {Kind.SUBMITTED, Kind.RELAYED, Kind.DELAYED, Kind.COMPLAINED, Kind.AUTO_REPLIED, Kind.OPENED}
)
_FAILED = NOT_SENT | DEFEATING


@dataclass(frozen=True, slots=True)
class Failure:
    match: Match
    reason: str


def record(matches: Sequence[Match], *, now: datetime) -> list[Failure]:
    """Make evidence of matched events and act on it. Must run inside a transaction.

    Where a receiver or the database refuses, halves are tried, down to the single events that are at fault.

    Returns:
        Those that could not be recorded, with the reason.

    Raises:
        OperationalError, InterfaceError: the database is in trouble, which is no single event's fault.
    """
    # All at once and first: the halves would each be in order, but one after the other they would not.
    recording.lock({each.target.notice_id for each in matches})
    return _record(matches, now)


def _record(matches: Sequence[Match], now: datetime) -> list[Failure]:
    if not matches:
        return []
    try:
        with transaction.atomic():
            _record_together(matches, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(matches) == 1:
            log.exception("An event of %s could not be recorded.", matches[0].reading.esp)
            return [Failure(matches[0], sentence(error))]
        middle = len(matches) // 2
        return _record(matches[:middle], now) + _record(matches[middle:], now)
    return []


def _record_together(matches: Sequence[Match], now: datetime) -> None:
    facts = [each.fact() for each in matches]
    recording.record(facts, now=now)
    _settle([each for each in matches if each.reading.kind in _TAKEN], "accepted", now)
    failed = [each for each in matches if each.reading.kind in _FAILED and not each.test]
    _settle(failed, "refused", now)
    if failed:
        fall_back([each.target.id for each in failed], now=now)
    suppression.suppress(
        [
            Wanted(
                each.target.address,
                suppression.Reason.COMPLAINED
                if fact.kind == Kind.COMPLAINED
                else suppression.Reason.PROVIDER,
                each.reading.esp,
                fact.at,
                fact.key(),
            )
            for each, fact in zip(matches, facts, strict=True)
            if each.reading.suppresses and each.target.address and not fact.test
        ],
        now=now,
    )


def _settle(matches: Sequence[Match], state: str, now: datetime) -> None:
    """Give attempts that are in doubt the state that the provider's word implies, and the provider's message id.

    In doubt is also one that is queued for another try: the call seemed to fail, and yet the provider has it.
    """
    said = {each.target.id: each.reading for each in matches if not each.test}
    if not said:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE notices_delivery d
            SET state = %s, settled_at = %s,
                provider = CASE WHEN d.provider = '' THEN t.provider ELSE d.provider END,
                provider_id = CASE WHEN d.provider_id = '' THEN t.provider_id ELSE d.provider_id END
            FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS t(id, provider, provider_id)
            WHERE d.id = t.id AND (d.state IN ('calling', 'unknown') OR (d.state = 'queued' AND d.tries > 0))
            """,
            [
                state,
                now,
                list(said),
                [reading.esp for reading in said.values()],
                [reading.provider_id for reading in said.values()],
            ],
        )
