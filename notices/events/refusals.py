"""How many requests were refused, by provider, day and reason. Nothing else of them is kept."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection

log = logging.getLogger(__name__)


def count(esp: str, reason: str) -> None:
    """Count one refusal. Without a database it is only logged: a refusal is worth no error."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO notices_webhookrefusal AS r (esp, day, reason, count, last_at)
                VALUES (%s, (now() AT TIME ZONE 'UTC')::date, %s, 1, clock_timestamp())
                ON CONFLICT (esp, day, reason) DO UPDATE SET count = r.count + 1, last_at = EXCLUDED.last_at
                """,
                [esp, str(reason)],
            )
    except DatabaseError as error:
        log.warning("A refused webhook of %s (%s) was not counted: %s", esp, reason, type(error).__name__)
