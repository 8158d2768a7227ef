"""The ledger as the world sees it: the page, and the files of a tiled log, read by a monitor that trusts nothing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from notices.ledger import verifier_keys
from notices.models import Evidence
from tests.notices.ledger import naive
from tests.notices.ledger.builders import as_superuser, recorded, sealed

pytestmark = pytest.mark.django_db


class Monitor:
    """Reads a log over HTTP after C2SP tlog-tiles, knowing its verifier key only."""

    def __init__(self, client, vkey):
        self.client = client
        self.name, key_id, encoded = vkey.split("+", 2)
        self.key_id, raw = bytes.fromhex(key_id), base64.b64decode(encoded)
        assert raw[0] == 1
        self.key = Ed25519PublicKey.from_public_bytes(raw[1:])

    def get(self, path):
        answer = self.client.get(f"/ledger/{path}")
        assert answer.status_code == 200, path
        return answer.content

    def head(self):
        text, _, signature = self.get("checkpoint").decode().partition("\n\n— ")
        name, encoded = signature.removesuffix("\n").split(" ")
        raw = base64.b64decode(encoded)
        assert (name, raw[:4]) == (self.name, self.key_id)
        self.key.verify(raw[4:], f"{text}\n".encode())
        origin, size, root = text.split("\n")
        assert origin == self.name
        return int(size), base64.b64decode(root)

    def widths(self, count):
        return [256] * (count // 256) + ([count % 256] if count % 256 else [])

    def path(self, number, width):
        return f"{number:03}" + (f".p/{width}" if width < 256 else "")

    def entries(self, size):
        for number, width in enumerate(self.widths(size)):
            bundle = self.get(f"tile/entries/{self.path(number, width)}")
            while bundle:
                length = int.from_bytes(bundle[:2], "big")
                yield bundle[2 : 2 + length]
                bundle = bundle[2 + length :]

    def hashes(self, level, count):
        for number, width in enumerate(self.widths(count)):
            tile = self.get(f"tile/{level}/{self.path(number, width)}")
            assert len(tile) == 32 * width
            yield from (tile[i : i + 32] for i in range(0, len(tile), 32))


def test_a_monitor_that_trusts_nothing_finds_every_fact(client):
    facts = sealed(200, 400)
    monitor = Monitor(client, verifier_keys()[0])
    size, root = monitor.head()
    entries = list(monitor.entries(size))
    assert (size, root) == (600, naive.mth(entries))
    assert list(monitor.hashes(0, 600)) == [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
    assert list(monitor.hashes(1, 2)) == [naive.mth(entries[:256]), naive.mth(entries[256:512])]
    assert [json.loads(entry)["id"] for entry in entries] == facts.ids
    assert all(
        entry == json.dumps(json.loads(entry), sort_keys=True, separators=(",", ":")).encode()
        for entry in entries
    )


def test_a_monitor_notices_evidence_that_was_changed(client):
    sealed(300)
    with as_superuser() as cursor:
        cursor.execute(
            "UPDATE notices_evidence SET kind = 'acknowledged' WHERE id = (SELECT min(id) + 7 FROM notices_evidence)"
        )
    monitor = Monitor(client, verifier_keys()[0])
    size, root = monitor.head()
    assert naive.mth(list(monitor.entries(size))) != root


def test_a_monitor_of_another_key_believes_nothing(client):
    sealed(3)
    monitor = Monitor(client, verifier_keys()[0])
    monitor.key = Ed25519PublicKey.from_public_bytes(
        bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    )
    with pytest.raises(InvalidSignature):
        monitor.head()


def test_a_partial_tile_stays_as_it_was(client):
    ledger = sealed(3)
    before = client.get("/ledger/tile/0/000.p/3").content
    recorded(300, ledger.notice_id)
    sealed(1)
    assert client.get("/ledger/tile/0/000.p/3").content == before
    assert client.get("/ledger/tile/0/000").content.startswith(before)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001",
        "tile/0/000",
        "tile/0/000.p/4",
        "tile/0/000.p/0",
        "tile/0/000.p/03",
        "tile/0/000.p/256",
        "tile/0/0",
        "tile/1/000",
        "tile/1/000.p/1",
        "tile/00/000.p/3",
        "tile/64/000.p/3",
        "tile/-1/000",
        "tile/x/000",
        "tile/٠/000.p/3",
        "tile/0/x000/000.p/3",
        "tile/0/" + "x999/" * 30 + "999",
        "tile/0/" + "x999/" * 6 + "999",
        "tile/entries/000",
        "tile/entries/000.p/4",
        "tile/entries/001",
        "tile/data/000.p/3",
        "tile/0/../0/000",
        "tile/",
    ],
)
def test_what_the_tree_has_not_is_not_found(client, path):
    sealed(3)
    assert client.get(f"/ledger/{path}").status_code == 404


def test_before_the_first_fact_there_is_no_checkpoint(client):
    assert client.get("/ledger/checkpoint").status_code == 404
    assert client.get("/ledger/tile/0/000.p/1").status_code == 404
    assert "Nothing was entered yet" in client.get("/ledger/").content.decode()


def test_types_and_caching(client):
    sealed(300)
    checkpoint = client.get("/ledger/checkpoint")
    assert checkpoint["Content-Type"] == "text/plain; charset=utf-8"
    assert re.search(r"max-age=\d\b", checkpoint["Cache-Control"])
    for path in (
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ):
        answer = client.get(f"/ledger/{path}")
        assert answer["Content-Type"] == "application/octet-stream"
        assert "immutable" in answer["Cache-Control"]
        assert "public" in answer["Cache-Control"]


def test_entries_travel_compressed_to_who_can_read_that(client):
    sealed(300)
    plain = client.get("/ledger/tile/entries/000").content
    packed = client.get("/ledger/tile/entries/000", headers={"accept-encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain
    assert len(packed.content) < len(plain) / 2


@pytest.mark.parametrize("path", ["", "checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"])
def test_everything_is_read_without_a_session_and_by_reading_only(
    client, path, django_assert_max_num_queries
):
    sealed(3)
    with django_assert_max_num_queries(8 if path == "" else 2):
        answer = client.get(f"/ledger/{path}")
    assert answer.status_code == 200
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
    assert client.head(f"/ledger/{path}").status_code == 200
    assert client.post(f"/ledger/{path}").status_code == 405


def test_the_page_says_what_one_needs_to_check_it(client):
    sealed(3)
    recorded(1)
    page = client.get("/ledger/").content.decode()
    assert verifier_keys()[0] in page
    assert "there are new facts, not entered yet" in page
    assert client.get("/ledger/checkpoint").content.decode().split("\n")[2] in page
    assert "<script" not in page
    assert "style=" not in page


def test_an_entry_says_nothing_personal(client):
    recorded(1)
    sealed(1)
    notice = Evidence.objects.latest("pk").notice
    entries = client.get("/ledger/tile/entries/000.p/2").content.decode()
    assert notice.recipient not in entries
    assert notice.recipient_name not in entries
