from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from config import embedded
from tests.config.programs import User, is_running, processes_of, state, wait_until

BOTH = ("postgres", "valkey")


def test_servers_outlive_a_killed_user_and_end_with_the_last(var: Path, user: Callable[..., User]) -> None:
    ann, ben = user(), user()
    database_url, broker_url = ann.urls()
    assert ben.urls() == [database_url, broker_url]

    ann.kill()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT current_setting('fsync')").fetchone() == ("on",)
    with redis.from_url(broker_url) as broker:
        assert broker.config_get("appendonly") == {"appendonly": "yes"}

    pids = [state(var, server)[whose] for server in BOTH for whose in ("pid", "keeper")]
    ben.kill()
    wait_until(lambda: not any(map(is_running, pids)))
    wait_until(lambda: not processes_of(var))


def test_what_is_stored_is_there_at_the_next_start_under_the_same_urls(
    var: Path, user: Callable[..., User]
) -> None:
    ann = user()
    urls = ann.urls()
    with psycopg.connect(urls[0]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'ÄÖÜ' AS word")
    with redis.from_url(urls[1]) as broker:
        broker.set("kept", "yes")
    ann.leave()

    ben = user()
    assert ben.urls() == urls
    with psycopg.connect(urls[0]) as connection:
        assert connection.execute("SELECT lower(word) FROM kept").fetchone() == ("äöü",)
    with redis.from_url(urls[1]) as broker:
        assert broker.get("kept") == b"yes"
    ben.leave()


def test_crashed_servers_are_started_again_where_they_were(var: Path, user: Callable[..., User]) -> None:
    ann = user()
    database_url, broker_url = ann.urls()
    crashed = {server: state(var, server)["pid"] for server in BOTH}
    for pid in crashed.values():
        os.kill(pid, signal.SIGKILL)

    for server, pid in crashed.items():
        wait_until(lambda server=server, pid=pid: state(var, server)["pid"] != pid)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with redis.from_url(broker_url) as broker:
        assert broker.ping()
    ann.leave()


def test_a_killed_keeper_takes_its_server_along_and_the_next_user_starts_both(
    var: Path, user: Callable[..., User]
) -> None:
    ann = user()
    urls = ann.urls()
    before = [state(var, server) for server in BOTH]
    for keeper in before:
        os.kill(keeper["keeper"], signal.SIGKILL)

    ben = user()
    assert ben.urls() == urls
    for keeper in before:
        wait_until(lambda keeper=keeper: not is_running(keeper["pid"]))
    with psycopg.connect(urls[0]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    ann.leave()
    ben.leave()


def test_two_checkouts_have_servers_of_their_own(var: Path, user: Callable[..., User]) -> None:
    here, there = user(var), user(var.with_name("deep" * 30))
    for one, other in zip(here.urls(), there.urls(), strict=True):
        assert one.split("@")[1] != other.split("@")[1]
    here.leave()
    there.leave()


def test_users_who_come_at_once_share_one_server(var: Path, user: Callable[..., User]) -> None:
    users = [user(DATABASE_URL="postgresql:///elsewhere") for _ in range(6)]
    assert len({user.urls()[1] for user in users}) == 1
    commands = [command for command in processes_of(var) if "config.embedded.keeper" in command]
    assert len(commands) == 1
    for user in users:
        user.leave()


def test_nothing_is_started_for_urls_that_are_given(var: Path, user: Callable[..., User]) -> None:
    urls = {"DATABASE_URL": "postgresql:///elsewhere", "CELERY_BROKER_URL": "amqp://elsewhere"}
    ann = user(**urls)
    assert ann.urls() == list(urls.values())
    ann.leave()
    assert not var.exists()


def test_nothing_is_started_in_production_mode(var: Path, user: Callable[..., User]) -> None:
    ann = user(DUE_NOTICE_MODE="production")
    assert "KeyError: 'DATABASE_URL'" in ann.complaint()
    assert not var.exists()


def test_a_server_that_cannot_start_says_why(var: Path, user: Callable[..., User]) -> None:
    (var / "postgres").mkdir(parents=True)
    (var / "postgres" / "PG_VERSION").write_text("18\n")  # and nothing else of a database
    ann = user(CELERY_BROKER_URL="amqp://elsewhere")
    complaint = ann.complaint()
    assert complaint.startswith("The embedded PostgreSQL ended while starting. The end of ")
    assert "postgresql.conf" in complaint
    assert ann.process.returncode == 1


def test_servers_end_when_their_directory_is_removed(var: Path, user: Callable[..., User]) -> None:
    ann = user(DATABASE_URL="postgresql:///elsewhere")
    ann.urls()
    pid = state(var, "valkey")["pid"]
    var.rename(var.with_name("removed"))
    wait_until(lambda: not is_running(pid))

    ben = user(DATABASE_URL="postgresql:///elsewhere")
    with redis.from_url(ben.urls()[1]) as broker:
        assert broker.ping()
    ann.leave()
    ben.leave()


@pytest.mark.parametrize(
    "command", ["", "help", "migrate --help", "check --deploy", "collectstatic --noinput"]
)
def test_commands_that_need_no_server_start_none(command: str) -> None:
    assert not embedded.needs_servers(["manage.py", *command.split()])


def test_databases_beside_the_default_one_can_be_made_and_dropped() -> None:
    name = f'test "quoted" {os.getpid()}'
    url = embedded.create_database(name)
    assert embedded.create_database(name) == url
    with psycopg.connect(url) as connection:
        assert connection.info.dbname == name
        embedded.drop_database(name)
    embedded.drop_database(name)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)
