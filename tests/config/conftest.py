from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.config.programs import Up, User, processes_of, wait_until


@pytest.fixture
def var() -> Iterator[Path]:
    """A directory for embedded servers, not made yet.

    Not pytest's own temporary directory: that is closed to every other user, as often as a run of pytest begins, and
    PostgreSQL runs as another user when we are root. After the test nobody uses the servers, so they have to end.
    """
    directory = Path(tempfile.mkdtemp(prefix="due-notice-"))
    yield directory / "var"
    wait_until(lambda: not processes_of(directory))
    shutil.rmtree(directory)


@pytest.fixture
def user(var: Path) -> Iterator[Callable[..., User]]:
    """Start a process that uses the servers under `var`, or under another directory; it is gone after the test."""
    users: list[User] = []

    def start(directory: Path = var, **more: str) -> User:
        users.append(User(directory, **more))
        return users[-1]

    yield start
    for one in users:
        one.kill()


@pytest.fixture
def up(var: Path, tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Start `manage.py up` with the servers under `var`; it is gone after the test, if all is well with it."""
    started: list[Up] = []

    def start(**more: str) -> Up:
        started.append(Up(var, tmp_path / "output", **more))
        return started[-1]

    yield start
    for one in started:
        one.interrupt()
