"""Running several programs as one: started together, watched, restarted when they crash, stopped in order."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0  # a process that ran this long is forgiven its earlier crashes

Write = Callable[[str, str], None]  # a process's name, one line that it wrote (or that is said about it)


@dataclass(frozen=True, slots=True)
class Process:
    """One program to run. Relative paths and modules are found from the project's root."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # added to this process's own environment
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 8.0  # then it is killed


class _Running:
    """A process that was started once, with all that it starts itself: they form a process group of their own."""

    def __init__(self, process: Process, output: int | None) -> None:
        self.process = process
        self.since = time.monotonic()
        self.child = subprocess.Popen(
            [sys.executable, "-S", "-E", "-m", "config.launch", str(os.getpid()), *process.argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **process.env},
            start_new_session=True,  # so that Ctrl-C reaches the supervisor alone, which then stops all in order
        )

    def kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.send_signal(self.process.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self.child.wait(self.process.stop_seconds)
        self.kill_group()
        self.child.wait()


class Supervisor:
    """Runs processes until `stop()`; they are started in their order, and stopped in the reverse.

    What they write goes line by line to `write(name, line)`, or, if `log_dir` is given, to a file for each in there
    and nowhere else. Sentences about crashes go to `write` in either case. When the supervisor
    itself is killed, the kernel tells its processes to end (on Linux).

    One thread starts and stops the processes, since the kernel ends a child with the thread that started it.
    """

    def __init__(self, processes: Sequence[Process], *, write: Write, log_dir: Path | None = None) -> None:
        self.processes = list(processes)
        self.write = write
        self.log_dir = log_dir
        self._running: dict[str, _Running] = {}
        self._due: dict[str, float] = {}  # processes to be started again, and when
        self._crashes: dict[str, int] = {}
        self._readers: dict[str, threading.Thread] = {}
        self._failure: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start every process, and return when all were started. Raises OSError if one cannot be."""
        self._thread.start()
        failure = self._failure.get()
        if failure is not None:
            raise failure

    def ask_to_stop(self) -> None:
        """Have everything stopped, without waiting for it. May be called from a signal handler, and twice."""
        self._stopping.set()

    def stop(self) -> None:
        """Stop every process, and return when none is left."""
        self.ask_to_stop()
        self.wait()

    def interrupt(self) -> None:
        """What Ctrl-C does: the first time it asks for the stop, from the second time on for a quick one."""
        if self._stopping.is_set():
            self.hurry()
        self.ask_to_stop()

    def hurry(self) -> None:
        """Have everything ended at once: the impatient form of `ask_to_stop`."""
        self.ask_to_stop()
        for running in list(self._running.values()):
            running.kill_group()

    def wait(self) -> None:
        """Return when everything has been stopped, which somebody must have asked for."""
        while self._thread.is_alive():
            self._thread.join(0.2)  # in short waits, so that signals are handled in between

    def wait_for_stop(self) -> None:
        """Return as soon as somebody asks for the stop."""
        while not self._stopping.wait(0.2):
            pass

    def pid(self, name: str) -> int:
        """The process id of a running process. Raises KeyError while it is down."""
        return self._running[name].child.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            try:
                for process in self.processes:
                    self._start(process)
            except OSError as error:
                self._failure.put(error)
                return
            self._failure.put(None)
            while not self._stopping.wait(0.1):
                self._look_after_all()
        finally:
            self._stop_all()

    def _look_after_all(self) -> None:
        now = time.monotonic()
        for process in self.processes:
            running = self._running.get(process.name)
            if running is None:
                if self._due[process.name] <= now:
                    self._start_again(process)
                continue
            status = running.child.poll()
            if status is None:
                continue
            running.kill_group()  # what it had started must not go on beside its successor
            del self._running[process.name]
            crashes = 1 if now - running.since > STEADY_SECONDS else self._crashes.get(process.name, 0) + 1
            pause = min(0.5 * 2**crashes, LONGEST_PAUSE_SECONDS)
            self._crashes[process.name], self._due[process.name] = crashes, now + pause
            self.write(
                process.name, f"{process.name} {_how_it_ended(status)}; it is started again in {pause:g} s."
            )

    def _start_again(self, process: Process) -> None:
        try:
            self._start(process)
        except OSError as error:  # no memory or no process to be had, for the moment
            self.write(process.name, f"{process.name} cannot be started: {error}.")
            self._due[process.name] = time.monotonic() + LONGEST_PAUSE_SECONDS

    def _start(self, process: Process) -> None:
        if self.log_dir is None:
            running = _Running(process, None)
            reader = threading.Thread(
                target=self._read, args=(running,), name=f"read {process.name}", daemon=True
            )
            reader.start()
        else:
            with open(self.log_dir / f"{process.name}.log", "ab") as log:
                running = _Running(process, log.fileno())
        self._running[process.name] = running

    def _read(self, running: _Running) -> None:
        assert running.child.stdout is not None
        with running.child.stdout as output:
            for line in output:
                self.write(running.process.name, line.decode(errors="replace").rstrip("\r\n"))

    def _stop_all(self) -> None:
        for process in reversed(self.processes):
            if process.name in self._running:
                self._running[process.name].stop()
                del self._running[process.name]
            if process.name in self._readers:
                self._readers[process.name].join(10.0)  # its last words; at once, but on a busy machine


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


class Follower:
    """Hands on what is written to a file from now on, line by line, also when the file is replaced by a new one."""

    def __init__(self, name: str, path: Path, write: Write) -> None:
        self.name, self.path, self.write = name, path, write
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"follow {name}", daemon=True)

    def start(self) -> None:
        self._position = self.path.stat().st_size if self.path.exists() else 0
        self._thread.start()

    def stop(self) -> None:
        """Hand on the rest, then end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stopping.wait(0.2)
            if self.path.exists():
                self._hand_on()

    def _hand_on(self) -> None:
        with open(self.path, "rb") as file:
            if self.path.stat().st_size < self._position:
                self._position = 0
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._position += len(line)
                self.write(self.name, line.decode(errors="replace").rstrip())
