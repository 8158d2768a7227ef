"""Which delivery an event is about. A fixed number of queries, whatever the number of events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from notices.events.readings import Reading
from notices.ledger import NewFact
from notices.suppression import canonical

_CLOCKS_DIFFER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Target:
    """A delivery that events may be about."""

    id: int
    notice_id: int
    address: str
    provider: str
    provider_id: str
    since: datetime
    test: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    reading: Reading
    target: Target

    @property
    def test(self) -> bool:
        return self.reading.test or self.target.test

    def fact(self) -> NewFact:
        """The evidence that this event is."""
        reading, target = self.reading, self.target
        return NewFact(
            target.notice_id,
            reading.kind,
            reading.esp,
            _moment(reading, target),
            target.id,
            # What was erased does not come back by an event that is late.
            reading.payload if target.address else {"type": reading.payload.get("type", ""), "erased": True},
            event_id=reading.event_id,
            test=self.test,
        )


@dataclass(frozen=True, slots=True)
class NoMatch:
    reading: Reading
    reason: str


def match(readings: Sequence[Reading]) -> tuple[list[Match], list[NoMatch]]:
    """Find the delivery of each event: by our own token in it, else by the provider's message id.

    Where the event names a recipient, it must be the one that the delivery was addressed to.
    """
    by_id, by_provider_id = _candidates(readings)
    matched: list[Match] = []
    unmatched: list[NoMatch] = []
    for reading in readings:
        named = by_id.get(reading.delivery_id) if reading.delivery_id is not None else None
        candidates = (
            [named] if named is not None else by_provider_id.get((reading.esp, reading.provider_id), [])
        )
        found = next((target for target in candidates if _agrees(reading, target)), None)
        if found is not None:
            matched.append(Match(reading, found))
        else:
            unmatched.append(NoMatch(reading, _reason(reading, bool(candidates))))
    tests = _in_test_mode({each.target.notice_id for each in matched})
    if tests:
        matched = [
            Match(each.reading, _as_test(each.target)) if each.target.id in tests else each
            for each in matched
        ]
    return matched, unmatched


# Nothing can be known of an attempt before it was made.
_COLUMNS = "id, notice_id, address, provider, provider_id, least(created_at, called_at)"


def _candidates(
    readings: Sequence[Reading],
) -> tuple[dict[int, Target], dict[tuple[str, str], list[Target]]]:
    ids = {reading.delivery_id for reading in readings if reading.delivery_id is not None}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM notices_delivery WHERE id = ANY(%s)", [list(ids)])
        by_id = {row[0]: _target(row) for row in cursor.fetchall()}
        names = {r.provider_id for r in readings if r.provider_id and r.delivery_id not in by_id}
        by_provider_id: dict[tuple[str, str], list[Target]] = defaultdict(list)
        if names:
            # In the words of the partial index, so that it is used.
            cursor.execute(
                f"""
                SELECT {_COLUMNS} FROM notices_delivery
                WHERE provider_id = ANY(%s) AND NOT provider_id = '' AND NOT provider LIKE 'smtp:%%'
                """,
                [list(names)],
            )
            for row in cursor.fetchall():
                target = _target(row)
                by_provider_id[target.provider, target.provider_id].append(target)
    return by_id, by_provider_id


def _target(row: tuple[int, int, str, str, str, datetime]) -> Target:
    pk, notice_id, address, provider, provider_id, since = row
    # Brevo's name until 2023, under which Anymail still sends for who has not changed it.
    return Target(
        pk, notice_id, address, "brevo" if provider == "sendinblue" else provider, provider_id, since
    )


def _agrees(reading: Reading, target: Target) -> bool:
    # No provider yet: our call is still under way. A mail server: the provider was reached by SMTP.
    if target.provider not in ("", reading.esp) and not target.provider.startswith("smtp:"):
        return False
    if not reading.recipient or not target.address:  # the event names none; or the address was erased
        return True
    return reading.recipient == target.address or canonical(reading.recipient) == canonical(target.address)


def _reason(reading: Reading, candidates: bool) -> str:
    if candidates:
        return "Its recipient or provider is not that of the delivery which it names."
    if reading.delivery_id is not None:
        return "It names a delivery that is not here."
    return "No delivery has this message id (yet)." if reading.provider_id else "It names no message."


def _in_test_mode(notice_ids: set[int]) -> set[int]:
    """Deliveries of these notices whose provider took them in its test mode."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT delivery_id FROM notices_evidence WHERE notice_id = ANY(%s) AND test",
            [list(notice_ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def _as_test(target: Target) -> Target:
    return Target(
        target.id,
        target.notice_id,
        target.address,
        target.provider,
        target.provider_id,
        target.since,
        test=True,
    )


def _moment(reading: Reading, target: Target) -> datetime:
    """When it happened: as the provider says, where that can be; else when it came to us, which is never too early."""
    at = reading.at
    if at is None or at > reading.received_at or at < target.since - _CLOCKS_DIFFER:
        return reading.received_at
    return max(at, target.since)
