"""How much room a database takes, table by table. Django is loaded by the caller."""

from __future__ import annotations


def vacuum() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


def reindex() -> None:
    """Pack the indexes anew, as is done from time to time without stopping anything (REINDEX CONCURRENTLY)."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("REINDEX DATABASE CONCURRENTLY")


def counted(sql: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def database_size() -> int:
    return counted("SELECT pg_database_size(current_database())")


def tables() -> dict[str, dict[str, int]]:
    """Bytes of each of our tables: heap, TOAST (with its index), and every index by name."""
    from django.db import connection

    found: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, pg_relation_size(c.oid) + pg_relation_size(c.oid, 'fsm') + pg_relation_size(c.oid, 'vm'),
                   CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind = 'r'
            """
        )
        for name, heap, toast in cursor.fetchall():
            found[name] = {"heap": heap, "toast": toast}
        cursor.execute(
            """
            SELECT t.relname, i.relname, pg_relation_size(i.oid)
            FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
            JOIN pg_namespace n ON n.oid = t.relnamespace
            WHERE n.nspname = 'public'
            """
        )
        for table, index, size in cursor.fetchall():
            found[table][f"index {index}"] = size
    return found


def breakdown(before: dict[str, dict[str, int]], accounts: int) -> dict[str, dict[str, float]]:
    """Growth per account of each table that grew by a byte or more, largest first."""
    grown: dict[str, dict[str, float]] = {}
    for table, parts in tables().items():
        more = {
            part: round((size - before.get(table, {}).get(part, 0)) / accounts, 1)
            for part, size in parts.items()
        }
        more = {part: size for part, size in more.items() if size >= 0.5}
        if more:
            grown[table] = {"all": round(sum(more.values()), 1), **more}
    return dict(sorted(grown.items(), key=lambda item: -item[1]["all"]))


def rows() -> dict[str, int]:
    from django.apps import apps

    counts = {
        model._meta.db_table: model._default_manager.count()
        for app in ("cases", "notices")
        for model in apps.get_app_config(app).get_models()
    }
    return {table: number for table, number in counts.items() if number}
