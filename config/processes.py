"""What runs beside the servers: worker, beat and site. `manage.py up` runs them all, and so does the demo."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

from django.conf import settings

from config.supervisor import Process

PYTHON = sys.executable
CELERY = (PYTHON, "-m", "celery", "--quiet", "--app=config.celery")


def all_processes(workers: int, host: str, port: int) -> list[Process]:
    """A worker of `workers` processes, the beat, and the site at host and port, all agreeing on the site's address."""
    address = (
        {} if settings.PRODUCTION else {"BASE_URL": os.environ.get("BASE_URL") or site_address(host, port)}
    )
    return [worker(workers, address), beat(address), web(host, port, address)]


def site_address(host: str, port: int) -> str:
    name = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host  # noqa: S104  (compared, not bound)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def worker(processes: int, env: Mapping[str, str]) -> Process:
    return Process(
        "worker",
        [
            *CELERY,
            "worker",
            "--loglevel=INFO",
            f"--concurrency={processes}",
            "--queues=send,default",
            # These three are talk among workers, of use to monitors that we do not have.
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ],
        {**env, **_no_lecture()},
    )


def beat(env: Mapping[str, str]) -> Process:
    return Process("beat", [*CELERY, "beat", "--loglevel=WARNING", "--pidfile="], {**env, **_no_lecture()})


def web(host: str, port: int, env: Mapping[str, str], *, threads: int = 4) -> Process:
    return Process(
        "web",
        [
            *(PYTHON, "-m", "granian", "--interface=wsgi", f"--host={host}", f"--port={port}", "--no-ws"),
            *(f"--blocking-threads={threads}", "--log-level=warning", "config.wsgi:application"),
        ],
        # A developer who looks at pages wants error pages that tell something.
        {**env, **({} if settings.PRODUCTION else {"DEBUG": os.environ.get("DEBUG") or "true"})},
    )


def free_port(host: str, first: int = 8000, count: int = 100) -> int | None:
    """The first port from `first` on that nobody listens at, among `count`; None if there is none."""
    for port in range(first, first + count):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        return port
    return None


def _no_lecture() -> dict[str, str]:
    """Celery warns at length against root. In a developer's container, which often has no other user, it is noise."""
    if settings.PRODUCTION or os.geteuid() != 0:
        return {}
    return {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}
