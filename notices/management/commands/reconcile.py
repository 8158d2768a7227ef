"""What did not come: overdue reports and gaps in the streams of reports, by stream."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import IO, Any, cast

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from notices.grading import moment
from notices.silence.reconciling import SHOWN, Line, Round, lines, reconcile


class Command(BaseCommand):
    help = (
        "Find deliveries without the report that their carrier should have sent, and streams whose reports are "
        "missing. Missing reports say nothing about a delivery; they hold back what would count on silence."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--ask", action="store_true", help="ask providers that can be asked about what is missing"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be found; write nothing, ask nobody"
        )
        parser.add_argument("--json", action="store_true", help="as JSON, for programs")

    def handle(self, *, ask: bool, dry_run: bool, **options: Any) -> None:
        now = datetime.now(UTC)
        done = reconcile(now=now, ask=ask and not dry_run, dry_run=dry_run)
        found = lines(now=now)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(done, found, dry_run), ensure_ascii=False, indent=2))
            return
        out = cast("IO[str]", self.stdout._out)
        console = Console(file=out, highlight=False, no_color=options["no_color"] or None)
        _print(console, done, found, asking=ask, dry_run=dry_run)


def _print(console: Console, done: Round, found: list[Line], *, asking: bool, dry_run: bool) -> None:
    if not found:
        console.print("Nothing was sent in the last seven days, and no gap is open.")
        return
    table = Table(
        title=f"Deliveries of the last {SHOWN.days} days", title_justify="left", box=None, pad_edge=False
    )
    table.add_column("stream")
    for name in ("accepted", "reported", "overdue"):
        table.add_column(name, justify="right")
    table.add_column("gap since")
    for name in ("asked", "answered"):
        table.add_column(name, justify="right")
    table.add_column("")
    for line in found:
        run = done.asked.get(line.stream)
        table.add_row(
            line.stream,
            str(line.accepted),
            f"{line.reported} of {line.expected}" if line.expected else "",
            str(line.overdue) if line.expected else "",
            moment(line.gap_since) if line.gap_since else "",
            str(run.asked) if run else "",
            str(run.answered) if run else "",
            line.note,
        )
    console.print(table)
    for sentence in _sentences(done, asking=asking, dry_run=dry_run):
        console.print(sentence, soft_wrap=True)


def _sentences(done: Round, *, asking: bool, dry_run: bool) -> list[str]:
    would = "would be" if dry_run else "was"
    said = [f"A gap in the reports of {stream} {would} opened." for stream in done.opened]
    said += [
        f"The gap in the reports of {stream} is closed: what was missing has come." for stream in done.closed
    ]
    said += [f"{stream}: {run.troubles[-1]}" for stream, run in done.asked.items() if run.troubles]
    if asking and dry_run:
        said.append("Nobody was asked: this was a dry run.")
    if done.regraded:
        said.append(f"{done.regraded} notices were graded anew.")
    return said


def _as_json(done: Round, found: list[Line], dry_run: bool) -> dict[str, Any]:
    streams = [
        {
            "stream": line.stream,
            "accepted": line.accepted,
            "expected": line.expected,
            "reported": line.reported,
            "overdue": line.overdue,
            "newly_overdue": done.overdue.get(line.stream, 0),
            "gap_since": line.gap_since.isoformat() if line.gap_since else None,
            "asked": done.asked[line.stream].asked if line.stream in done.asked else 0,
            "answered": done.asked[line.stream].answered if line.stream in done.asked else 0,
            "troubles": done.asked[line.stream].troubles if line.stream in done.asked else [],
            "note": line.note,
        }
        for line in found
    ]
    return {
        "dry_run": dry_run,
        "streams": streams,
        "opened": done.opened,
        "closed": done.closed,
        "regraded": done.regraded,
    }
