"""Sealing: everything that was committed gets one place in the tree, whoever seals, dies or commits late."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.utils import OperationalError

from notices.ledger import LedgerBroken, latest_checkpoint, leaf, prove, seal, sealing
from notices.ledger.keys import verifiers
from notices.ledger.leaves import COLUMNS
from notices.ledger.notes import Head, open_note
from notices.ledger.verifying import verify
from notices.models import Checkpoint, Evidence, SealQueue, Tile
from notices.tasks import seal as seal_task
from tests.notices.builders import issued
from tests.notices.ledger import naive
from tests.notices.ledger.builders import NOW, as_superuser, recorded, sealed

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.django_db


def leaves() -> list[bytes]:
    """The leaves that the tree should have, from evidence and the order that the tiles state."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM notices_evidence")
        rows = {row[0]: leaf(row) for row in cursor.fetchall()}
    return [rows[pk] for pk in order()]


def order() -> list[int]:
    tiles = Tile.objects.filter(level=0).order_by("number").values_list("ids", flat=True)
    return [pk for ids in tiles for pk in ids]


def test_nothing_to_seal():
    assert seal(now=NOW) == sealing.Sealed(0, 0)
    assert latest_checkpoint() is None


def test_a_leaf_is_the_bytes_that_the_format_says():
    fact = recorded(1)
    row = Evidence.objects.get(pk=fact.ids[0])
    recorded_at = row.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    seal(now=NOW)
    assert prove(fact.ids, size=1)[fact.ids[0]].leaf.decode() == (
        f'{{"at":"2026-05-03T12:00:00.000000Z","commitment":"{bytes(row.commitment).hex()}","delivery":null,'
        f'"id":{row.pk},"key":"{bytes(row.key).hex()}","kind":"noted","notice":{fact.notice_id},'
        f'"recorded":"{recorded_at}","source":"test","test":false,"v":1}}'
    )


def test_all_that_waits_is_sealed_and_the_head_is_signed():
    facts = recorded(300)
    assert list(SealQueue.objects.order_by("pk").values_list("pk", flat=True)) == facts.ids
    assert seal(now=NOW) == sealing.Sealed(300, 300)
    assert not SealQueue.objects.exists()
    assert order() == facts.ids
    checkpoint = latest_checkpoint()
    assert bytes(checkpoint.root) == naive.mth(leaves())
    text, _ = open_note(checkpoint.note, verifiers())
    assert Head.read(text) == Head("localhost:8000/ledger", 300, bytes(checkpoint.root))
    assert checkpoint.signed_at == NOW


def test_the_tree_grows_from_where_it_was():
    sealed(1, 254, 1, 1, 300)
    assert list(Checkpoint.objects.values_list("pk", "size")) == [
        (1, 1),
        (2, 255),
        (3, 256),
        (4, 257),
        (5, 557),
    ]
    for checkpoint in Checkpoint.objects.all():
        assert bytes(checkpoint.root) == naive.mth(leaves()[: checkpoint.size])
    assert list(Tile.objects.order_by("level", "number").values_list("level", "number")) == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
    ]


def test_batches_go_on_where_the_one_before_ended(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 7)
    facts = recorded(40)
    assert seal(now=NOW) == sealing.Sealed(40, 40)
    assert order() == facts.ids
    assert bytes(latest_checkpoint().root) == naive.mth(leaves())


def test_no_way_of_inserting_goes_round_the_queue():
    issued_id = issued(NOW).pk
    columns = "(notice_id, kind, source, occurred_at, test, key, commitment)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO notices_evidence {columns} "
            "SELECT %s, 'noted', 'sql', now(), false, sha256(i::text::bytea), '' FROM generate_series(1, 3) i",
            [issued_id],
        )
        with connection.connection.cursor().copy(f"COPY notices_evidence {columns} FROM STDIN") as copy:
            copy.write_row((issued_id, "noted", "copy", NOW, False, b"k", b""))
    Evidence.objects.create(
        notice_id=issued_id, kind="noted", source="orm", occurred_at=NOW, key=b"o", commitment=b""
    )
    assert SealQueue.objects.count() == Evidence.objects.count() == 5


def test_the_task_seals():
    recorded(3)
    assert seal_task() == 3


def test_a_tree_that_was_tampered_with_is_not_signed_any_more():
    sealed(5)
    with as_superuser() as cursor:
        cursor.execute("UPDATE notices_tile SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40))")
    recorded(2)
    with pytest.raises(LedgerBroken, match=r"ledger verify"):
        seal(now=NOW)
    assert SealQueue.objects.count() == 2
    assert latest_checkpoint().size == 5


def test_evidence_deleted_before_it_was_sealed_does_not_stop_the_others(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 2)
    facts = recorded(8)
    with as_superuser() as cursor:
        cursor.execute("DELETE FROM notices_evidencepayload WHERE evidence_id = ANY(%s)", [facts.ids[:4]])
        cursor.execute("DELETE FROM notices_evidence WHERE id = ANY(%s)", [facts.ids[:4]])
    assert seal(now=NOW).count == 4
    assert [finding.where for finding in verify().findings] == [f"E-{pk}" for pk in facts.ids[:4]]


def test_a_broken_key_stops_the_sealer_and_loses_nothing(settings):
    settings.LEDGER_KEY = "PRIVATE+KEY+x"
    recorded(2)
    with pytest.raises(ImproperlyConfigured), transaction.atomic():
        seal(now=NOW)
    assert SealQueue.objects.count() == 2
    assert not Tile.objects.exists()


# --- Several at once, and sudden ends -------------------------------------------------------------------------------


def on_own_connection(act):
    try:
        return act()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_two_sealers_at_once_seal_everything_once(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 16)
    recorded(400)
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(on_own_connection, lambda: seal(now=NOW)) for _ in range(4)]
        assert sum(run.result().count for run in runs) <= 400
    seal(now=NOW)
    assert sorted(order()) == sorted(Evidence.objects.values_list("pk", flat=True))
    assert not SealQueue.objects.exists()
    assert verify().ok


@pytest.mark.django_db(transaction=True)
def test_while_one_seals_another_leaves_at_once():
    recorded(3)
    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        assert sealing._is_sealer()
        assert pool.submit(on_own_connection, lambda: seal(now=NOW)).result().count == 0
    assert seal(now=NOW).count == 3


@pytest.mark.django_db(transaction=True)
def test_a_fact_committed_late_with_a_smaller_id_is_sealed_later():
    notice_id = issued(NOW).pk
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as slow:
        late = slow.execute(
            "INSERT INTO notices_evidence (notice_id, kind, source, occurred_at, test, key, commitment) "
            "VALUES (%s, 'noted', 'late', now(), false, '\\x01', sha256('')) RETURNING id",
            [notice_id],
        ).fetchone()[0]
        facts = recorded(3, notice_id)
        assert late < min(facts.ids)
        assert seal(now=NOW).count == 3
        slow.commit()
    assert seal(now=NOW) == sealing.Sealed(1, 4)
    assert order() == [*facts.ids, late]
    assert bytes(latest_checkpoint().root) == naive.mth(leaves())
    assert prove([late], size=4)[late].index == 3


@pytest.mark.django_db(transaction=True)
def test_a_sealer_whose_connection_ends_midway_leaves_nothing_half_done(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 100)
    recorded(250)
    write, batches = sealing._write, []

    def cut_off(*args):
        write(*args)
        batches.append(args)
        if len(batches) == 2:
            with psycopg.connect(**connection.get_connection_params()) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])

    monkeypatch.setattr(sealing, "_write", cut_off)
    with pytest.raises(OperationalError):
        seal(now=NOW)
    connection.close()
    assert (len(order()), latest_checkpoint().size, SealQueue.objects.count()) == (100, 100, 150)
    monkeypatch.setattr(sealing, "_write", write)
    assert seal(now=NOW) == sealing.Sealed(150, 250)
    assert verify().ok


SLOW_SEALER = """
import sys
from config import embedded
embedded.use()
import django
django.setup()
from datetime import UTC, datetime
from notices.ledger import sealing
sealing.BATCH = 2
sealing.seal(now=datetime.now(UTC))
"""


@pytest.mark.django_db(transaction=True)
def test_a_sealer_that_is_killed_leaves_nothing_half_done():
    recorded(4000)
    params = connection.get_connection_params()
    url = f"postgresql://{params.get('user', '')}@/{params['dbname']}?host={params.get('host', '')}"
    given = connection.settings_dict
    if given.get("PASSWORD") or not str(given.get("HOST", "")).startswith("/"):
        url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**given)
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    sealer = subprocess.Popen([sys.executable, "-c", SLOW_SEALER], cwd=ROOT, env=environment)
    try:
        while Checkpoint.objects.count() < 3:
            assert sealer.poll() is None
            time.sleep(0.01)
    finally:
        sealer.send_signal(signal.SIGKILL)
        sealer.wait()
    size = latest_checkpoint().size
    assert size < 4000
    assert len(order()) + SealQueue.objects.count() == 4000
    assert seal(now=NOW).size == 4000
    assert bytes(latest_checkpoint().root) == naive.mth(leaves())
    assert verify().ok
