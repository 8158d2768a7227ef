"""Merge one batch of flags into accounts, addresses, cases and flags: a few set-based statements, one transaction.

Safe to run twice, and by several processes at once: accounts are locked in one order before anything is decided
about them, and unique constraints hold what the locks do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from cases.actions.intake.addresses import TABLE, copy_into, merge_named
from cases.actors import Actor
from cases.models import State
from cases.reading import FlagRow

# `incoming` is the batch as it was read; `held` names the accounts in it once their rows are ours. Statistics from a
# few hundred rows are enough to keep the planner from taking `incoming` for empty. A dry run merges every batch in one
# transaction, so each empties what the one before left.
_INCOMING = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
    line bigint, source text, reference text, external_id text, display_name text, language text, timezone text,
    policy_id bigint, reported_at timestamptz, reason text, evidence text, addresses text[], canonicals text[]
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS held (
    external_id text PRIMARY KEY, account_id bigint, fresh boolean, reports bigint
) ON COMMIT DELETE ROWS;
DELETE FROM incoming;
DELETE FROM held;
SET LOCAL default_statistics_target = 2
"""
_COLUMNS = (
    "line, source, reference, external_id, display_name, language, timezone, policy_id, reported_at, reason, evidence, "
    "addresses, canonicals"
)
_TYPES = "int8 text text text text text text int8 timestamptz text text text[] text[]".split()

# Rows whose flag is known already, from further up in this batch or from before, have nothing more to say.
_DROP_REPEATED = """
DELETE FROM incoming i
USING (SELECT source, reference, min(line) AS line FROM incoming GROUP BY source, reference HAVING count(*) > 1) first
WHERE i.source = first.source AND i.reference = first.reference AND i.line > first.line
"""
_DROP_KNOWN = """
DELETE FROM incoming i USING cases_flag f WHERE f.source = i.source AND f.reference = i.reference
"""

_NEW_ACCOUNTS = """
WITH fresh AS (
    INSERT INTO cases_account (external_id, display_name, language, timezone, described_at)
    SELECT DISTINCT ON (external_id) external_id, display_name, coalesce(nullif(language, ''), 'en'),
           coalesce(nullif(timezone, ''), 'UTC'), reported_at
    FROM incoming ORDER BY external_id, reported_at DESC, line DESC
    ON CONFLICT (external_id) DO NOTHING
    RETURNING external_id, id
)
INSERT INTO held (external_id, account_id, fresh, reports)
SELECT external_id, fresh.id, true, count(*) FROM fresh JOIN incoming USING (external_id) GROUP BY external_id, fresh.id
"""

_KNOWN_ACCOUNTS = """
WITH named AS (SELECT external_id, count(*) AS reports FROM incoming GROUP BY external_id)
INSERT INTO held (external_id, account_id, fresh, reports)
SELECT a.external_id, a.id, false, named.reports
FROM named JOIN cases_account a USING (external_id)
WHERE NOT EXISTS (SELECT 1 FROM held WHERE held.external_id = named.external_id)
ORDER BY a.id FOR NO KEY UPDATE OF a
"""

# A newer report describes the account better than an older one, as far as it says anything.
_DESCRIBE = """
UPDATE cases_account a
SET display_name = coalesce(nullif(n.display_name, ''), a.display_name),
    language = coalesce(nullif(n.language, ''), a.language),
    timezone = coalesce(nullif(n.timezone, ''), a.timezone),
    described_at = n.reported_at
FROM (
    SELECT DISTINCT ON (account_id) account_id, display_name, language, timezone, reported_at
    FROM incoming JOIN held USING (external_id) WHERE NOT fresh ORDER BY account_id, reported_at DESC, line DESC
) n
WHERE a.id = n.account_id AND a.described_at < n.reported_at
"""

# What one report says about an account that is new needs no comparing with anything.
_FIRST_ADDRESSES = """
INSERT INTO cases_contactpoint (account_id, channel, rank, address, canonical, source, valid_from)
SELECT h.account_id, 'email', a.rank - 1, a.address, a.canonical, 'flag:' || left(i.source, 90), i.reported_at
FROM held h JOIN incoming i USING (external_id),
     unnest(i.addresses, i.canonicals) WITH ORDINALITY AS a(address, canonical, rank)
WHERE h.fresh AND h.reports = 1
"""

# Else an address is valid from the report that first named it until the report that named another in its place.
_FURTHER_ADDRESSES = """
WITH named AS (
    SELECT DISTINCT ON (h.account_id, rank, i.reported_at)
           h.account_id, (a.rank - 1)::smallint AS rank, i.reported_at AS valid_from, a.address, a.canonical, i.source
    FROM held h JOIN incoming i USING (external_id),
         unnest(i.addresses, i.canonicals) WITH ORDINALITY AS a(address, canonical, rank)
    WHERE NOT (h.fresh AND h.reports = 1)
    ORDER BY h.account_id, rank, i.reported_at, i.line
), known AS (
    SELECT p.account_id, p.rank, p.valid_from, p.canonical
    FROM (SELECT DISTINCT account_id FROM named) n
    CROSS JOIN LATERAL (
        SELECT * FROM cases_contactpoint c WHERE c.account_id = n.account_id AND c.channel = 'email'
    ) p
), periods AS (
    SELECT account_id, rank, valid_from, canonical, address, source, false AS old FROM named
    UNION ALL
    SELECT account_id, rank, valid_from, canonical, NULL, NULL, true FROM known
), changes AS (
    SELECT *, lag(canonical) OVER w AS before
    FROM periods WINDOW w AS (PARTITION BY account_id, rank ORDER BY valid_from, old DESC)
)
INSERT INTO cases_contactpoint (account_id, channel, rank, address, canonical, source, valid_from)
SELECT account_id, 'email', rank, address, canonical, 'flag:' || left(source, 90), valid_from
FROM changes WHERE NOT old AND canonical IS DISTINCT FROM before
ON CONFLICT (account_id, channel, rank, valid_from) DO NOTHING
"""

# Account by account, and once: while the tables are new the planner knows nothing of their contents, and left to
# itself it would work the periods of all accounts out again for every address.
_END_PERIODS = """
WITH ends AS MATERIALIZED (
    SELECT p.id, p.ends FROM held h
    CROSS JOIN LATERAL (
        SELECT id, valid_to, lead(valid_from) OVER (PARTITION BY rank ORDER BY valid_from) AS ends
        FROM cases_contactpoint c WHERE c.account_id = h.account_id AND c.channel = 'email'
    ) p
    WHERE NOT (h.fresh AND h.reports = 1) AND p.valid_to IS DISTINCT FROM p.ends
)
UPDATE cases_contactpoint p SET valid_to = ends.ends FROM ends WHERE ends.id = p.id
"""

# Addresses on other channels, and verified ones: what few files have.
_OTHERS = """
CREATE TEMPORARY TABLE IF NOT EXISTS others (
    line bigint, channel text, address text, canonical text, verified_at timestamptz
) ON COMMIT DELETE ROWS;
DELETE FROM others
"""
_OTHERS_COLUMNS = "line channel address canonical verified_at".split()
_OTHERS_TYPES = "int8 text text text timestamptz".split()
_NAME_OTHERS = """
INSERT INTO named (
    line, account_id, channel, rank, valid_from, address, canonical, source, changed_by, label, verified_at
)
SELECT o.line, h.account_id, o.channel, 0, i.reported_at, o.address, o.canonical, 'flag:' || left(i.source, 90),
       'import', '', o.verified_at
FROM others o JOIN incoming i USING (line) JOIN held h USING (external_id)
"""

_OPEN_CASES = """
WITH opened AS (
    INSERT INTO cases_case (account_id, policy_id, ladder_id, wave_id, state, resolution, version, opened_at)
    SELECT DISTINCT h.account_id, i.policy_id, l.ladder_id, %(wave)s::bigint, %(state)s, '', 1, %(at)s::timestamptz
    FROM incoming i
    JOIN held h USING (external_id)
    JOIN (SELECT policy_id, max(id) AS ladder_id FROM cases_ladder GROUP BY policy_id) l USING (policy_id)
    ON CONFLICT (account_id, policy_id) WHERE NOT (state = 'closed') DO NOTHING
    RETURNING id
)
INSERT INTO cases_transition (case_id, old, new, actor_id, actor_label, reason, at)
SELECT id, '', %(state)s, %(actor)s::integer, %(label)s, 'flagged', %(at)s FROM opened
"""

_FLAGS = """
INSERT INTO cases_flag (source, reference, case_id, wave_id, reported_at, reason, evidence)
SELECT i.source, i.reference, c.id, %(wave)s, i.reported_at, i.reason, i.evidence::jsonb
FROM incoming i
JOIN held h USING (external_id)
JOIN cases_case c ON c.account_id = h.account_id AND c.policy_id = i.policy_id AND NOT (c.state = 'closed')
ON CONFLICT (source, reference) DO NOTHING
"""


def merge(
    rows: Iterable[FlagRow], policies: Mapping[str, int], *, wave_id: int | None, actor: Actor, at: datetime
) -> dict[str, int]:
    """Merge a batch.

    Args:
        rows: some thousands; each policy slug is a key of `policies` (slug to id).
        wave_id: the run that they belong to.

    Returns:
        Counts: flags_new, flags_known, cases_opened, cases_joined, accounts_new.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_INCOMING)
        with cursor.copy(f"COPY incoming ({_COLUMNS}) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(_TYPES)
            read = 0
            others = []
            for row in rows:
                copy.write_row(_row(row, policies))
                read += 1
                if row.others:
                    others.append(row)
        cursor.execute("ANALYZE incoming")
        cursor.execute(_DROP_REPEATED)
        cursor.execute(_DROP_KNOWN)
        cursor.execute(_NEW_ACCOUNTS)
        accounts_new = cursor.rowcount
        cursor.execute(_KNOWN_ACCOUNTS)
        if cursor.rowcount:
            cursor.execute(_DROP_KNOWN)  # again, now that nobody else can add flags of these accounts
            cursor.execute(_DESCRIBE)
        cursor.execute("ANALYZE held")
        cursor.execute(_FIRST_ADDRESSES)
        cursor.execute(_FURTHER_ADDRESSES)
        cursor.execute(_END_PERIODS)
        if others:
            _merge_others(others)
        values: dict[str, Any] = {
            "wave": wave_id,
            "state": State.OPEN.value,
            "at": at,
            "actor": actor.user_id,
            "label": actor.label,
        }
        cursor.execute(_OPEN_CASES, values)
        opened = cursor.rowcount
        cursor.execute(_FLAGS, values)
        new = cursor.rowcount
    return {
        "flags_new": new,
        "flags_known": read - new,
        "cases_opened": opened,
        "cases_joined": new - opened,
        "accounts_new": accounts_new,
    }


def _merge_others(rows: Iterable[FlagRow]) -> None:
    """Merge what rows say of other channels and of verified addresses, after their e-mail addresses."""
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS)
        cursor.execute(TABLE)
        lines = ((row.line, *other) for row in rows for other in row.others)
        copy_into("others", _OTHERS_COLUMNS, _OTHERS_TYPES, lines)
        cursor.execute(_NAME_OTHERS)
    merge_named()


def _row(row: FlagRow, policies: Mapping[str, int]) -> tuple[Any, ...]:
    return (
        row.line,
        row.source,
        row.reference,
        row.external_id,
        row.display_name,
        row.language,
        row.timezone,
        policies[row.policy],
        row.reported_at,
        row.reason,
        row.evidence,
        [email for email, _ in row.emails],
        [canonical for _, canonical in row.emails],
    )
