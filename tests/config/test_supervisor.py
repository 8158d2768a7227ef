from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from config.supervisor import Follower, Process, Supervisor
from tests.config.programs import is_running, wait_until

STEADY = """
import signal, sys, time
def leave(*_):
    print(f"{sys.argv[1]} leaves")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print(f"{sys.argv[1]} is up")
time.sleep(600)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
os.write(1, b"%d\\n" % os.getpid())  # at once, and not in pieces among the other's
time.sleep(600)
"""


def program(name: str, code: str = STEADY, *, stop_seconds: float = 60.0) -> Process:
    return Process(name, [sys.executable, "-S", "-c", code, name], stop_seconds=stop_seconds)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def write(lines: list[str]) -> Callable[[str, str], None]:
    return lambda name, line: lines.append(f"{name}: {line}")


def test_processes_are_stopped_in_the_reverse_of_their_order(
    lines: list[str], write: Callable[[str, str], None]
) -> None:
    with Supervisor([program("first"), program("second")], write=write) as supervisor:
        wait_until(lambda: len(lines) == 2)
        pids = [supervisor.pid("first"), supervisor.pid("second")]
    assert lines[2:] == ["second: second leaves", "first: first leaves"]
    assert not any(map(is_running, pids))


def test_a_crash_is_told_and_repaired(lines: list[str], write: Callable[[str, str], None]) -> None:
    with Supervisor([program("frail", "import sys; sys.exit(3)"), program("steady")], write=write):
        wait_until(lambda: sum("is started again" in line for line in lines) == 2)
    told = [line for line in lines if line.startswith("frail")]
    assert told[:2] == [
        "frail: frail ended with status 3; it is started again in 1 s.",
        "frail: frail ended with status 3; it is started again in 2 s.",
    ]


def test_who_does_not_stop_is_killed_with_all_that_it_started(
    lines: list[str], write: Callable[[str, str], None]
) -> None:
    with Supervisor([program("stubborn", STUBBORN, stop_seconds=0.1)], write=write):
        wait_until(lambda: len(lines) == 2)
    wait_until(lambda: not any(is_running(int(line.removeprefix("stubborn: "))) for line in lines))


def test_a_second_interrupt_does_not_wait(lines: list[str], write: Callable[[str, str], None]) -> None:
    supervisor = Supervisor([program("stubborn", STUBBORN, stop_seconds=600.0)], write=write)
    supervisor.start()
    wait_until(lambda: len(lines) == 2)
    supervisor.interrupt()
    supervisor.interrupt()
    supervisor.wait()
    wait_until(lambda: not any(is_running(int(line.removeprefix("stubborn: "))) for line in lines))


def test_a_program_that_is_not_there_is_told_by_name(
    lines: list[str], write: Callable[[str, str], None]
) -> None:
    with Supervisor([Process("missing", ["/no/such/program"])], write=write):
        wait_until(lambda: lines)
    assert lines[0] == "missing: /no/such/program cannot be started: No such file or directory"


def test_quiet_processes_write_to_files(
    tmp_path: Path, lines: list[str], write: Callable[[str, str], None]
) -> None:
    log = tmp_path / "steady.log"
    with Supervisor([program("steady")], write=write, log_dir=tmp_path):
        wait_until(lambda: log.exists() and log.read_text())
    assert log.read_text() == "steady is up\nsteady leaves\n"
    assert lines == []


def test_a_followed_file_is_handed_on_from_now_on_in_whole_lines(
    tmp_path: Path, lines: list[str], write: Callable[[str, str], None]
) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    follower = Follower("server", log, write)
    follower.start()
    with open(log, "a") as file:
        file.write("new\nhal")
        file.flush()
        wait_until(lambda: lines == ["server: new"])
        file.write("f\n")
    wait_until(lambda: lines == ["server: new", "server: half"])
    log.write_text("anew\n")
    follower.stop()
    assert lines[2:] == ["server: anew"]
