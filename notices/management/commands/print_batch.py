"""Hand the queued letters to a print shop: a ZIP of PDFs in print order with a CSV."""

from __future__ import annotations

import os
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from notices.channels.post.batches import LIMIT, make_batch, write_archive
from notices.models import LetterBatch


class Command(BaseCommand):
    help = (
        "Hands the queued letters over for printing, and writes them as a ZIP archive with a CSV. From then on they "
        "count as handed over. --again writes the archive of an earlier batch once more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE.zip")
        parser.add_argument("--again", metavar="B-12", help="an earlier batch, instead of a new one")
        parser.add_argument("--limit", type=int, default=LIMIT, help=f"at most so many letters ({LIMIT})")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["output"]
        if path.exists():
            raise CommandError(f"{path} is there already; name another file.")
        if not path.parent.is_dir():
            raise CommandError(f"There is no folder {path.parent}.")
        if options["limit"] < 1:
            raise CommandError("--limit takes a number of letters, at least 1.")
        batch = self._earlier(options["again"]) if options["again"] else self._new(options["limit"])
        if batch is None:
            self.stdout.write("No letter is waiting to be printed.")
            return
        # The batch stands whatever becomes of the file: --again writes it once more.
        try:
            _write(batch, path)
        except OSError as error:
            raise CommandError(
                f"Batch {batch} was made, but {path} could not be written ({error.strerror}). "
                f"Write it with: manage.py print_batch --again {batch} -o FILE.zip"
            ) from error
        letters = "1 letter" if batch.count == 1 else f"{batch.count} letters"
        self.stdout.write(f"Batch {batch}: {letters}, written to {path}.")

    def _new(self, limit: int) -> LetterBatch | None:
        return make_batch(actor="system:print_batch", now=timezone.now(), limit=limit)

    def _earlier(self, number: str) -> LetterBatch:
        digits = number.removeprefix("B-").removeprefix("b-")
        found = LetterBatch.objects.filter(pk=int(digits)).first() if digits.isdecimal() else None
        if found is None:
            raise CommandError(f"There is no batch {number}.")
        return found


def _write(batch: LetterBatch, path: Path) -> None:
    """Write the whole file or none: it appears under its name once it is complete."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            write_archive(batch, out)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
