"""The triggers that guard evidence and tree: are they there, and switched on?"""

from __future__ import annotations

from django.db import connection

from notices.ledger.verifying.findings import Findings
from notices.models import Checkpoint, Evidence, EvidencePayload, Tile

_GUARDED = (Evidence, EvidencePayload, Tile, Checkpoint)


def check(findings: Findings) -> None:
    """Look for every trigger of the guarded tables. One query."""
    expected = {
        (model._meta.db_table, trigger.get_pgid(model)): trigger.name
        for model in _GUARDED
        for trigger in getattr(model._meta, "triggers", ())  # django-pgtrigger adds it
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE c.relname = ANY(%s) AND t.tgenabled IN ('O', 'A') AND pg_table_is_visible(c.oid)
            """,
            [[model._meta.db_table for model in _GUARDED]],
        )
        found = set(cursor.fetchall())
    for (table, name), rule in expected.items():
        if (table, name) not in found:
            findings.add(
                "rule_off",
                f"{table}.{rule}",
                f"The trigger {rule} of {table} is switched off or gone: what it guards against may have happened.",
            )
