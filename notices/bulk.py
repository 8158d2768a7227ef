"""Many rows at once: COPY in, ids ahead of time. The one place that knows psycopg's COPY."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models


def next_ids(model: type[models.Model], count: int) -> list[int]:
    """Take `count` ids from the model's sequence, so that rows can name each other before they are written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [row[0] for row in cursor.fetchall()]


def copy_rows(
    model: type[models.Model], columns: Sequence[str], types: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """COPY `rows` into the model's table (constraints and triggers apply).

    Args:
        columns: database column names.
        types: their PostgreSQL types, for the binary format.
        rows: one sequence per row, in the order of `columns`.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    with (
        connection.cursor() as cursor,
        cursor.copy(f'COPY "{model._meta.db_table}" ({names}) FROM STDIN (FORMAT binary)') as copy,
    ):
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
