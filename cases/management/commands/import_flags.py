"""Read flags from a file and open cases for the accounts that they report."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cases.actions.intake import ImportReport, import_flags
from cases.actions.intake.importing import known_policies
from cases.actors import system
from cases.progress import progress
from cases.reading import FlagsFileError, RejectedRow, read_flags


class Command(BaseCommand):
    help = (
        "Read flags from FILE (CSV or JSON Lines, also gzipped) and open cases. Rows that cannot be taken are kept "
        "whole, with every reason. Importing a file again, or two that overlap, opens nothing twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--source", help="who reports, for rows that do not say")
        parser.add_argument("--policy", help="slug of the policy, for rows that do not say")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, keep nothing")
        parser.add_argument(
            "--rejects", type=Path, metavar="OUT.csv", help="write rejected rows there, to mend them"
        )

    def handle(
        self, *, file: Path, source: str | None, policy: str | None, dry_run: bool, **options: Any
    ) -> None:
        policies = known_policies()
        if policy and policy not in policies:
            loaded = ", ".join(sorted(policies)) or "none; run load_policies first"
            raise CommandError(f"There is no policy {policy!r}. Loaded: {loaded}.")
        with ExitStack() as stack:
            rejects = None
            if options["rejects"]:
                out = stack.enter_context(options["rejects"].open("w", newline="", encoding="utf-8"))
                rejects = csv.writer(out)
                rejects.writerow(["line", "reasons", "row"])
            bars = stack.enter_context(progress())
            bar = bars.add_task("importing", total=None, note="")

            def show(counts: Counter[str]) -> None:
                bars.update(bar, completed=counts["rows"], note=f"{counts['rejected']} rejected")

            def keep(row: RejectedRow) -> None:
                if rejects:
                    rejects.writerow([row.line, " ".join(row.reasons), row.raw])

            try:
                rows = read_flags(
                    file,
                    source=source or "",
                    policy=policy or "",
                    policies=policies.keys(),
                    now=datetime.now(UTC),
                )
                report = import_flags(
                    rows,
                    actor=system("import_flags"),
                    at=datetime.now(UTC),
                    file_name=file.name,
                    source=source or "",
                    dry_run=dry_run,
                    on_progress=show,
                    on_reject=keep,
                )
            except FlagsFileError as error:
                raise CommandError(f"{file}: {error}") from error
            except OSError as error:
                raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        self._say(report, dry_run)
        for warning in rows.report.warnings:
            self.stderr.write(f"Note: {warning}")

    def _say(self, report: ImportReport, dry_run: bool) -> None:
        c = report.counts
        name = "Dry run, nothing kept" if dry_run else f"Wave W-{report.wave_id}"
        self.stdout.write(
            f"{name}: {c['rows']} rows, {c['rejected']} rejected; flags: {c['flags_new']} new, "
            f"{c['flags_known']} known; cases: {c['cases_opened']} opened, {c['cases_joined']} flags joined one; "
            f"{c['accounts_new']} new accounts."
        )
