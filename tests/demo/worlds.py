"""The demo's world as a running process, and a client that talks to it."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, TypeVar

from demo.world import Truth, address_key, truth
from demo.world.journal import read

ROOT = Path(__file__).resolve().parents[2]
ALL = "NOTIFY=SUCCESS,FAILURE,DELAY"
T = TypeVar("T")


def wait_for(look: Callable[[], T | None]) -> T:
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + 30
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError("what the test waits for does not come")
        time.sleep(0.01)
    return found


def text(message_id: str = "<m@due.example>", body: str = "Hello.\r\n") -> bytes:
    """A small message, CRLF line ends."""
    head = f"Message-ID: {message_id}\r\nFrom: n@due.example\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000"
    return f"{head}\r\nSubject: Warning\r\n\r\n{body}".encode()


@dataclass(frozen=True, slots=True)
class World:
    """A running world: its process, port, Maildir and journal."""

    process: subprocess.Popen[bytes]
    port: int
    maildir: Path
    journal: Path

    def connect(self) -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example", timeout=20)
        client.ehlo()
        return client

    def send(
        self,
        to: str,
        raw: bytes | None = None,
        *,
        mail: tuple[str, ...] = (),
        rcpt: tuple[str, ...] = (ALL,),
        sender: str = "bounce+tok@bounces.test",
    ) -> str:
        """Send one message over a connection of its own; the server's last reply, or "" if the connection dropped."""
        with self.connect() as client:
            options = [*mail, *([] if to.isascii() else ["SMTPUTF8"])]
            last = (0, b"")
            try:
                for reply in self._dialogue(client, sender, options, to, list(rcpt), raw or text()):
                    last = reply
                    if last[0] >= 400:
                        break
            except smtplib.SMTPServerDisconnected:
                client.close()
                return ""
            return f"{last[0]} {last[1].decode()}"

    @staticmethod
    def _dialogue(
        client: smtplib.SMTP, sender: str, mail: list[str], to: str, rcpt: list[str], raw: bytes
    ) -> Iterator[tuple[int, bytes]]:
        if "SMTPUTF8" in mail:
            client.command_encoding = "utf-8"
        yield client.mail(sender, mail)
        yield client.rcpt(to, rcpt)
        yield client.data(raw)

    def truth(self, to: str) -> Truth:
        return truth(self.journal).get(address_key(to), Truth())

    def lines(self, event: str, to: str) -> list[dict[str, Any]]:
        key = address_key(to)
        return [line for line in read(self.journal) if line["event"] == event and line["key"] == key]

    def reports(self, to: str, count: int = 1, event: str = "report") -> list[EmailMessage]:
        """The first `count` reports about a recipient, in the order in which they came, once they are there."""
        lines = wait_for(lambda: found if len(found := self.lines(event, to)) >= count else None)
        raws = [(self.maildir / "new" / line["file"]).read_bytes() for line in lines]
        return [message_from_bytes(raw, policy=default) for raw in raws]


@contextmanager
def running(place: Path, *options: str, pace: float = 0.02) -> Iterator[World]:
    """Run a world, a fast one, until the block ends."""
    maildir, journal, port_file = place / "maildir", place / "journal.jsonl", place / "port"
    where = ["--port-file", str(port_file), "--maildir", str(maildir), "--journal", str(journal)]
    command = [sys.executable, "-m", "demo.world", *where, "--pace", str(pace), *options]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            wait_for(lambda: port_file.exists() or process.poll() is not None)
            yield World(process, int(port_file.read_text()), maildir, journal)
        finally:
            process.terminate()


def delivery_status(report: EmailMessage) -> tuple[dict[str, str], dict[str, str]]:
    """The fields about the message and about its one recipient, of a `message/delivery-status`."""
    groups: Any = list(report.iter_parts())[1].get_payload()
    about_message, about_recipient = groups
    return dict(about_message.items()), dict(about_recipient.items())
