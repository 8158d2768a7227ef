"""The ledger from the command line: seal, verify, checkpoint, prove, key."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from notices import ledger
from notices.ledger.notes import BadKey, Signer, write_proof
from notices.ledger.tiles import NoTile
from notices.ledger.verifying import Report, verify
from notices.models import Checkpoint


class Command(BaseCommand):
    help = "Seal evidence into the ledger, verify the whole ledger, print checkpoints, proofs and keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        seal = verbs.add_parser(
            "seal", help="seal all evidence that waits, and sign the new head of the tree"
        )
        check = verbs.add_parser(
            "verify",
            help="look at every fact, tile, checkpoint and message; exit status 1 if anything is not as it was sealed",
        )
        check.add_argument(
            "--against",
            metavar="FILE",
            type=Path,
            action="append",
            default=[],
            help="an earlier checkpoint that was kept elsewhere, or a folder of such; may be given several times",
        )
        head = verbs.add_parser("checkpoint", help="print the latest checkpoint, as a signed note")
        head.add_argument("--size", type=int, help="the checkpoint of this many leaves")
        proof = verbs.add_parser(
            "prove", help="print the proof that a fact is in the ledger (C2SP tlog-proof)"
        )
        proof.add_argument("evidence", metavar="E-NUMBER", help="for example E-123")
        proof.add_argument("--size", type=int, help="in the tree of the checkpoint of this many leaves")
        proof.add_argument("--leaf", type=Path, metavar="FILE", help="write the leaf's exact bytes to FILE")
        key = verbs.add_parser("key", help="print a new key for LEDGER_KEY, and its public part")
        key.add_argument("name", nargs="?", help="the ledger's name; without it, LEDGER_ORIGIN")
        for verb in (seal, check, head, proof):
            verb.add_argument("--json", action="store_true", help="as JSON, for programs")

    def handle(self, *, verb: str, **options: Any) -> None:
        getattr(self, f"_{verb}")(**options)

    def _seal(self, *, json: bool, **_: Any) -> None:
        try:
            sealed = ledger.seal(now=datetime.now(UTC))
        except ledger.LedgerBroken as broken:
            raise CommandError(str(broken)) from None
        if json:
            self._print({"count": sealed.count, "size": sealed.size})
        else:
            self.stdout.write(f"Sealed {sealed.count:,}; the tree has {sealed.size:,} leaves.")

    def _verify(self, *, against: list[Path], json: bool, **_: Any) -> None:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        ) as bars:
            tasks: dict[str, TaskID] = {}

            def progress(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what)
                bars.update(tasks[what], completed=done, total=total)

            report = verify(against=_notes(against), on_progress=progress)
        if json:
            self._print(_as_json(report))
        else:
            self._tell(report)
        if not report.ok:
            sys.exit(1)

    def _tell(self, report: Report) -> None:
        for finding in report.findings:
            self.stdout.write(f"{finding.code}: {finding.sentence}")
        for code, count in report.more.items():
            self.stdout.write(f"{code}: {count:,} more.")
        looked = (
            f"{report.leaves:,} leaves, {report.waiting:,} facts waiting to be sealed, {report.checkpoints:,} "
            f"checkpoints, {report.notices:,} notices"
        )
        if report.ok:
            self.stdout.write(f"All is as it was sealed: {looked}.")
        else:
            count = len(report.findings) + sum(report.more.values())
            self.stdout.write(f"{count:,} findings. Looked at: {looked}.")
        if report.against:
            self.stdout.write(f"Compared with {report.against:,} checkpoints kept elsewhere.")
        else:
            self.stdout.write(
                "Whoever has the ledger's key could have rewritten all of it. Checkpoints that were kept elsewhere "
                "would tell: --against FILE."
            )

    def _checkpoint(self, *, size: int | None, json: bool, **_: Any) -> None:
        found = _checkpoint(size)
        if json:
            self._print(
                {
                    "number": found.pk,
                    "size": found.size,
                    "root": bytes(found.root).hex(),
                    "signed_at": found.signed_at.isoformat(),
                    "note": found.note,
                }
            )
        else:
            self.stdout.write(found.note, ending="")

    def _prove(self, *, evidence: str, size: int | None, leaf: Path | None, json: bool, **_: Any) -> None:
        match = re.fullmatch(r"(?:E-)?(\d{1,18})", evidence, re.IGNORECASE)
        if not match:
            raise CommandError(f"A fact is written like E-123, not {evidence!r}.")
        pk, head = int(match[1]), _checkpoint(size)
        try:
            proof = ledger.prove([pk], size=head.size)[pk]
        except (ledger.NotSealed, NoTile) as error:
            raise CommandError(str(error)) from None
        if leaf:
            leaf.write_bytes(proof.leaf)
        text = write_proof(proof.index, proof.hashes, head.note)
        if json:
            self._print({"index": proof.index, "leaf": proof.leaf.decode(), "proof": text})
        else:
            self.stdout.write(text, ending="")

    def _key(self, *, name: str | None, **_: Any) -> None:
        try:
            signer = Signer.generate(name or settings.LEDGER_ORIGIN)
        except BadKey as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"LEDGER_KEY={signer.secret()}")
        self.stderr.write(
            f"Keep it secret, and keep it: who has it signs as the ledger. Its public part, for everybody:\n"
            f"{signer.verifier}\n"
            "Put the public part of the key that it replaces into LEDGER_OLD_KEYS, so that what that one signed stays "
            "good."
        )

    def _print(self, value: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False))


def _checkpoint(size: int | None) -> Checkpoint:
    """The checkpoint of this size, or the latest. Raises CommandError."""
    found = ledger.latest_checkpoint() if size is None else Checkpoint.objects.filter(size=size).first()
    if found is None:
        what = "Nothing was sealed yet" if size is None else f"There is no checkpoint of {size} leaves"
        raise CommandError(f"{what}. `manage.py ledger seal` seals what waits.")
    return found


def _notes(paths: list[Path]) -> dict[str, str]:
    """The files, and the files in the folders, by path. Raises CommandError where one cannot be read."""
    notes = {}
    for path in paths:
        try:
            files = sorted(inner for inner in path.iterdir() if inner.is_file()) if path.is_dir() else [path]
            for file in files:
                notes[str(file)] = file.read_bytes().decode(errors="replace")
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    return notes


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "leaves": report.leaves,
        "waiting": report.waiting,
        "checkpoints": report.checkpoints,
        "notices": report.notices,
        "against": report.against,
        "findings": [
            {"code": finding.code, "where": finding.where, "sentence": finding.sentence}
            for finding in report.findings
        ],
        "more": report.more,
    }
