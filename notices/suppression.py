"""Who is not to be written to: recorded from complaints and provider lists, looked up before every call.

Mail alone: a suppressed address gets no e-mail, while its holder's other channels stay open. A legal notice still
goes out by the next address of its plan, since a withheld delivery has failed for good.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db import connection, transaction

from notices.channels.base import Outcome
from notices.kinds import Kind
from notices.models import Suppression

if TYPE_CHECKING:  # sending asks here, so that it is imported for its type only
    from notices.sending import Claimed

Reason = Suppression.Reason


class NotLifted(Exception):
    """This suppression cannot be lifted; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A suppression to be recorded.

    Attributes:
        address: as it was used; made canonical here.
        reason: one of `Suppression.Reason`.
        source: who says so, as in Evidence.source.
        at: when it was said, aware. What was said before a person lifted a suppression does not bring it back.
        evidence_key: key of the fact that says so (`NewFact.key()`), or empty.
    """

    address: str
    reason: str
    source: str
    at: datetime
    evidence_key: bytes = b""


def canonical(address: str) -> str:
    """The form in which addresses are compared: case folded, the domain in ASCII where IDNA can write it so."""
    local, at, domain = address.strip().replace("\x00", "").rpartition("@")
    if not domain.isascii():
        with contextlib.suppress(UnicodeError):  # no domain that DNS knows is compared as it is written
            domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}".casefold()[:400]


def suppress(wanted: Sequence[Wanted], *, now: datetime) -> int:
    """Record that these addresses are not to be written to any more. Known ones stay as they are. One statement.

    Returns:
        How many addresses are newly suppressed.
    """
    first: dict[str, Wanted] = {}
    for each in sorted(wanted, key=lambda w: w.at):
        first.setdefault(canonical(each.address), each)
    if not first:
        return 0
    ordered = sorted(first.items())  # one order for all, so that no two wait for each other
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO notices_suppression
                (address, reason, source, since, recorded_at, evidence_id, lifted_by, lifted_because)
            SELECT t.address, t.reason, t.source, t.at, %s, e.id, '', ''
            FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bytea[])
                 WITH ORDINALITY AS t(address, reason, source, at, key, position)
            LEFT JOIN notices_evidence e ON e.key = t.key
            WHERE NOT EXISTS (
                SELECT 1 FROM notices_suppression s WHERE s.address = t.address AND s.lifted_at >= t.at
            )
            ORDER BY t.position
            ON CONFLICT (address) WHERE lifted_at IS NULL DO NOTHING
            """,
            [
                now,
                [address for address, _ in ordered],
                [str(each.reason) for _, each in ordered],
                [each.source[:60] for _, each in ordered],
                [each.at for _, each in ordered],
                [each.evidence_key for _, each in ordered],
            ],
        )
        return int(cursor.rowcount)


def is_suppressed(addresses: Iterable[str]) -> dict[str, Suppression]:
    """Those of `addresses` that are suppressed now, as given, each with the suppression that says so. One query."""
    forms = {address: canonical(address) for address in addresses}
    rows = Suppression.objects.filter(address__in=set(forms.values()), lifted_at__isnull=True)
    by_form = {row.address: row for row in rows}
    return {address: by_form[form] for address, form in forms.items() if form in by_form}


def withheld(claimed: Sequence[Claimed]) -> list[Outcome]:
    """The outcomes of those claimed deliveries by mail that must not be sent at all; empty as a rule. One query."""
    by_mail = [c for c in claimed if c.channel == "email"]
    if not by_mail:
        return []
    found = is_suppressed(c.message.address for c in by_mail)
    return [
        Outcome(
            c.id,
            Kind.SUPPRESSED.value,
            f"Not sent: the address is suppressed since {row.since:%-d %B %Y} ({row.get_reason_display()}).",
            provider="suppression",
            detail={"suppression": row.pk, "ours": True},
            at=datetime.now(UTC),
        )
        for c in by_mail
        if (row := found.get(c.message.address))
    ]


def lift(pk: int, *, because: str, actor: str, now: datetime) -> Suppression:
    """Let an address be written to again.

    Raises:
        NotLifted: no reason was given, or it was lifted already.
    """
    if not because.strip():
        raise NotLifted("Say why the address may be written to again.")
    with transaction.atomic():
        row = Suppression.objects.select_for_update().get(pk=pk)
        if row.lifted_at is not None:
            raise NotLifted(f"{row} was lifted already, by {row.lifted_by}.")
        row.lifted_at, row.lifted_by, row.lifted_because = now, actor, because.strip()
        row.save(update_fields=["lifted_at", "lifted_by", "lifted_because"])
    return row
