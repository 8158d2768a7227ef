"""The SMTP dialogue: aiosmtpd with DSN (RFC 3461) and PIPELINING (RFC 2920) added, and its slow parts replaced.

aiosmtpd refuses MAIL and RCPT parameters that it does not know, turns the others into capitals (an ENVID would not
survive that), parses addresses with the email package and reads messages line by line. Those three commands are
therefore our own; everything else is aiosmtpd's.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NoReturn

from aiosmtpd.smtp import SMTP

from demo.world.report import decode_xtext
from demo.world.smarthost import Smarthost
from demo.world.transaction import Answer, Transaction

MESSAGE_LIMIT = 10 * 2**20
COMMAND_LIMIT = 2048  # RFC 3461 and RFC 6531 lengthen MAIL and RCPT far beyond aiosmtpd's 512

_PATH = re.compile(r"<(?:@[^:>]+:)?([^<>\s]*)>((?: .*)?)")
_NOTIFY = frozenset({"SUCCESS", "FAILURE", "DELAY"})
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_TURN = 20  # messages on one connection before others get theirs


class SyntaxRefusal(Exception):
    """A command that cannot be taken as it stands; its text is the reply."""


class Reader:
    """aiosmtpd's view of the connection, with a way to read a whole message at once.

    At the end of the stream it cancels the session. (aiosmtpd cancels as soon as it sees the end coming, and so
    forgets a message that arrived whole just before. A real server keeps it.)
    """

    def __init__(self, stream: asyncio.StreamReader, at_the_end: Callable[[], None]) -> None:
        self._stream, self._at_the_end = stream, at_the_end

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        try:
            return await self._stream.readuntil(separator)
        except asyncio.IncompleteReadError:
            self._at_the_end()
            raise asyncio.CancelledError from None

    async def read(self, count: int = -1) -> bytes:
        return await self._stream.read(count)

    async def header(self) -> bytes:
        """What was sent up to the empty line, or up to the final dot if there is none; dots as they came."""
        lines: list[bytes] = []
        while not lines or lines[-1] not in (b"\r\n", b".\r\n"):
            lines.append(await self.readuntil(b"\r\n"))
        return b"".join(lines)

    async def message(self, begun: bytes = b"") -> bytes:
        """The message up to the final dot, dots unstuffed (RFC 5321, 4.5.2). `begun` has been read already.

        Raises:
            asyncio.LimitOverrunError: it is longer than the limit.
        """
        if begun.endswith(b"\r\n.\r\n") or begun == b".\r\n":
            raw = b"\r\n" + begun
        else:
            # The mark of the end begins with the line end before it, which may be part of what was read already.
            self._stream._buffer[0:0] = b"\r\n"  # type: ignore[attr-defined]  # aiosmtpd reaches for it too
            raw = (b"\r\n" + begun)[:-2] + await self.readuntil(b"\r\n.\r\n")
        return raw[:-3].replace(b"\r\n.", b"\r\n")[2:]


class Session(SMTP):
    """One connection."""

    line_length_limit = MESSAGE_LIMIT  # also the limit of the stream's buffer
    command_size_limit = COMMAND_LIMIT
    command_size_limits = defaultdict(lambda: COMMAND_LIMIT)
    tx: Transaction | None = None

    def __init__(self, host: Smarthost, **options: Any) -> None:
        super().__init__(
            host,
            data_size_limit=MESSAGE_LIMIT,
            enable_SMTPUTF8=True,
            hostname="smarthost.test",
            ident="ESMTP of a made-up world",
            timeout=120,
            **options,
        )
        self._host = host
        self._replies = bytearray()
        self._hung_up = False
        self._messages = 0

    # The connection

    def _cb_client_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super()._cb_client_connected(reader, writer)
        self._reader: Any = Reader(reader, self._flush)

    def eof_received(self) -> bool | None:
        return asyncio.StreamReaderProtocol.eof_received(self)  # what came before the end is still to be read

    def _reset_timeout(self, duration: float | None = None) -> None:
        # A timer of its own for each command would cost more than the command.
        self._active = self.loop.time()
        if self._timeout_handle is None:
            super()._reset_timeout(duration)

    def _timeout_cb(self) -> None:
        left = self._active + self._timeout_duration - self.loop.time()
        if left <= 0:
            super()._timeout_cb()
        else:
            self._timeout_handle = self.loop.call_later(left, self._timeout_cb)

    async def push(self, status: str | bytes) -> None:
        """Keep the reply until the session waits for input: replies to a group of commands go out together."""
        if not self._replies:
            self.loop.call_soon(self._flush)
        reply = status.encode(errors="surrogateescape") if isinstance(status, str) else status
        self._replies += reply + b"\r\n"

    def _flush(self) -> None:
        if self._replies and self.transport is not None and not self.transport.is_closing():
            self._writer.write(bytes(self._replies))
        self._replies.clear()

    async def _answer(self, answer: Answer) -> None:
        if answer.reply:
            await self.push(answer.reply)
        if answer.drop:
            self._hang_up()

    def _hang_up(self) -> NoReturn:
        """Close the connection, and end the session before it reads what was pipelined behind."""
        self._flush()
        self._hung_up = True
        self._writer.close()
        raise asyncio.CancelledError

    def _set_post_data_state(self) -> None:
        super()._set_post_data_state()
        self.tx = None

    # The commands

    async def smtp_QUIT(self, arg: str | None) -> None:  # noqa: N802  # aiosmtpd's name
        await self.push("221 2.0.0 Bye")
        self._hang_up()

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802  # aiosmtpd's name
        if await self.check_helo_needed():
            return
        if self.tx is not None:
            await self.push("503 5.5.1 There is a MAIL already")
            return
        try:
            self.tx = _mail(arg or "")
        except SyntaxRefusal as refusal:
            await self.push(str(refusal))
        else:
            await self.push("250 2.1.0 Ok")

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802  # aiosmtpd's name
        if self.tx is None:
            await self.push("503 5.5.1 MAIL comes first")
            return
        try:
            address, notify, orcpt = _rcpt(arg or "")
        except SyntaxRefusal as refusal:
            await self.push(str(refusal))
        else:
            await self._answer(self._host.recipient(self.tx, address, notify, orcpt))

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802  # aiosmtpd's name
        if self.tx is None or not self.tx.recipients:
            await self.push("503 5.5.1 No valid recipients" if self.tx else "503 5.5.1 MAIL comes first")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        tx, begun = self.tx, b""
        try:
            if self._host.may_cut_data(tx):
                begun = await self._reader.header()
                if self._host.cuts_data(tx, begun):
                    self._hang_up()
            content = await self._reader.message(begun)
        except asyncio.CancelledError:
            if not self._hung_up:
                self._host.client_went_away(tx)
            raise
        except asyncio.LimitOverrunError:
            await self.push("552 5.3.4 Message is too big")
            self._hang_up()
        self._set_post_data_state()
        await self._answer(self._host.message(tx, content))
        self._messages += 1
        if self._messages % _TURN == 0:
            await asyncio.sleep(0)


def _path(keyword: str, arg: str) -> tuple[str, dict[str, str]]:
    """Address and parameters of MAIL or RCPT; the parameters' names in capitals, their values as they came."""
    if arg[: len(keyword)].upper() != keyword:
        raise SyntaxRefusal(f"501 5.5.4 Syntax: {keyword}<address>")
    match = _PATH.fullmatch(arg[len(keyword) :].strip())
    if match is None:
        raise SyntaxRefusal("501 5.1.7 Bad address syntax")
    address = match[1]
    local, at, domain = address.rpartition("@")
    if address and not (local and at and domain):
        raise SyntaxRefusal("501 5.1.3 Bad address syntax")
    params: dict[str, str] = {}
    for word in match[2].split():
        name, _, value = word.partition("=")
        if name.upper() in params:
            raise SyntaxRefusal(f"501 5.5.4 {name} twice")
        params[name.upper()] = value
    return address, params


def _mail(arg: str) -> Transaction:
    address, params = _path("FROM:", arg)
    tx = Transaction(address)
    for name, value in params.items():
        match name:
            case "BODY" if value.upper() in ("7BIT", "8BITMIME"):
                tx.eight_bit = value.upper() == "8BITMIME"
            case "SMTPUTF8" if not value:
                tx.smtputf8 = True
            case "RET" if value.upper() in ("FULL", "HDRS"):
                tx.ret = value.upper()
            case "ENVID" if value and len(value) <= 100 and _XTEXT.fullmatch(value):
                tx.envid = decode_xtext(value)
            case "SIZE" if value.isdigit():
                if int(value) > MESSAGE_LIMIT:
                    raise SyntaxRefusal("552 5.3.4 Message is too big")
            case "BODY" | "SMTPUTF8" | "RET" | "ENVID" | "SIZE":
                raise SyntaxRefusal(f"501 5.5.4 {name} cannot be {value!r}")
            case _:
                raise SyntaxRefusal(f"555 5.5.4 MAIL has no parameter {name}")
    if not address.isascii() and not tx.smtputf8:
        raise SyntaxRefusal("550 5.6.7 Address is not ASCII, and SMTPUTF8 was not asked for")
    return tx


def _rcpt(arg: str) -> tuple[str, frozenset[str] | None, str]:
    address, params = _path("TO:", arg)
    if not address:
        raise SyntaxRefusal("501 5.1.3 Bad address syntax")
    notify: frozenset[str] | None = None
    orcpt = ""
    for name, value in params.items():
        if name == "NOTIFY":
            words = frozenset(value.upper().split(","))
            if words != {"NEVER"} and not words <= _NOTIFY:
                raise SyntaxRefusal(f"501 5.5.4 NOTIFY cannot be {value!r}")
            notify = words - {"NEVER"}
        elif name == "ORCPT":
            kind, mark, original = value.partition(";")
            if not (kind and mark and original) or len(value) > 500:
                raise SyntaxRefusal(f"501 5.5.4 ORCPT cannot be {value!r}")
            orcpt = f"{kind};{decode_xtext(original)}"
        else:
            raise SyntaxRefusal(f"555 5.5.4 RCPT has no parameter {name}")
    return address, notify, orcpt
