from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo.worlds import World, running


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all tests: each writes to addresses of its own."""
    with running(tmp_path_factory.mktemp("world")) as world:
        yield world
