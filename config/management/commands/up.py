from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from rich.console import Console
from rich.text import Text

from config import embedded
from config.processes import all_processes, free_port, site_address
from config.supervisor import Follower, Supervisor

COLOURS = {
    "worker": "green",
    "beat": "yellow",
    "web": "cyan",
    "postgres": "blue",
    "valkey": "magenta",
    "up": "bold",
}


class Command(BaseCommand):
    help = (
        "Runs everything in this terminal until Ctrl-C: PostgreSQL and Valkey (unless DATABASE_URL and "
        "CELERY_BROKER_URL name yours), the worker, the beat that wakes the sweeps, and the site."
    )
    supervisor: Supervisor | None = None
    requires_system_checks: list[str] = []  # migrate runs them, and so does each of the processes

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workers", type=int, default=2, help="Processes that send notices (default 2).")
        parser.add_argument(
            "--host", default="127.0.0.1", help="Address that the site listens on (default 127.0.0.1)."
        )
        parser.add_argument(
            "--port", type=int, help="Port of the site (default 8000, or the next that is free)."
        )

    def handle(self, *, workers: int, host: str, port: int | None, **options: Any) -> None:
        if workers < 1:
            raise CommandError("--workers takes a number from 1 up.")
        self.console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self.printing = threading.Lock()
        self.on_signal(_leave)
        followers = [Follower(name, path, self.write) for name, path in embedded.logs().items()]
        for follower in followers:
            follower.start()
        try:
            self.run(workers, host, port)
        except KeyboardInterrupt:
            self.on_signal(lambda: None)
        finally:
            embedded.release()
            for follower in followers:
                follower.stop()
        self.say("Everything has stopped.")

    def run(self, workers: int, host: str, port: int | None) -> None:
        self.say("Bringing the database up to date …")
        call_command("migrate", interactive=False, verbosity=0)
        connections.close_all()
        found = free_port(host, port, 1) if port else free_port(host)
        if found is None:
            wanted = f"Port {port}" if port else "Every port from 8000 to 8099"
            raise CommandError(f"{wanted} of {host} is taken, or not ours to use. Name another with --port.")
        supervisor = self.supervisor = Supervisor(all_processes(workers, host, found), write=self.write)
        self.on_signal(supervisor.interrupt)
        supervisor.start()
        self.say(f"The site is at {site_address(host, found)}. Ctrl-C stops everything.")
        supervisor.wait_for_stop()
        self.say("Stopping …")
        supervisor.wait()

    def on_signal(self, action: Callable[[], None]) -> None:
        """Do this at Ctrl-C, when asked to end, and when the terminal is closed (unless that is to be ignored)."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda *_: action())

    def say(self, sentence: str) -> None:
        self.write("up", sentence)

    def write(self, name: str, line: str) -> None:
        try:
            with self.printing:
                self.console.print(Text.assemble((f"{name:>8} ", COLOURS.get(name, "")), ("│ ", "dim"), line))
        except (OSError, SystemExit):  # nobody reads any more; rich turns a broken pipe into SystemExit
            if self.supervisor is not None:
                self.supervisor.ask_to_stop()


def _leave() -> None:
    raise KeyboardInterrupt
