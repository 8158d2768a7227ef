"""PostgreSQL and Valkey of this checkout's own, under `var/`, for development, tests, benchmarks and the demo.

`use()` before Django loads is all that a program does. It starts the servers if they do not run, puts their URLs into
the environment for settings and for child processes, and keeps the servers running for as long as this process lives.
Nothing is started for a URL that the environment already has. See `keeper.py` for how they end.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from config.embedded.client import Use
from config.embedded.place import EmbeddedError, Place

__all__ = [
    "EmbeddedError",
    "Place",
    "create_database",
    "drop_database",
    "logs",
    "needs_servers",
    "release",
    "use",
]

VARIABLES = {"DATABASE_URL": "postgres", "CELERY_BROKER_URL": "valkey"}
# Set for child processes: the URLs that they inherit lead to our servers, so they hold these as well.
MARK = "DUE_NOTICE_EMBEDDED"

_in_use: dict[str, Use] = {}


def needs_servers(argv: Sequence[str]) -> bool:
    """Whether this command line of manage.py talks to a server at all."""
    without = {"help", "version", "check", "collectstatic", "makemessages", "compilemessages", "diffsettings"}
    return len(argv) > 1 and argv[1] not in without and not {"--help", "-h", "--version"} & set(argv)


def use(*, start: bool = True) -> None:
    """Make sure that DATABASE_URL and CELERY_BROKER_URL are set, and that the embedded servers behind them run.

    In production mode it does nothing: there a missing variable is an error for settings to report. With
    `start=False` the variables get values that settings can read, and no server is started.
    Raises EmbeddedError, in words for the person at the terminal, if a server cannot be started.
    """
    if os.environ.get("DUE_NOTICE_MODE", "development") == "production":
        return
    place = Place.here()
    if not start:
        os.environ["DATABASE_URL"] = os.environ.get("DATABASE_URL") or place.database_url()
        os.environ["CELERY_BROKER_URL"] = os.environ.get("CELERY_BROKER_URL") or "memory://"
        return
    inherited = _read_mark(place)
    wanted = [server for name, server in VARIABLES.items() if server in inherited or not os.environ.get(name)]
    for server in wanted:
        if server not in _in_use:
            _in_use[server] = Use(place, server)
    for name, server in VARIABLES.items():
        if server in wanted:
            url = _in_use[server].wait()
            # A URL that came with the mark may have been changed on the way, to another database of the same server.
            os.environ[name] = os.environ.get(name) or url
    if wanted:
        os.environ[MARK] = f"{','.join(wanted)}:{place.var}"


def release() -> None:
    """Stop using the servers; those that nobody else uses are stopped at once, and this waits for that.

    What this process forked holds on to them until it ends.
    """
    uses = list(_in_use.values())
    _in_use.clear()
    for one in uses:
        one.end()
    for one in uses:
        one.wait_for_stop()


def logs() -> dict[str, Path]:
    """The log files of the servers that this process uses, by the servers' names."""
    return {server: one.place.log(server) for server, one in _in_use.items()}


def create_database(name: str) -> str:
    """Create a database on the server of DATABASE_URL, if it is not there, and return its URL."""
    import psycopg
    from psycopg import errors, sql

    url = os.environ["DATABASE_URL"]
    # The second error: somebody else creates it this very moment.
    there_already = suppress(errors.DuplicateDatabase, errors.UniqueViolation)
    with psycopg.connect(url, autocommit=True) as connection, there_already:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return _url_of(url, name)


def drop_database(name: str) -> None:
    """Drop a database on the server of DATABASE_URL, if it is there, whoever is connected to it."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(_url_of(os.environ["DATABASE_URL"], "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _url_of(url: str, name: str) -> str:
    from urllib.parse import quote, urlsplit

    return urlsplit(url)._replace(path="/" + quote(name, safe="")).geturl()


def _read_mark(place: Place) -> list[str]:
    servers, _, var = os.environ.get(MARK, "").partition(":")
    return servers.split(",") if var == str(place.var) else []
