"""The door for mail servers: one reply for each recipient, and 250 only for what is on disk."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from notices import tokens
from notices.inbound import lmtp
from notices.inbound.packing import unpack
from notices.models import Delivery, Evidence, InboundMessage
from tests.flows.processes import our_door
from tests.notices.inbound import mails
from tests.notices.inbound.test_receiving import report, sent

Store = Callable[[Sequence[lmtp.Inbound]], list[bool]]


class Client:
    """Speaks LMTP by hand."""

    def __init__(self, where: str) -> None:
        if "/" in where:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(where)
        else:
            host, _, port = where.rpartition(":")
            self._socket = socket.create_connection((host, int(port)))
        self._socket.settimeout(20)
        self._file = self._socket.makefile("rb")
        self.greeting = self.reply()

    def reply(self) -> str:
        """One reply; of several lines, the last."""
        while True:
            line = self._file.readline().decode()
            if line[3:4] != "-":
                return line.strip()

    def say(self, command: str) -> str:
        self._socket.sendall(command.encode() + b"\r\n")
        return self.reply()

    def deliver(self, raw: bytes, *recipients: str, sender: str = "") -> list[str]:
        """The replies after the data, one for each recipient."""
        assert self.say(f"MAIL FROM:<{sender}>").startswith("250")
        for recipient in recipients:
            assert self.say(f"RCPT TO:<{recipient}>").startswith("250")
        assert self.say("DATA").startswith("354")
        stuffed = raw.replace(b"\r\n.", b"\r\n..")
        self._socket.sendall((b"." if raw.startswith(b".") else b"") + stuffed + b"\r\n.\r\n")
        return [self.reply() for _ in recipients]

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@contextlib.contextmanager
def client(where: str) -> Iterator[Client]:
    made = Client(where)
    try:
        assert made.say("LHLO relay.example.net").startswith("250")
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def listening(
    monkeypatch: pytest.MonkeyPatch,
    store: Store,
    address: str,
    limit: int = 10_000,
) -> Iterator[str]:
    """The server in a thread, with something else in the database's place."""
    monkeypatch.setattr(lmtp.Desk.__init__, "__defaults__", (store,))
    told: list[str] = []
    loop = asyncio.new_event_loop()
    serving = loop.create_task(lmtp.serve(address, limit=limit, ready=told.append))
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(_run, loop, serving)
        while not told:
            assert not running.done(), running.result()
            time.sleep(0.01)
        try:
            yield told[0]
        finally:
            loop.call_soon_threadsafe(serving.cancel)
            running.result(20)
            loop.close()


def _run(loop: asyncio.AbstractEventLoop, serving: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(serving)


class Shelf:
    """Stands in for the database: keeps messages, or is away."""

    def __init__(self) -> None:
        self.kept: list[lmtp.Inbound] = []
        self.batches: list[int] = []
        self.away = False

    def __call__(self, messages: Sequence[lmtp.Inbound]) -> list[bool]:
        time.sleep(0.05)
        if self.away:
            return [False] * len(messages)
        self.batches.append(len(messages))
        self.kept += messages
        return [True] * len(messages)


def test_each_recipient_has_its_own_reply_and_its_own_message(monkeypatch):
    shelf = Shelf()
    with listening(monkeypatch, shelf, "127.0.0.1:0") as where, client(where) as server:
        replies = server.deliver(
            b"Subject: x\r\n\r\n.dot\r\n", "bounce+1@ours.example", "bounce+2@ours.example"
        )
        assert [reply[:3] for reply in replies] == ["250", "250"]
        assert [m.recipient for m in shelf.kept] == ["bounce+1@ours.example", "bounce+2@ours.example"]
        assert {m.raw for m in shelf.kept} == {b"Return-Path: <>\r\nSubject: x\r\n\r\n.dot\r\n\r\n"}
        assert (
            server.deliver(b"Subject: y\r\n\r\n", "a@ours.example", sender="joe@mail.example")[0][:3] == "250"
        )
        assert shelf.kept[-1].raw.startswith(b"Return-Path: <joe@mail.example>\r\n")


def test_while_the_database_is_away_the_mail_server_keeps_the_message(monkeypatch):
    shelf = Shelf()
    shelf.away = True
    with listening(monkeypatch, shelf, "127.0.0.1:0") as where, client(where) as server:
        assert server.deliver(b"x\r\n", "a@ours.example", "b@ours.example") == [
            "451 4.3.0 Not stored, try again later",
            "451 4.3.0 Not stored, try again later",
        ]
        shelf.away = False
        assert server.deliver(b"x\r\n", "a@ours.example")[0][:3] == "250"


def test_a_fault_of_ours_closes_no_door(monkeypatch):
    def broken(messages: Sequence[lmtp.Inbound]) -> list[bool]:
        raise RuntimeError("broken")

    with listening(monkeypatch, broken, "127.0.0.1:0") as where, client(where) as server:
        assert [server.deliver(b"x\r\n", "a@ours.example")[0][:3] for _ in range(2)] == ["451", "451"]


def test_what_is_too_large_is_refused_once_for_each_recipient_and_the_next_is_taken(monkeypatch):
    shelf = Shelf()
    with listening(monkeypatch, shelf, "127.0.0.1:0") as where, client(where) as server:
        assert server.say("MAIL FROM:<> SIZE=10001").startswith("552")
        large = server.deliver(b"x" * 70 + b"\r\n" + b"x" * 20_000, "a@ours.example", "b@ours.example")
        assert [reply[:3] for reply in large] == ["552", "552"]
        assert server.deliver(b"small\r\n", "a@ours.example")[0][:3] == "250"
        assert len(shelf.kept) == 1


@pytest.mark.parametrize(
    "raw", [b"x" * 1_000_000, b"\r" * 5000, b"\n" * 5000, b"\0\xff" * 3000, b"..\r\n.\r\n.x", b""]
)
def test_lines_of_any_kind_are_kept_byte_for_byte(raw, monkeypatch):
    shelf = Shelf()
    with listening(monkeypatch, shelf, "127.0.0.1:0", 5_000_000) as where, client(where) as server:
        assert server.deliver(raw, "a@ours.example")[0][:3] == "250"
    assert shelf.kept[0].raw == b"Return-Path: <>\r\n" + raw + b"\r\n"


def test_what_comes_at_the_same_time_is_stored_together(monkeypatch):
    shelf = Shelf()

    def one(number: int) -> str:
        with client(where) as server:
            return server.deliver(b"x", f"a{number}@ours.example")[0]

    with listening(monkeypatch, shelf, "127.0.0.1:0") as where, ThreadPoolExecutor(20) as many:
        assert {reply[:3] for reply in many.map(one, range(20))} == {"250"}
    assert sum(shelf.batches) == 20
    assert len(shelf.batches) < 20


def test_a_unix_socket_is_taken_over_from_the_dead_and_not_from_the_living(monkeypatch, tmp_path: Path):
    path = tmp_path / "lmtp"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with listening(monkeypatch, Shelf(), str(path)) as where, client(where) as server:
        assert server.deliver(b"x", "a@ours.example")[0][:3] == "250"
        with pytest.raises(OSError, match="already"):
            asyncio.run(lmtp.serve(str(path)))
    assert not path.exists()


def test_an_address_that_is_none_is_told():
    with pytest.raises(ValueError, match="neither host:port"):
        asyncio.run(lmtp.serve("nowhere"))


@pytest.mark.django_db(transaction=True)
def test_the_command_stores_before_it_answers(settings):
    delivery: Delivery = sent()
    with our_door("--limit", "100000") as where, client(where) as server:
        raw = report(delivery, to="someone@ours.example", envid="none")
        assert server.greeting.startswith("220")
        assert server.say("EHLO x").startswith("500")
        assert server.deliver(raw, tokens.verp(delivery.pk))[0][:3] == "250"
        assert list(Evidence.objects.values_list("kind", "delivery")) == [("delivered", delivery.pk)]
        words = mails.mail(
            "It could not be delivered: no such user.", From="gw@mail.example", Subject="Mail failure"
        )
        assert server.deliver(words, tokens.verp(delivery.pk))[0][:3] == "250"
        # Its return path was empty, which the message itself does not say.
        assert Evidence.objects.filter(kind="bounced").count() == 1
        assert server.deliver(b"x" * 200_000, "a@ours.example")[0][:3] == "552"
    assert unpack(InboundMessage.objects.earliest("pk").raw) == b"Return-Path: <>\r\n" + raw + b"\r\n"
