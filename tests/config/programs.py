"""Starting programs of ours as a person would, with a `var` of their own, and looking at what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from config.embedded import Place

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "CELERY_BROKER_URL", "DUE_NOTICE_EMBEDDED", "DJANGO_SETTINGS_MODULE")


def environment(var: Path, **more: str) -> dict[str, str]:
    """The environment of a newcomer: none of this test run's servers, data under `var`, no grace for idle servers."""
    mine = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**mine, "DUE_NOTICE_VAR": str(var), "DUE_NOTICE_KEEP_SECONDS": "0", **more}


USER = """
import os, sys
from config import embedded
try:
    embedded.use()
except embedded.EmbeddedError as error:
    sys.exit(str(error))
print(os.environ["DATABASE_URL"], os.environ["CELERY_BROKER_URL"], flush=True)
sys.stdin.read()
"""


class User:
    """A process that uses the embedded servers until its input ends."""

    def __init__(self, var: Path, **more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER],
            cwd=ROOT,
            env=environment(var, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def urls(self) -> list[str]:
        """The URLs of database and broker, once both servers run."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def complaint(self) -> str:
        return self.process.communicate()[1]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def leave(self) -> None:
        self.process.communicate()


def state(var: Path, server: str) -> dict[str, Any]:
    """What the keeper of a server says; fails if there is none."""
    found = Place(var).state(server)
    assert found is not None, f"nobody keeps {server} under {var}"
    return found


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"  # a zombie has ended


def processes_of(var: Path) -> list[str]:
    """The command lines of every process that was started with this `var`, or one below it, by whomever."""
    mark = f"DUE_NOTICE_VAR={var}".encode()
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            variables = (directory / "environ").read_bytes().split(b"\0")
            if any(variable.startswith(mark) for variable in variables):
                found.append((directory / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended while we looked, or is not ours
    return [command for command in found if command]


def wait_until(condition: Callable[[], Any], *, seconds: float = 60.0) -> None:
    """Fails if the condition does not come true; the time is only how long a broken program is waited for."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


class Up:
    """`manage.py up` in a terminal of its own."""

    def __init__(self, var: Path, output: Path, **more: str) -> None:
        self.output = output
        with open(output, "wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--workers=1"],
                cwd=ROOT,
                env=environment(var, **more),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def written(self) -> str:
        return self.output.read_text()

    def wait_for(self, text: str, *, times: int = 1) -> None:
        def is_there() -> bool:
            assert self.process.poll() is None or self.written().count(text) >= times, self.written()
            return self.written().count(text) >= times

        wait_until(is_there)

    def children(self) -> Mapping[str, int]:
        """The process ids of what it runs, by name."""
        found = {}
        for name, mark in (("worker", "worker"), ("beat", "beat"), ("web", "granian")):
            for directory in Path("/proc").glob("[0-9]*"):
                try:
                    parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
                    words = (directory / "cmdline").read_bytes().decode().split("\0")
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if parent == self.process.pid and mark in words:
                    found[name] = int(directory.name)
        return found

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)
