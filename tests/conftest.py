from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import django
import pytest

from config import embedded
from tests.flows import dovecot, postfix

embedded.use()  # processes of pytest-xdist inherit the URLs

# Set here and not in pyproject.toml, since pytest-django would load the settings before this file is read.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# The first process of this run. Its id names the run's databases, so that two runs on one server do not meet.
RUN = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw")

if "valkey" in embedded.logs():
    # Each test process has a broker of its own too: one of the 1,000 databases of the embedded Valkey.
    number = 1 + (RUN * 8 + int(WORKER[2:] or 0)) % 999
    broker = urlsplit(os.environ["CELERY_BROKER_URL"])
    os.environ["CELERY_BROKER_URL"] = broker._replace(path=f"/{number}").geturl()

django.setup()


# A machine without these mail servers (or without root, as which they start) runs all other tests. Where they have to
# be there, as in CI, their tests fail without them.
SERVERS = {"postfix": postfix.USABLE, "dovecot": dovecot.USABLE}
LEFT_OUT = [
    name for name, usable in SERVERS.items() if not usable and not os.environ.get(f"REQUIRE_{name.upper()}")
]
collect_ignore = [f"flows/test_{name}.py" for name in LEFT_OUT]


def pytest_report_header() -> list[str]:
    return [f"{name} cannot be started here: tests/flows/test_{name}.py is left out" for name in LEFT_OUT]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """Name the test database for this run, and drop those of runs that were killed before they could do it."""
    from django.conf import settings
    from django.db import connections

    if request.config.getvalue("reuse_db"):
        request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")
        return
    name = settings.DATABASES["default"]["NAME"]
    connections["default"].settings_dict["TEST"]["NAME"] = f"test_{name}_{RUN}_{WORKER}"
    if "postgres" in embedded.logs() and WORKER in ("gw", "gw0"):
        drop_leftovers(re.compile(rf"test_{re.escape(name)}_(\d+)_gw\d*"))


def drop_leftovers(pattern: re.Pattern[str]) -> None:
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        names = [name for (name,) in connection.execute("SELECT datname FROM pg_database")]
    for name in names:
        match = pattern.fullmatch(name)
        if match and not is_running(int(match[1])):
            embedded.drop_database(name)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, as another user
    return True


@pytest.fixture(scope="session", autouse=True)
def empty_tables_in_spite_of_triggers() -> Iterator[None]:
    """Let Django empty the tables after a test with transaction=True.

    Append-only tables refuse TRUNCATE by a trigger, as they should. In the role of a replica a session fires no
    ordinary triggers; the role is taken for the one transaction that empties the tables. It takes a superuser, or
    the right to set this parameter (GRANT SET ON PARAMETER session_replication_role).
    """
    from django.db.backends.postgresql.operations import DatabaseOperations

    patch = pytest.MonkeyPatch()
    flush = DatabaseOperations.sql_flush

    def sql_flush(*args: object, **kwargs: object) -> list[str]:
        statements = flush(*args, **kwargs)
        return ["SET LOCAL session_replication_role = replica", *statements] if statements else []

    patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
    yield
    patch.undo()
