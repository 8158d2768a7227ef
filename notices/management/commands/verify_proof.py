"""Check a proof bundle, by the program that lies in every bundle."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from notices import ledger
from notices.proof import verify


class Command(BaseCommand):
    help = (
        "Check a proof bundle and say what it proves, as verify.py does. Without --key, the ledger's own keys of this "
        "installation are trusted. Exit status: 0 accepted, 1 rejected."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verify.add_arguments(parser, key_help="trust this key instead")

    def handle(self, *, file: str, key: list[str], tsa_cert: list[str], **options: Any) -> None:
        keys = key or ledger.verifier_keys()
        accepted, said = verify.examine(file, keys, tsa_cert, as_json=options["json"])
        self.stdout.write(said, ending="")
        if not accepted:
            sys.exit(1)
