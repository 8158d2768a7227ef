"""Hand out the proof of one notice: a ZIP that checks itself, offline."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notices import tokens
from notices.models import Notice
from notices.proof.building import NotProvable, build


class Command(BaseCommand):
    help = (
        "Write the proof bundle of a notice. NOTICE is its number (N-12), the reference printed on it, or its id. The "
        "bundle holds personal data, and the link by which the account holder opens the notice: hand it out with care."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("notice", metavar="NOTICE")
        parser.add_argument("-o", "--output", metavar="FILE.zip", type=Path, required=True)
        parser.add_argument("--force", action="store_true", help="overwrite FILE.zip")
        parser.add_argument(
            "--reduced",
            action="store_true",
            help="also where personal data were erased: every fact, without text, addresses and words",
        )

    def handle(self, *, notice: str, output: Path, force: bool, reduced: bool, **options: Any) -> None:
        if output.exists() and not force:
            raise CommandError(f"{output} exists. Name another file, or overwrite it with --force.")
        if not output.parent.is_dir():
            raise CommandError(f"There is no folder {output.parent}.")
        try:
            data = build(_notice_id(notice), now=datetime.now(UTC), reduced=reduced)
        except Notice.DoesNotExist:
            raise CommandError(f"There is no notice {notice}.") from None
        except NotProvable as error:
            raise CommandError(str(error)) from None
        _write(output, data)
        self.stdout.write(f"{output}: {len(data):,} bytes. Check it with: python verify.py {output.name}")


def _notice_id(text: str) -> int:
    """Raises CommandError."""
    match = re.fullmatch(r"(?:N-)?(\d{1,18})", text.strip(), re.IGNORECASE)
    if match:
        return int(match[1])
    found = tokens.read_reference(text)
    if found is not None:
        return found
    if re.fullmatch(r"N-\d+-\w+", text.strip(), re.IGNORECASE):
        raise CommandError(
            f"{text} is no reference of ours: its check letters are wrong. Is it copied correctly?"
        )
    raise CommandError(f"NOTICE is a notice number such as N-12, a printed reference or an id, not {text!r}.")


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing, readable by its owner alone. Raises CommandError."""
    part = path.with_name(path.name + ".part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        part.replace(path)
    except OSError as error:
        raise CommandError(f"{path} could not be written: {error}.") from None
