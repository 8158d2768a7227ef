"""A whole site of its own for one test: servers, database, worker and beat as processes that can be killed."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]


class Site:
    """Runs the product's own commands as an operator would, in a folder of its own for servers and data."""

    def __init__(self, var: Path, **environment: str) -> None:
        self.var = var
        without = {"DATABASE_URL", "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE", "DUE_NOTICE_EMBEDDED"}
        self.env = {name: value for name, value in os.environ.items() if name not in without}
        self.env |= {
            "DUE_NOTICE_VAR": str(var),
            "NOTICE_SWEEP_EVERY_SECONDS": "1",
            "NOTICE_SWEEP_GRACE_SECONDS": "1",
            "NOTICE_CALLING_TIMEOUT_SECONDS": "3",
            **environment,
        }
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def start(self, *names: str) -> None:
        """Start processes, each in a group of its own: worker, beat."""
        commands = {
            "worker": ["worker", "-c", "2", "-Q", "send,default", "--loglevel", "WARNING"],
            "beat": ["beat", "--loglevel", "WARNING", "-s", str(self.var / "beat")],
        }
        for name in names:
            with (self.var / f"{name}.log").open("ab") as log:
                self._children[name] = subprocess.Popen(
                    [sys.executable, "-m", "tests.flows.celery_here", *commands[name]],
                    cwd=ROOT,
                    env=self.env,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Signal a process and all its children at once."""
        child = self._children.pop(name)
        os.killpg(child.pid, how)
        child.wait()

    def stop(self) -> None:
        for name in list(self._children):
            self.kill(name)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    def count(self, sql: str) -> int:
        return int(self.rows(sql)[0][0])

    @property
    def url(self) -> str:
        return str(json.loads(self._urls)["database"])

    @property
    def broker_url(self) -> str:
        return str(json.loads(self._urls)["broker"])

    def prepare(self, accounts: int) -> None:
        """Migrate, load the policies, and open a case for each of `accounts` accounts."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("load_policies", "tests/policies.toml")
        flags = self.var / "flags.csv"
        with flags.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(
                "reference external_id display_name email language timezone policy reported_at reason".split()
            )
            for n in range(accounts):
                person = [f"r{n}", f"u{n}", f"Person {n}", f"p{n}@mail.example", "en", "Europe/Berlin"]
                rows.writerow([*person, "data-selling", "2026-05-01T10:00:00+02:00", f"Sold {n} records."])
        self.manage("import_flags", str(flags), "--source", "test")
        self._urls = self.manage("shell", "-v", "0", "-c", _PRINT_URLS).strip().splitlines()[-1]

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds:.0f} s in vain until {what}; {self.tail()}"
            time.sleep(0.1)

    def tail(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in self.var.glob("*.log"))


_PRINT_URLS = (
    "import json, os; print(json.dumps({'database': os.environ['DATABASE_URL'], "
    "'broker': os.environ['CELERY_BROKER_URL']}))"
)


@contextmanager
def a_site(**environment: str) -> Iterator[Site]:
    """A site in a short-lived folder of its own; everything it started is gone afterwards."""
    var = Path(tempfile.mkdtemp(prefix="due-"))
    var.chmod(0o755)
    site = Site(var, **environment)
    try:
        # One user of the servers for the whole test: they stay up between the commands.
        with subprocess.Popen(
            [sys.executable, "-m", "tests.flows.celery_here", "hold"],
            cwd=ROOT,
            env=site.env,
            stdin=subprocess.PIPE,
        ) as holder:
            try:
                yield site
            finally:
                site.stop()
                holder.kill()
    finally:
        shutil.rmtree(var, ignore_errors=True)
