"""Work off a mailbox by IMAP."""

from __future__ import annotations

import contextlib
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db import connection
from imapclient import IMAPClient

from notices.inbound.imap import FAILURES, Mailbox, wait, work_off

_LONGEST_PAUSE = 60.0  # seconds between attempts to reach a server that is away


class Command(BaseCommand):
    help = (
        "Take in bounces, reports and replies from the mailbox that IMAP_URL names, and go on as mail comes. A message "
        "is moved (done=FOLDER) or marked only once it is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="take what is there, and end")
        parser.add_argument(
            "--poll",
            type=float,
            default=30.0,
            help="seconds between looks where the server cannot tell (IDLE)",
        )

    def handle(self, *, once: bool, poll: float, **options: Any) -> None:
        try:
            mailbox = Mailbox.from_url(settings.IMAP_URL)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if once:
            try:
                with self._connected(mailbox) as client:
                    work_off(client, mailbox, told=self._tell)
            except FAILURES as error:
                raise CommandError(f"{mailbox.host}: {error}") from error
            return
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: self._interrupt(stop))
        with contextlib.suppress(KeyboardInterrupt):
            self._go_on(mailbox, poll, stop)

    def _interrupt(self, stop: threading.Event) -> None:
        stop.set()
        raise KeyboardInterrupt  # also out of waiting for the server

    def _go_on(self, mailbox: Mailbox, poll: float, stop: threading.Event) -> None:
        pause = 1.0
        while not stop.is_set():
            try:
                with self._connected(mailbox) as client:
                    while not stop.is_set():
                        work_off(client, mailbox, told=self._tell)
                        pause = 1.0
                        wait(client, seconds=poll, sleep=stop.wait)
            except (*FAILURES, DatabaseError) as error:
                connection.close()
                self.stderr.write(f"{mailbox.host}: {error}; again in {pause:g} seconds")
                stop.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    @contextlib.contextmanager
    def _connected(self, mailbox: Mailbox) -> Iterator[IMAPClient]:
        client = mailbox.connect()
        try:
            yield client
        finally:
            with contextlib.suppress(*FAILURES):
                client.logout()

    def _tell(self, counts: dict[str, int]) -> None:
        self.stdout.write(", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count))
        self.stdout.flush()
