"""What is not in the tree: it waits in the queue, or somebody went round the queue."""

from __future__ import annotations

from django.db import connection

from notices.ledger.verifying import facts
from notices.ledger.verifying.findings import Findings, Progress

_PAGE = 8_192

_NEVER_QUEUED = """
    SELECT e.id FROM notices_evidence e
    LEFT JOIN (
        SELECT unnest(ids) AS id FROM notices_tile WHERE level = 0
        UNION ALL SELECT evidence_id FROM notices_sealqueue
    ) s ON s.id = e.id
    WHERE s.id IS NULL ORDER BY e.id
"""

_TWICE = """
    SELECT id, count(*) FROM (
        SELECT unnest(ids) AS id FROM notices_tile WHERE level = 0
        UNION ALL SELECT evidence_id FROM notices_sealqueue
    ) s
    GROUP BY id HAVING count(*) > 1 ORDER BY id
"""


def check(findings: Findings, tell: Progress) -> int:
    """Compare queue and tree with the evidence.

    Returns:
        How many rows the queue has.
    """
    waiting = _waiting(findings, tell)
    tell("evidence beside the tree", 0, 2)
    for pk in _ids(_NEVER_QUEUED):
        findings.add(
            "evidence_added",
            f"E-{pk}",
            f"E-{pk} is in the evidence, but neither sealed nor waiting to be: it was put there past the queue, or its "
            "place in the tree or the queue was removed.",
        )
    tell("evidence beside the tree", 1, 2)
    for pk in _ids(_TWICE):
        findings.add("sealed_twice", f"E-{pk}", f"E-{pk} is in the tree twice, or sealed and queued again.")
    tell("evidence beside the tree", 2, 2)
    return waiting


def _waiting(findings: Findings, tell: Progress) -> int:
    """Look at what waits: is it there, does its payload fit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM notices_sealqueue")
        total: int = cursor.fetchone()[0]
    after, done = 0, 0
    while done < total:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT evidence_id FROM notices_sealqueue WHERE evidence_id > %s ORDER BY 1 LIMIT %s",
                [after, _PAGE],
            )
            page = [pk for (pk,) in cursor.fetchall()]
        if not page:
            break
        known = facts.load(page, findings)
        for pk in page:
            if pk not in known:
                findings.add("evidence_deleted", f"E-{pk}", f"E-{pk} was deleted before it was sealed.")
        after, done = page[-1], done + len(page)
        tell("waiting facts", done, total)
    return total


def _ids(sql: str) -> list[int]:
    """The first column of a query, of its first 10,000 rows: a person needs no more to see what happened."""
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} LIMIT 10000")
        return [row[0] for row in cursor.fetchall()]
