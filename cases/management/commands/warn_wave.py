"""Warn the accounts of every open case that an import opened."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cases.actions.waves import untouched, warn_wave
from cases.actors import system
from cases.progress import progress
from cases.refusals import Refused


class Command(BaseCommand):
    help = "Warn the accounts of every open case that wave W-N opened. Run again, it goes on with those not yet warned."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("wave", metavar="WAVE", help="as import_flags printed it, for example W-3")
        parser.add_argument(
            "--reason", default="", help="the facts for every notice; else what each account's flags say"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")

    def handle(self, *, wave: str, reason: str, dry_run: bool, **options: Any) -> None:
        match = re.fullmatch(r"(?:W-)?(\d{1,18})", wave, re.IGNORECASE)
        if not match:
            raise CommandError(f"WAVE is written like W-3, not {wave!r}.")
        wave_id = int(match[1])
        with progress() as bars:
            bar = bars.add_task("warning", total=untouched(wave_id), note="")
            try:
                report = warn_wave(
                    wave_id,
                    actor=system("warn_wave"),
                    reason=reason,
                    dry_run=dry_run,
                    on_progress=lambda looked_at: bars.advance(bar, looked_at),
                )
            except Refused as refused:
                raise CommandError(str(refused)) from refused
        self.stdout.write(f"{'Would be warned' if dry_run else 'Warned'}: {report.warned}.")
        for code, count in report.refused.most_common():
            self.stdout.write(f"Not warned: {count}, for example: {report.sentences[code]}")
