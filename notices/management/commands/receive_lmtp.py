"""Listen for mail that a mail server delivers by LMTP."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notices.inbound import lmtp


class Command(BaseCommand):
    help = (
        "Take in bounces, reports and replies from a mail server by LMTP (RFC 2033). Each message is on disk before "
        "it is answered; while the database is away the mail server is told to try again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--listen", default="127.0.0.1:2424", help="host:port, or the path of a Unix socket (has a slash)"
        )
        parser.add_argument(
            "--limit", type=int, default=lmtp.LIMIT, help="bytes; what is larger is refused for good (552)"
        )

    def handle(self, *, listen: str, limit: int, **options: Any) -> None:
        try:
            asyncio.run(self._serve(listen, limit))
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error

    async def _serve(self, listen: str, limit: int) -> None:
        serving = asyncio.ensure_future(lmtp.serve(listen, limit=limit, ready=self._ready))
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, serving.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    def _ready(self, where: str) -> None:
        self.stdout.write(f"Listening at {where}")
        self.stdout.flush()
