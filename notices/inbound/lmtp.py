"""A door for a mail server to deliver to: LMTP (RFC 2033), one reply for each recipient.

250 is said only after the commit; 451 while the database is away, so that the mail server keeps the message; 552 for
what is larger than the limit. What comes at the same time is committed together.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import syntax
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection

from notices.inbound.receiving import Inbound, receive

log = logging.getLogger(__name__)
logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's: each command with its addresses

LIMIT = 50 << 20  # bytes of one message
TOGETHER = 200  # messages in one transaction
TOGETHER_BYTES = 32 << 20

_AWAY = "451 4.3.0 Not stored, try again later"
_TAKEN = "250 2.1.5 Stored"
_TOO_LARGE = "552 5.3.4 The message is larger than {} bytes"


def store(messages: Sequence[Inbound]) -> list[bool]:
    """Store messages in one transaction, or, if one of them makes that fail, each alone; whether each is on disk."""
    try:
        receive(messages, now=datetime.now(UTC))
    except (OperationalError, InterfaceError) as error:
        log.warning("%d messages were not stored: %s", len(messages), error)
        connection.close()
        return [False] * len(messages)
    except DatabaseError:
        log.exception("%d messages were not stored", len(messages))
        connection.close()
        return [False] if len(messages) == 1 else [store([message])[0] for message in messages]
    return [True] * len(messages)


class Desk:
    """Where all connections hand in what came: one thread with one database connection takes it batch by batch."""

    def __init__(self, store: Callable[[Sequence[Inbound]], list[bool]] = store) -> None:
        self._store = store
        self._waiting: asyncio.Queue[tuple[Inbound, asyncio.Future[bool]]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, "inbound")

    async def hand_in(self, message: Inbound) -> bool:
        """Whether the message is on disk. Returns once that is decided."""
        decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((message, decided))
        return await decided

    async def work(self) -> None:
        """Take what waits, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._waiting.get()]
            size = len(batch[0][0].raw)
            while not self._waiting.empty() and len(batch) < TOGETHER and size < TOGETHER_BYTES:
                batch.append(self._waiting.get_nowait())
                size += len(batch[-1][0].raw)
            try:
                stored = await loop.run_in_executor(self._thread, self._store, [m for m, _ in batch])
            except Exception:  # a fault of ours must not close the door, nor lose what came through it
                log.exception("Storing %d messages failed", len(batch))
                stored = [False] * len(batch)
            for (_, decided), on_disk in zip(batch, stored, strict=True):
                if not decided.done():  # its connection may have gone
                    decided.set_result(on_disk)


@dataclass(frozen=True, slots=True)
class _Handler:
    """aiosmtpd asks for one. Whoever our mail server sends mail for is taken: it decides what is ours."""


class Door(LMTP):
    """One connection."""

    def __init__(self, desk: Desk, *, limit: int = LIMIT) -> None:
        super().__init__(
            _Handler(),
            data_size_limit=limit,
            enable_SMTPUTF8=True,
            hostname=socket.gethostname(),
            ident="Due Notice LMTP",
        )
        self._desk, self._limit = desk, limit

    def eof_received(self) -> bool | None:
        """Close on our side too: aiosmtpd leaves that to a task that never ran where a client came and went at once."""
        super().eof_received()
        return False

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802  (aiosmtpd finds its commands by these names)
        """Take one message for all of its recipients, and answer once for each of them (RFC 2033, 4.2)."""
        if await self.check_helo_needed("LHLO"):
            return
        assert self.envelope is not None
        recipients = [str(recipient) for recipient in self.envelope.rcpt_tos]
        if not recipients:
            await self.push("503 5.5.1 RCPT first")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End with a line that holds one dot")
        content = await self._content()
        if content is None:
            replies = [_TOO_LARGE.format(self._limit)] * len(recipients)
        else:
            # The last server on the way notes the return path (RFC 5321, 4.4); reading looks whether it is empty.
            sender = str(self.envelope.mail_from or "").strip("<>").replace("\r", "").replace("\n", "")
            raw = f"Return-Path: <{sender}>\r\n".encode("utf-8", "surrogateescape") + content
            messages = [Inbound(raw, recipient) for recipient in recipients]
            stored = await asyncio.gather(*map(self._desk.hand_in, messages))
            replies = [_TAKEN if on_disk else _AWAY for on_disk in stored]
        await self.push("\r\n".join(replies))
        self._set_post_data_state()

    async def _content(self) -> bytes | None:
        """What follows DATA, byte for byte, whatever its lines are like; None where it is too large."""
        content = bytearray()
        size, at_line_start = 0, True
        while True:
            try:
                piece = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as overrun:  # a line longer than the reader's buffer
                piece = await self._reader.read(overrun.consumed)
            if at_line_start and piece == b".\r\n":
                return None if size > self._limit else bytes(content)
            if at_line_start and piece.startswith(b"."):
                piece = piece[1:]
            at_line_start = piece.endswith(b"\r\n")
            size += len(piece)
            if size > self._limit:
                content.clear()
            else:
                content += piece


async def serve(
    address: str, *, limit: int = LIMIT, ready: Callable[[str], None] = lambda where: None
) -> None:
    """Listen at `address` (host:port, or the path of a Unix socket) until cancelled.

    `ready` is called with the address once connections are taken; port 0 is told as the port that was free.

    Raises:
        ValueError: the address is neither.
        OSError: it cannot be listened at.
    """
    loop, desk = asyncio.get_running_loop(), Desk()
    working = loop.create_task(desk.work())

    open_doors: weakref.WeakSet[Door] = weakref.WeakSet()

    def door() -> Door:
        made = Door(desk, limit=limit)
        open_doors.add(made)
        return made

    if "/" in address:
        _remove_stale(Path(address))
        server = await loop.create_unix_server(door, address)
        where = address
    else:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"{address} is neither host:port nor the path of a socket.")
        server = await loop.create_server(door, host.strip("[]"), int(port))
        where = f"{host}:{server.sockets[0].getsockname()[1]}"
    try:
        ready(where)
        await asyncio.Event().wait()
    finally:
        # Take nobody in any more, let those in who are at the door, and only then close: asyncio drops a connection
        # without closing it that is accepted while its server closes.
        for listening in server.sockets:
            loop.remove_reader(listening.fileno())
        await asyncio.sleep(0.05)
        server.close()
        working.cancel()
        for each in open_doors:
            if each.transport is not None:
                each.transport.close()
        await asyncio.sleep(0.05)  # closing takes a round of the loop
        if "/" in address:
            Path(address).unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens at any more.

    Raises:
        OSError: somebody does, or it is no socket.
    """
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(f"Something listens at {path} already.")
