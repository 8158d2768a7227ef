"""Destroy what is personal about notices, and append that it happened. The facts themselves stand, and stay provable.

The tree commits to salted hashes: without salt and payload nobody can learn from a leaf what it was about, while its
proof stays as it was. PostgreSQL lets the rows change in this one way only, and only of notices whose evidence says
that they were erased (`notices.triggers.Blanking`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from notices import recording
from notices.kinds import Kind
from notices.ledger.facts import NewFact

BATCH = 200


class StillUnderWay(Exception):
    """A notice is still on its way, so its text and address are needed; the message says which."""


@dataclass(frozen=True, slots=True)
class Blanks:
    """What an erasure empties in one table: SQL over the table as `t`, with the notices' ids as %(ids)s.

    Attributes:
        name: what the rows are, for people.
        belongs: which rows belong to the notices, so that an index finds them.
        notice: the notice of such a row.
        full: which rows there is anything to empty in.
    """

    name: str
    table: str
    assignments: str
    belongs: str
    notice: str
    full: str

    @property
    def where(self) -> str:
        return f"{self.belongs} AND {self.full}"


def _by_delivery(column: str) -> tuple[str, str]:
    return (
        f"t.{column} IN (SELECT d.id FROM notices_delivery d WHERE d.notice_id = ANY(%(ids)s))",
        f"(SELECT d.notice_id FROM notices_delivery d WHERE d.id = t.{column})",
    )


def _by_evidence(column: str, also: str = "") -> tuple[str, str]:
    return (
        f"t.{column} IN (SELECT e.id FROM notices_evidence e WHERE e.notice_id = ANY(%(ids)s){also})",
        f"(SELECT e.notice_id FROM notices_evidence e WHERE e.id = t.{column})",
    )


TABLES = (
    Blanks(
        "payloads",
        "notices_evidencepayload",
        "salt = '', body = ''",
        *_by_evidence("evidence_id", " AND e.kind <> 'erased'"),
        "t.body <> ''",
    ),
    Blanks(
        "messages that came in",
        "notices_inboundmessage",
        "raw = '', sender = '', subject = '', "
        "handled_because = CASE WHEN t.handled_because = '' THEN '' ELSE 'erased' END",
        *_by_delivery("delivery_id"),
        "t.raw <> ''",
    ),
    Blanks(
        "letters",
        "notices_letter",
        "pdf = ''",
        *_by_delivery("delivery_id"),
        "t.pdf <> ''",
    ),
    Blanks(
        "provider events that wait",
        "notices_providerevent",
        "body = '', recipient = '', provider_id = '', state = 'dismissed', due_at = NULL, "
        "dismissed_by = %(actor)s, dismissed_because = 'erased'",
        *_by_delivery("delivery_id_said"),
        "t.body <> ''",
    ),
    Blanks(
        "suppressed addresses",
        "notices_suppression",
        "address = 'erased-' || t.id",
        *_by_evidence("evidence_id"),
        "t.address <> 'erased-' || t.id",
    ),
    Blanks(
        "addresses as used",
        "notices_delivery",
        "address = '', contact_ref = NULL, head = '', reply = ''",
        "t.notice_id = ANY(%(ids)s)",
        "t.notice_id",
        "(t.address <> '' OR t.reply <> '')",
    ),
    Blanks(
        "texts",
        "notices_notice",
        "recipient = 'erased-' || t.id, recipient_name = '', content = '', plan = NULL",
        "t.id = ANY(%(ids)s)",
        "t.id",
        "t.content <> ''",
    ),
)


def erasable(notice_ids: Sequence[int]) -> Counter[str]:
    """How many rows of each kind an erasure of these notices would empty."""
    counts: Counter[str] = Counter()
    with connection.cursor() as cursor:
        for blanks in TABLES:
            cursor.execute(
                f"SELECT count(*) FROM {blanks.table} t WHERE {blanks.where}", {"ids": list(notice_ids)}
            )
            counts[blanks.name] = cursor.fetchone()[0]
    return counts


def under_way(notice_ids: Sequence[int]) -> list[int]:
    """Deliveries of these notices that are still to be sent, or being sent; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM notices_delivery WHERE notice_id = ANY(%s) AND state IN ('queued', 'calling') "
            "ORDER BY id FOR NO KEY UPDATE",
            [list(notice_ids)],
        )
        return [pk for (pk,) in cursor.fetchall()]


def erase_notices(notice_ids: Sequence[int], *, actor: str, reason: str, now: datetime) -> Counter[str]:
    """Erase what is personal about these notices: texts, addresses, payloads with their salts, messages that came in.

    Batch by batch, each in one transaction together with the fact that says so; run again after a kill it goes on
    with what is left. Notices of which nothing is left are not touched, and get no second fact.

    Args:
        actor: who erases, as a label (user:name, system:what).
        reason: on what ground. It stays: it must name nobody.
        now: aware.

    Returns:
        How many rows of each kind were emptied.

    Raises:
        StillUnderWay: one of them is still to be sent. Nothing of its batch was erased.
    """
    counts: Counter[str] = Counter()
    ids = sorted(set(notice_ids))
    for start in range(0, len(ids), BATCH):
        with transaction.atomic():
            counts.update(_erase(ids[start : start + BATCH], actor, reason, now))
    return counts


def _erase(notice_ids: list[int], actor: str, reason: str, now: datetime) -> Counter[str]:
    recording.lock(notice_ids)
    if waiting := under_way(notice_ids):
        raise StillUnderWay(
            f"D-{waiting[0]} is still to be sent, or being sent. Wait until it is settled, then erase."
        )
    left = _with_something_left(notice_ids)
    recording.record(
        [
            NewFact(
                notice_id,
                Kind.ERASED,
                "erasure",
                now,
                payload={"by": actor, "reason": reason},
                event_id=f"{notice_id}:{times + 1}",
            )
            for notice_id, times in left.items()
        ],
        now=now,
    )
    counts: Counter[str] = Counter()
    values: dict[str, Any] = {"ids": list(left), "actor": actor[:150]}
    with connection.cursor() as cursor:
        for blanks in TABLES:
            cursor.execute(f"UPDATE {blanks.table} t SET {blanks.assignments} WHERE {blanks.where}", values)
            counts[blanks.name] = cursor.rowcount
    return counts


def _with_something_left(notice_ids: list[int]) -> dict[int, int]:
    """Those notices of which something is left to erase, with the number of times that they were erased before."""
    found = " UNION ".join(
        f"SELECT {blanks.notice} AS id FROM {blanks.table} t WHERE {blanks.where}" for blanks in TABLES
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT n.id, (SELECT count(*) FROM notices_evidence e WHERE e.notice_id = n.id AND e.kind = 'erased')
            FROM ({found}) n ORDER BY n.id
            """,
            {"ids": notice_ids},
        )
        return dict(cursor.fetchall())
