"""The only place where evidence is appended."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from django.db import connection

from notices.ledger.facts import NewFact, canonical
from notices.ledger.payloads import pack


def append(facts: Sequence[NewFact]) -> list[int]:
    """Append facts; those known already (same idempotency key) are left out. Two statements, whatever their number.

    Must run inside a transaction that holds the notices' rows (see `recording.record`), so that whoever grades next
    sees them all.

    Returns:
        The ids of the notices that learnt something new.
    """
    if not facts:
        return []
    rows: dict[bytes, tuple[NewFact, bytes, bytes]] = {}
    for fact in facts:
        body = canonical(dict(fact.payload))
        rows.setdefault(fact.key(), (fact, os.urandom(16), body))
    given = [fact for fact, _, _ in rows.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH given AS (
                SELECT * FROM unnest(
                    %s::bytea[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::bool[],
                    %s::bytea[], %s::bytea[], %s::bytea[]
                ) WITH ORDINALITY
                AS t(key, notice_id, delivery_id, kind, source, at, test, commitment, salt, body, position)
            ), fresh AS (
                INSERT INTO notices_evidence (key, notice_id, delivery_id, kind, source, occurred_at, test, commitment)
                SELECT key, notice_id, delivery_id, kind, source, at, test, commitment FROM given ORDER BY position
                ON CONFLICT (key) DO NOTHING
                RETURNING id, key, notice_id
            ), payloads AS (
                INSERT INTO notices_evidencepayload (evidence_id, salt, body)
                SELECT fresh.id, given.salt, given.body FROM fresh JOIN given USING (key)
            )
            SELECT DISTINCT notice_id FROM fresh
            """,
            [
                list(rows),
                [fact.notice_id for fact in given],
                [fact.delivery_id for fact in given],
                [str(fact.kind) for fact in given],
                [fact.source for fact in given],
                [fact.at for fact in given],
                [fact.test for fact in given],
                [hashlib.sha256(salt + body).digest() for _, salt, body in rows.values()],
                [salt for _, salt, _ in rows.values()],
                [pack(body) for _, _, body in rows.values()],
            ],
        )
        return [row[0] for row in cursor.fetchall()]
