"""Flags in a file to open cases: `python -m bench.intake [--rows N]`. Made-up flags with all their mess, fsync on.

Each run imports the same file into an empty database. Peak memory is of the importing process.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bench.harness import ROOT, measure, report, start_django


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    start_django("due_notice_bench")
    from demo.people import write_flags

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flags.csv"
        write_flags(path, accounts=options.rows, rows=options.rows)
        before = peak_megabytes()
        result = measure(lambda: run(path), runs=options.runs)
    median = result["median"]
    counted = median["cpu_python"] + median["cpu_postgres"]
    report(
        "intake",
        {
            "rows": options.rows,
            "flags_per_second": round(options.rows / median["seconds"]),
            "cpu_seconds_per_1000": round(1000 * counted / options.rows, 3),
            "peak_megabytes": round(peak_megabytes()),
            "peak_megabytes_before": round(before),
            **result,
        },
    )


def run(path: Path) -> Mapping[str, float]:
    from cases.actions.intake import import_flags
    from cases.actions.intake.importing import known_policies
    from cases.actions.policies import load_policies
    from cases.actors import system
    from cases.reading import read_flags

    empty()
    load_policies(ROOT / "demo" / "policies.toml")
    now = datetime.now(UTC)
    started = time.perf_counter()
    done = import_flags(
        read_flags(path, source="bench", policies=known_policies().keys(), now=now),
        actor=system("bench"),
        at=now,
    )
    seconds = time.perf_counter() - started
    return {"seconds": seconds, **{name: float(count) for name, count in done.counts.items()}}


def empty() -> None:
    """Empty the tables in spite of the triggers that forbid it: this database is the benchmark's own."""
    from django.apps import apps
    from django.db import connection, transaction

    tables = ", ".join(
        m._meta.db_table for app in ("cases", "notices") for m in apps.get_app_config(app).get_models()
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"TRUNCATE {tables} CASCADE")
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
