"""Read the platform's record of addresses and take-over marks."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cases.actions.intake.contacts import import_contacts
from cases.actors import system
from cases.models import RejectedRow
from cases.progress import progress
from cases.reading import FlagsFileError, read_contacts

SHOWN = 10


class Command(BaseCommand):
    help = (
        "Read addresses, when each changed, who changed it, when it was verified, and take-over marks from FILE (CSV "
        "or JSON Lines, also gzipped), for accounts that were flagged. Rows that cannot be taken are kept whole, with "
        "every reason. Importing a file again adds nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--source", default="platform", help="the system that says so, for rows that do not say"
        )

    def handle(self, *, file: Path, source: str, **options: Any) -> None:
        with progress() as bars:
            bar = bars.add_task("importing", total=None, note="")

            def show(counts: Counter[str]) -> None:
                bars.update(bar, completed=counts["rows"], note=f"{counts['rejected']} rejected")

            now = datetime.now(UTC)
            try:
                rows = read_contacts(file, source=source, now=now)
                report = import_contacts(
                    rows,
                    actor=system("import_contacts"),
                    at=now,
                    file_name=file.name,
                    source=source,
                    on_progress=show,
                )
            except FlagsFileError as error:
                raise CommandError(f"{file}: {error}") from error
            except OSError as error:
                raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        c = report.counts
        self.stdout.write(
            f"Wave W-{report.wave_id}: {c['rows']} rows, {c['rejected']} rejected; "
            f"addresses: {c['addresses_new']} new, {c['addresses_verified']} found verified; "
            f"marks: {c['marks_new_or_ended']} new or ended."
        )
        for reject in RejectedRow.objects.filter(wave=report.wave_id).order_by("line")[:SHOWN]:
            self.stderr.write(f"Line {reject.line}: {' '.join(reject.reasons)}")
        if c["rejected"] > SHOWN:
            self.stderr.write(
                f"... and {c['rejected'] - SHOWN} more; all are kept with wave W-{report.wave_id}."
            )
        for warning in rows.report.warnings:
            self.stderr.write(f"Note: {warning}")
