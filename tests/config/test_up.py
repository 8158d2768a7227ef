from __future__ import annotations

import os
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

from config import embedded
from config.processes import free_port
from tests.config.programs import Up, is_running, processes_of, state, wait_until


def address(running: Up) -> str:
    running.wait_for("The site is at ")
    return running.written().partition("The site is at ")[2].partition(". Ctrl-C")[0]


def is_answering(site: str) -> bool:
    try:
        with urllib.request.urlopen(f"{site}/admin/login/", timeout=5) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def test_up_runs_everything_restarts_what_crashes_and_leaves_nothing(
    var: Path, up: Callable[..., Up]
) -> None:
    running = up()
    site = address(running)
    running.wait_for(" ready.")
    wait_until(lambda: is_answering(site))
    assert set(running.children()) == {"worker", "beat", "web"}
    servers = [state(var, server)["pid"] for server in ("postgres", "valkey")]

    for name in ("worker", "web"):
        os.kill(running.children()[name], signal.SIGKILL)
    running.wait_for("worker was ended by SIGKILL; it is started again in 1 s.")
    running.wait_for(" ready.", times=2)
    wait_until(lambda: is_answering(site))

    assert running.interrupt() == 0
    assert running.written().endswith("Everything has stopped.\n")
    assert not processes_of(var)
    assert not any(map(is_running, servers))


def test_up_starts_no_servers_where_urls_are_given_and_its_end_is_that_of_its_processes(
    var: Path, up: Callable[..., Up]
) -> None:
    name = f"test_up_{os.getpid()}"
    urls = {
        "DATABASE_URL": embedded.create_database(name),
        "CELERY_BROKER_URL": os.environ["CELERY_BROKER_URL"],
    }
    running = up(**urls)
    address(running)
    running.wait_for(" ready.")
    assert not (var / "postgres").exists()
    assert not (var / "valkey").exists()

    running.process.kill()
    running.process.wait()
    wait_until(lambda: not processes_of(var))
    embedded.drop_database(name)


def test_a_taken_port_is_not_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port, 1) is None
        assert free_port("127.0.0.1", port, 50) != port
