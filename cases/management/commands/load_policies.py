"""Load policies, ladders and templates from a TOML file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cases.actions.policies import load_policies
from cases.policyfile import PolicyFileError


class Command(BaseCommand):
    help = "Load policies, ladders and templates from a TOML file: all of it or nothing. Loading it again adds nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *, file: Path, **options: Any) -> None:
        try:
            report = load_policies(file)
        except PolicyFileError as error:
            raise CommandError(f"Nothing was loaded. Mend this first:\n{error}") from error
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        added = ", ".join(f"{count} × {what}" for what, count in report.added.items()) or "nothing"
        self.stdout.write(f"Added: {added}. Already there: {report.kept}.")
