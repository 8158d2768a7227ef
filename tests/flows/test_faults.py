"""Faults are normal: worker, broker and database are really killed in mid-wave, with a real SMTP server counting."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest
import redis

from config.embedded.place import Place
from notices import tokens
from tests.flows.counting import Counting, counting_server
from tests.flows.site import Site, a_site

ACCOUNTS = 1_500


@pytest.fixture
def mail() -> Iterator[tuple[Counting, int]]:
    # Slow enough that the wave lasts while things are killed.
    with counting_server(seconds_each=0.005) as served:
        yield served


@pytest.fixture
def site(mail: tuple[Counting, int]) -> Iterator[Site]:
    with a_site(EMAIL_URL=f"smtp://127.0.0.1:{mail[1]}?role=relay&tls=no&timeout=5") as made:
        made.prepare(ACCOUNTS)
        yield made


def unsettled(site: Site) -> int:
    return site.count("SELECT count(*) FROM notices_delivery WHERE state IN ('queued', 'calling')")


def sent(site: Site) -> int:
    return site.count("SELECT count(*) FROM notices_delivery WHERE channel = 'email' AND state = 'accepted'")


def start_wave(site: Site) -> None:
    site.start("worker", "beat")
    site.manage("warn_wave", "W-1")
    site.wait_until(lambda: sent(site) > 0, "something is sent")


def assert_every_notice_once_or_in_doubt(
    site: Site, mail: Counting, accounts: int = ACCOUNTS
) -> Counter[str]:
    """Received once and accepted, or unknown and visible; never missing, never twice without a linked attempt."""
    rows = site.rows(
        "SELECT id, state, retry_of_id FROM notices_delivery WHERE channel = 'email' ORDER BY id"
    )
    assert len([pk for pk, _, retry_of in rows if retry_of is None]) == accounts
    first: dict[int, int] = {}
    states: dict[int, list[str]] = {}
    for pk, state, retry_of in rows:
        first[pk] = first.get(retry_of, pk)
        states.setdefault(first[pk], []).append(state)
    received: Counter[int | None] = Counter()
    for message_id, times in mail.received.items():
        received[tokens.read_message_id(message_id)] += times
    assert received.keys() <= states.keys()
    for pk, attempts in states.items():
        assert received[pk] <= len(attempts), f"D-{pk}: {received[pk]} times in {len(attempts)} attempts"
        if received[pk] == 0:
            assert set(attempts) == {"unknown"}, f"D-{pk} is {attempts}, but nobody received it"
        assert not set(attempts) & {"queued", "calling"}
    lost = site.count("SELECT count(DISTINCT delivery_id) FROM notices_evidence WHERE kind = 'lost'")
    assert lost >= sum("unknown" in attempts for attempts in states.values())
    return Counter(state for attempts in states.values() for state in attempts)


# A kill leaves up to two batches of 100 in doubt, and a life settles a few hundred: enough for ten of them.
MANY = 6_000


@pytest.fixture
def large_site(mail: tuple[Counting, int]) -> Iterator[Site]:
    mail[0].seconds_each = 0.01
    with a_site(EMAIL_URL=f"smtp://127.0.0.1:{mail[1]}?role=relay&tls=no&timeout=5") as made:
        made.prepare(MANY)
        yield made


def test_a_worker_killed_ten_times_in_mid_wave(large_site, mail):
    site = large_site
    start_wave(site)
    for _ in range(10):
        time.sleep(random.uniform(0.05, 0.9))
        assert unsettled(site)
        site.kill("worker")
        site.start("worker")
        before = sent(site)
        site.wait_until(lambda b=before: sent(site) > b or not unsettled(site), "the new worker sends")
    site.wait_until(lambda: unsettled(site) == 0, "all is settled", seconds=150)
    states = assert_every_notice_once_or_in_doubt(site, mail[0], MANY)
    assert states["accepted"] > states["unknown"]


def test_what_a_kill_left_in_doubt_is_repeated_only_as_a_linked_attempt(mail):
    with a_site(
        EMAIL_URL=f"smtp://127.0.0.1:{mail[1]}?role=relay&tls=no&timeout=5",
        NOTICE_RESEND_UNKNOWN="after_seconds:1",
    ) as site:
        site.prepare(ACCOUNTS)
        start_wave(site)
        for _ in range(3):
            site.kill("worker")
            site.start("worker")
            before = sent(site)
            site.wait_until(lambda b=before: sent(site) > b or not unsettled(site), "the new worker sends")
        in_doubt = (
            "SELECT count(*) FROM notices_delivery d WHERE state = 'unknown' AND retry_of_id IS NULL AND"
        )
        site.wait_until(
            lambda: (
                unsettled(site) == 0
                and not site.count(
                    f"{in_doubt} NOT EXISTS (SELECT 1 FROM notices_delivery r WHERE r.retry_of_id = d.id)"
                )
            ),
            "every doubt is repeated",
        )
        assert_every_notice_once_or_in_doubt(site, mail[0])
        linked = site.rows("SELECT retry_reason, state FROM notices_delivery WHERE retry_of_id IS NOT NULL")
        assert linked
        assert all("outcome unknown" in reason and state == "accepted" for reason, state in linked)


def test_a_broker_that_forgets_everything_loses_nothing(site, mail):
    start_wave(site)
    for _ in range(3):
        redis.Redis.from_url(site.broker_url).flushall()
        time.sleep(0.3)
    site.wait_until(lambda: unsettled(site) == 0, "all is settled")
    assert assert_every_notice_once_or_in_doubt(site, mail[0]) == {"accepted": ACCOUNTS}


def test_a_database_that_restarts_loses_nothing(site, mail):
    start_wave(site)
    for _ in range(2):
        postmaster = int((Place(site.var).data("postgres") / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGQUIT)  # an immediate shutdown: crash recovery follows
        time.sleep(1)
        site.wait_until(lambda: _answers(site), "the database is back")
    site.wait_until(lambda: unsettled(site) == 0, "all is settled")
    states = assert_every_notice_once_or_in_doubt(site, mail[0])
    assert states["accepted"] > states["unknown"]


def _answers(site: Site) -> bool:
    try:
        return site.count("SELECT 1") == 1
    except psycopg.Error:  # while the server is away
        return False
