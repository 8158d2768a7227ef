"""Addresses of any channel become periods of accounts: set-based statements over the temporary table `named`.

An address is valid from the moment at which somebody named it until the moment at which another was named in its
place. What is on record stays; only ends move, and a first verification is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

TABLE = """
CREATE TEMPORARY TABLE IF NOT EXISTS named (
    line bigint, account_id bigint, channel text, rank smallint, valid_from timestamptz, address text, canonical text,
    source text, changed_by text, label text, verified_at timestamptz
) ON COMMIT DELETE ROWS;
DELETE FROM named
"""
COLUMNS = (
    "line account_id channel rank valid_from address canonical source changed_by label verified_at".split()
)

# One address per account, channel, rank and moment: the first that was named.
_PERIODS = """
WITH once AS (
    SELECT DISTINCT ON (account_id, channel, rank, valid_from) * FROM named
    ORDER BY account_id, channel, rank, valid_from, line
), known AS (
    SELECT p.account_id, p.channel, p.rank, p.valid_from, p.canonical
    FROM (SELECT DISTINCT account_id, channel FROM named) n
    CROSS JOIN LATERAL (
        SELECT * FROM cases_contactpoint c WHERE c.account_id = n.account_id AND c.channel = n.channel
    ) p
), periods AS (
    SELECT account_id, channel, rank, valid_from, canonical, address, source, changed_by, label, false AS old FROM once
    UNION ALL
    SELECT account_id, channel, rank, valid_from, canonical, NULL, NULL, NULL, NULL, true FROM known
), changes AS (
    SELECT *, lag(canonical) OVER w AS before
    FROM periods WINDOW w AS (PARTITION BY account_id, channel, rank ORDER BY valid_from, old DESC)
)
INSERT INTO cases_contactpoint (
    account_id, channel, rank, address, canonical, source, valid_from, changed_by, changed_by_label
)
SELECT account_id, channel, rank, address, canonical, source, valid_from, changed_by, label
FROM changes WHERE NOT old AND canonical IS DISTINCT FROM before
ON CONFLICT (account_id, channel, rank, valid_from) DO NOTHING
"""

_ENDS = """
WITH ends AS MATERIALIZED (
    SELECT p.id, p.ends FROM (SELECT DISTINCT account_id, channel FROM named) n
    CROSS JOIN LATERAL (
        SELECT id, valid_to, lead(valid_from) OVER (PARTITION BY rank ORDER BY valid_from) AS ends
        FROM cases_contactpoint c WHERE c.account_id = n.account_id AND c.channel = n.channel
    ) p
    WHERE p.valid_to IS DISTINCT FROM p.ends
)
UPDATE cases_contactpoint p SET valid_to = ends.ends FROM ends WHERE ends.id = p.id
"""

# The period that was running, with this address, when it was named.
_VERIFIED = """
UPDATE cases_contactpoint p SET verified_at = v.verified_at
FROM (
    SELECT DISTINCT ON (c.id) c.id, n.verified_at
    FROM named n
    CROSS JOIN LATERAL (
        SELECT id, verified_at, canonical FROM cases_contactpoint c
        WHERE c.account_id = n.account_id AND c.channel = n.channel AND c.rank = n.rank AND c.valid_from <= n.valid_from
        ORDER BY c.valid_from DESC LIMIT 1
    ) c
    WHERE n.verified_at IS NOT NULL AND c.verified_at IS NULL AND c.canonical = n.canonical
    ORDER BY c.id, n.verified_at
) v
WHERE p.id = v.id
"""

_CONTRADICTED = """
SELECT n.line FROM named n
JOIN cases_contactpoint c USING (account_id, channel, rank, valid_from)
WHERE c.canonical <> n.canonical
"""


def merge_named() -> dict[str, int]:
    """Merge what lies in `named`, whose accounts the transaction holds.

    Returns:
        Counts: addresses_new, addresses_verified.
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE named")
        cursor.execute(_PERIODS)
        new = cursor.rowcount
        cursor.execute(_ENDS)
        cursor.execute(_VERIFIED)
        return {"addresses_new": new, "addresses_verified": cursor.rowcount}


def contradicted() -> set[int]:
    """Lines of `named` that were not taken: another address is on record from that very moment."""
    with connection.cursor() as cursor:
        cursor.execute(_CONTRADICTED)
        return {line for (line,) in cursor.fetchall()}


def copy_into(
    table: str, columns: Sequence[str], types: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """COPY rows into a temporary table."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
