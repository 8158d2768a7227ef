"""Import what carriers report on letters."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from notices.channels.post.tracking import COLUMNS, TrackingFileError, import_tracking

_SHOWN = 50


class Command(BaseCommand):
    help = (
        f"Imports carriers' reports on letters from a CSV file with the columns {', '.join(COLUMNS)}. "
        "Importing a file again changes nothing. Rows that tell nothing are kept with their reasons."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        try:
            report = import_tracking(data, file=path.name, now=timezone.now())
        except TrackingFileError as error:
            raise CommandError(f"{path}: {error}") from error
        for line, reason in report.rejected[:_SHOWN]:
            self.stderr.write(f"{path}:{line}: {reason}")
        if len(report.rejected) > _SHOWN:
            self.stderr.write(
                f"... and {len(report.rejected) - _SHOWN} more; all are kept (admin, tracking rejects)."
            )
        self.stdout.write(
            f"{report.recorded} recorded, {report.known} known already, {len(report.rejected)} rejected."
        )
        if report.rejected:
            raise SystemExit(1)
