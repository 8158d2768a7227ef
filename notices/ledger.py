"""The only place where evidence is appended."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection


@dataclass(frozen=True, slots=True)
class NewFact:
    """A fact to be appended.

    Attributes:
        kind: one of `kinds.Kind`.
        source: who says so, for example smtp, dsn, sweep, holder.
        at: when it happened, aware.
        payload: what the source said: JSON of strings, integers, booleans, lists and objects, personal data allowed.
        event_id: the source's own id of the event, where it gives one; else the event itself is the key.
        test: the provider was in test mode.
    """

    notice_id: int
    kind: str
    source: str
    at: datetime
    delivery_id: int | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    event_id: str = ""
    test: bool = False

    def key(self) -> bytes:
        """The idempotency key: (source, event id), else the SHA-256 of the canonical event."""
        if self.event_id:
            return hashlib.sha256(canonical([self.source, self.event_id])).digest()
        return hashlib.sha256(
            canonical([self.notice_id, self.delivery_id, self.kind, self.source, dict(self.payload)])
        ).digest()


def canonical(value: Any) -> bytes:
    """RFC 8785 JSON of a value made of strings, integers, booleans, null, lists, and objects with ASCII keys.

    Within that, Python's own encoder with sorted keys and no spaces writes exactly what RFC 8785 asks for (a test
    compares the two), many times faster than a general one.

    Raises:
        TypeError: the value holds a float or a key that is not ASCII text.
    """
    _check(value)
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise TypeError(f"payload keys are ASCII text, not {key!r}")
            _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif isinstance(value, float):
        raise TypeError("payloads hold no floats; write them as text")


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
                [body for _, _, body in rows.values()],
            ],
        )
        return [row[0] for row in cursor.fetchall()]
