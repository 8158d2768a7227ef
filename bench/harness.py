"""What every benchmark needs: a database of its own, workers, CPU seconds of all processes, medians."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent


def start_django(database: str) -> None:
    """Use the embedded servers with an empty, migrated database called `database`, then load Django."""
    from config import embedded

    embedded.use()
    embedded.drop_database(database)
    os.environ["DATABASE_URL"] = embedded.create_database(database)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Postfix's smtp-sink on a free port; yields the port."""
    program = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
    if not Path(program).exists():
        sys.exit("smtp-sink is not installed. It comes with Postfix: apt-get install postfix")
    port = free_port()
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    sink = subprocess.Popen([program, *as_user, f"127.0.0.1:{port}", "256"], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _listens(port), "smtp-sink")
        yield port
    finally:
        sink.terminate()
        sink.wait()


@contextmanager
def celery_worker(processes: int) -> Iterator[None]:
    """A Celery worker with this many processes, on the environment as it is now."""
    command = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "-Q", "send,default"]
    command += ["-c", str(processes), "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    worker = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        from config.celery import app

        wait_for(lambda: bool(app.control.ping(timeout=0.5)), "the worker")
        yield
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"Waited {seconds:.0f} s in vain for {what}.")
        time.sleep(0.02)


def cpu_seconds() -> dict[str, float]:
    """CPU seconds so far, by program: Python (this process and its children), PostgreSQL, Valkey, smtp-sink.

    A parent's figure includes the children that ended and were waited for, so backends that came and went count.
    """
    seen = {"python": 0.0, "postgres": 0.0, "valkey": 0.0, "smtp-sink": 0.0}
    mine = {process.pid for process in psutil.Process().children(recursive=True)} | {os.getpid()}
    postgres_dir = os.environ["DATABASE_URL"]
    for process in psutil.process_iter(["name", "pid", "cmdline", "ppid"]):
        name = str(process.info["name"])
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        used = times.user + times.system + times.children_user + times.children_system
        if name.startswith("postgres") and postgres_dir:
            seen["postgres"] += used
        elif name.startswith("valkey"):
            seen["valkey"] += used
        elif name == "smtp-sink":
            seen["smtp-sink"] += used
        elif process.pid in mine:
            seen["python"] += used
    return seen


def measure(run: Callable[[], Mapping[str, float]], *, runs: int = 3) -> dict[str, Any]:
    """Run `runs` times; each figure's median, with every run beside it, and CPU seconds by program."""
    results: list[dict[str, float]] = []
    for _ in range(runs):
        before, started = cpu_seconds(), time.perf_counter()
        figures = dict(run())
        figures.setdefault("seconds", time.perf_counter() - started)
        after = cpu_seconds()
        figures |= {f"cpu_{name}": after[name] - before[name] for name in after}
        results.append(figures)
    return {
        "median": {name: round(statistics.median(r[name] for r in results), 4) for name in results[0]},
        "runs": [{name: round(value, 4) for name, value in r.items()} for r in results],
    }


def report(name: str, body: Mapping[str, Any]) -> None:
    """Print the result as JSON, with what it was measured on."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    print(json.dumps({"bench": name, "machine": machine, **body}, indent=2))
