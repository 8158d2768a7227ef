"""Where an account can be reached, and where besides when the address that it has now is not yet to be trusted alone.

A few queries for a whole batch, whatever the number of its accounts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection

from cases.models import AccountMark, ContactPoint
from notices.queueing import Contact


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one account by channel.

    Attributes:
        present: those that it has now, main address first.
        verified_before: for a channel whose main address is in doubt: the one before it that was verified.
    """

    present: Mapping[str, Sequence[Contact]] = field(default_factory=dict)
    verified_before: Mapping[str, Contact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Period:
    """An address for as long as it was an account's without a break. `point` is the newest of its contact points."""

    point: int
    address: str
    canonical: str
    since: datetime
    verified: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """When an address is in doubt: it became the account's after `young_after`, or while a take-over mark lay on it.

    Attributes:
        young_after: aware; None: no address is too young.
        marks: begin and end (None while it lasts) of the account's take-over marks.
    """

    young_after: datetime | None
    marks: Sequence[tuple[datetime, datetime | None]] = ()

    def about(self, since: datetime) -> bool:
        """Whether an address that became the account's at `since` is in doubt."""
        young = self.young_after is not None and since > self.young_after
        return young or any(begin <= since and (end is None or since < end) for begin, end in self.marks)


def verified_before(periods: Sequence[Period], doubt: Doubt) -> Period | None:
    """The address to be used besides the last of `periods`, if that one is in doubt: verified, and not the same.

    The newest one that is not itself in doubt, else the newest: who took an account over may change its address
    more than once, and verify each.

    Args:
        periods: of one account, channel and rank, oldest first.
    """
    if not periods or not doubt.about(periods[-1].since):
        return None
    earlier = [p for p in reversed(periods[:-1]) if p.verified and p.canonical != periods[-1].canonical]
    return next((p for p in earlier if not doubt.about(p.since)), earlier[0] if earlier else None)


def addresses(
    account_ids: Collection[int], *, min_age_days: int | None, now: datetime
) -> dict[int, Addresses]:
    """The addresses of these accounts. An account without any is left out.

    Args:
        min_age_days: an address younger than this is in doubt; None: only a take-over mark brings doubt.
    """
    young_after = None if min_age_days is None else now - timedelta(days=min_age_days)
    present: dict[int, dict[str, list[Contact]]] = {}
    in_doubt: set[int] = set()
    for account_id, channel, address, pk, doubtful in _present(account_ids, young_after):
        of_channel = present.setdefault(account_id, {}).setdefault(channel, [])
        if all(contact.address != address for contact in of_channel):
            of_channel.append(Contact(channel, address, pk))
        if doubtful:
            in_doubt.add(account_id)
    besides = _besides(in_doubt, young_after) if in_doubt else {}
    return {pk: Addresses(found, besides.get(pk, {})) for pk, found in present.items()}


def _present(account_ids: Collection[int], young_after: datetime | None) -> list[tuple[Any, ...]]:
    """Present addresses: account, channel, address, id, and whether there may be doubt about it and one before it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.account_id, p.channel, p.address, p.id,
                   (p.valid_from > %s::timestamptz OR EXISTS (
                       SELECT 1 FROM cases_accountmark m
                       WHERE m.account_id = p.account_id AND m.begins_at <= p.valid_from
                         AND (m.ends_at IS NULL OR p.valid_from < m.ends_at)
                   )) AND EXISTS (
                       SELECT 1 FROM cases_contactpoint b
                       WHERE b.account_id = p.account_id AND b.channel = p.channel AND b.rank = p.rank
                         AND b.valid_to IS NOT NULL AND b.verified_at IS NOT NULL
                   )
            FROM cases_contactpoint p
            WHERE p.account_id = ANY(%s) AND p.valid_to IS NULL AND p.address <> ''
            ORDER BY p.account_id, p.rank, p.id
            """,
            [young_after, list(account_ids)],
        )
        return list(cursor.fetchall())


def _besides(account_ids: Collection[int], young_after: datetime | None) -> dict[int, dict[str, Contact]]:
    """For each account and channel whose main address is in doubt, the address verified before it."""
    marks: dict[int, list[tuple[datetime, datetime | None]]] = {}
    for mark in AccountMark.objects.filter(account__in=account_ids):
        marks.setdefault(mark.account_id, []).append((mark.begins_at, mark.ends_at))
    points = ContactPoint.objects.filter(account__in=account_ids, rank=0).exclude(address="")
    found: dict[int, dict[str, Contact]] = {}
    for (account_id, channel), group in groupby(
        points.order_by("account_id", "channel", "valid_from"), key=lambda p: (p.account_id, p.channel)
    ):
        doubt = Doubt(young_after, marks.get(account_id, ()))
        if before := verified_before(periods(group), doubt):
            found.setdefault(account_id, {})[channel] = Contact(channel, before.address, before.point)
    return found


def periods(points: Iterable[ContactPoint]) -> list[Period]:
    """The periods of one account, channel and rank, oldest first; `points` are in that order."""
    found: list[Period] = []
    for point in points:
        last = found[-1] if found else None
        same = last is not None and last.canonical == point.canonical
        period = Period(
            point=point.pk,
            address=point.address,
            canonical=point.canonical,
            since=last.since if last and same else point.valid_from,
            verified=point.verified_at is not None or bool(last and same and last.verified),
        )
        if same:
            found[-1] = period
        else:
            found.append(period)
    return found
