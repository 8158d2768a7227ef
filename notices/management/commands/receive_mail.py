"""Take in mail that came to our bounce address: one message on standard input, or a Maildir."""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from notices.inbound import Inbound, receive
from notices.inbound.reading import Known
from notices.inbound.receiving import explained

BATCH = 200


class Command(BaseCommand):
    help = (
        "Take in bounces and delivery reports. Without --maildir, reads one message from standard input, as a mail "
        "server pipes it (RFC 5322); the exit status is 75 (try again later) when it could not be stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--recipient", default="", help="the envelope recipient, where the mail server tells it"
        )
        parser.add_argument("--maildir", type=Path, help="take what lies in DIR/new, and move it to DIR/cur")
        parser.add_argument(
            "--watch", action="store_true", help="with --maildir: go on, looking twice a second"
        )

        parser.add_argument(
            "--explain",
            type=Path,
            nargs="+",
            metavar="FILE",
            help="print as JSON, a line for each file, what would be read in it; nothing is stored",
        )
        parser.add_argument(
            "--mailed",
            help="with --explain: the addresses that we mailed, by commas; without it every address counts as one",
        )

    def handle(
        self,
        *,
        recipient: str,
        maildir: Path | None,
        watch: bool,
        explain: list[Path] | None,
        mailed: str | None,
        **options: Any,
    ) -> None:
        if explain is not None:
            self._explain(explain, recipient, mailed)
            return
        if maildir is None:
            self._take_one(recipient)
            return
        if not (maildir / "new").is_dir():
            raise CommandError(f"{maildir} is not a Maildir: it has no folder new.")
        while True:
            taken = self._take_folder(maildir)
            if not watch and not taken:
                return
            if not taken:
                time.sleep(0.5)

    def _explain(self, files: list[Path], recipient: str, mailed: str | None) -> None:
        ours = Known(None if mailed is None else mailed.split(","), authserv_id=settings.NOTICE_AUTHSERV_ID)
        for file in files:
            try:
                message = Inbound(file.read_bytes(), recipient)
            except OSError as error:
                raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
            self.stdout.write(json.dumps({"file": str(file), **explained(message, ours)}, ensure_ascii=False))

    def _take_one(self, recipient: str) -> None:
        raw = sys.stdin.buffer.read()
        if not raw.strip():
            raise CommandError(
                "Nothing came on standard input. Pipe a message in: receive_mail < message.eml"
            )
        try:
            counts = receive([Inbound(raw, recipient)], now=datetime.now(UTC))
        except Exception as error:
            # EX_TEMPFAIL: the mail server keeps the message and tries again; nothing is lost.
            raise CommandError(f"Not stored, try again later: {error}", returncode=os.EX_TEMPFAIL) from error
        self.stdout.write(next(outcome for outcome, count in counts.items() if count))

    def _take_folder(self, maildir: Path) -> int:
        """Take one batch. A file moves only after its evidence is committed, so a crash takes it again, harmlessly."""
        entries = [Path(entry.path) for entry in islice(os.scandir(maildir / "new"), BATCH)]
        if not entries:
            return 0
        counts = receive([Inbound(path.read_bytes()) for path in entries], now=datetime.now(UTC))
        for path in entries:
            path.rename(maildir / "cur" / f"{path.name}:2,S")
        self.stdout.write(", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count))
        return len(entries)
