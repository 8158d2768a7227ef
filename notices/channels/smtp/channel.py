"""The SMTP channel: its options, and the connections that it keeps between batches."""

from __future__ import annotations

import os
import smtplib
import ssl
import time
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

from notices.channels.base import Message, Outcome
from notices.channels.smtp.batch import Batch
from notices.channels.smtp.dialogue import Dialogue, Server, Tls

Role = Literal["relay", "recipient"]

_KEPT = 4  # idle connections per process; threads aside, one is all that is ever needed
_WITHOUT_PIPELINING = 600.0  # seconds of plain dialogue after a pipelined group got no answer


class SmtpChannel:
    """Sends by SMTP to one server.

    `role` says what its 250 is worth: a `relay` (our smarthost) has taken the message in our name
    (`submitted`); the `recipient`'s own server has taken it for the recipient (`relayed`). `tls` is no,
    starttls (required, never fallen back from) or implicit. Times are in seconds: `timeout` for connecting,
    writing and each reply; `final_timeout` for the reply to the content, where hurry makes duplicates (RFC
    5321, 4.5.3.2.6, asks for 600; keep it well below NOTICE_CALLING_TIMEOUT_SECONDS); after `batch_seconds`
    the rest of a batch is put off; idle connections are used again within `keep_seconds`. Raises ValueError
    where an option makes no sense.
    """

    name = "email"

    def __init__(
        self,
        host: str,
        port: int = 25,
        *,
        username: str = "",
        password: str = "",
        tls: Tls = "no",
        role: Role = "relay",
        timeout: float = 30.0,
        final_timeout: float = 300.0,
        batch_seconds: float = 300.0,
        keep_seconds: float = 30.0,
        local_hostname: str = "",
        pipelining: bool = True,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if not host:
            raise ValueError("The SMTP channel needs a host name.")
        if tls not in get_args(Tls):
            raise ValueError(f"tls is {tls!r}; it must be no, starttls or implicit.")
        if role not in get_args(Role):
            raise ValueError(f"role is {role!r}; it must be relay or recipient.")
        if min(timeout, final_timeout, batch_seconds) <= 0:
            raise ValueError("timeout, final_timeout and batch_seconds must be more than 0 seconds.")
        self.host, self.port = host, port
        self.where = f"{host}:{port}"
        self.provider = f"smtp:{host}"
        self.accepted = "relayed" if role == "recipient" else "submitted"
        self.final_timeout = final_timeout
        self.batch_seconds = batch_seconds
        self._keep_seconds = keep_seconds
        self._pipelining = pipelining
        self._plain_until = 0.0
        self._idle: list[Dialogue] = []
        # smtplib looks our own name up in the DNS, which can take long: once, and only where none is given.
        name = local_hostname or smtplib.SMTP().local_hostname
        self._server = Server(host, port, username, password, tls, timeout, name, ssl_context)

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        return Batch(self, messages).outcomes()

    def close(self) -> None:
        """Say goodbye on every idle connection of this process."""
        while self._idle:
            link = self._idle.pop()
            if link.pid == os.getpid():
                link.take_leave(wait=2.0)
            else:
                link.discard()

    # The rest is for Batch.

    def take(self) -> Dialogue:
        """A connection: a kept one that is fresh and alive, else a new one. Raises UnreachableError."""
        while self._idle:
            link = self._idle.pop()
            if link.pid != os.getpid() or link.interrupted():
                link.discard()
            elif time.monotonic() - link.last_used > self._keep_seconds:
                link.take_leave()
            else:
                return link
        return Dialogue.open(self._server)

    def give_back(self, link: Dialogue) -> None:
        """Keep `link` for the next batch, unless it is dead or in the middle of something."""
        if link.dead or link.in_flight or len(self._idle) >= _KEPT:
            link.discard()
        else:
            self._idle.append(link)

    def pipelines(self) -> bool:
        return self._pipelining and time.monotonic() >= self._plain_until

    def stop_pipelining(self) -> bool:
        """Do without for a while; False where we did already."""
        if not self.pipelines():
            return False
        self._plain_until = time.monotonic() + _WITHOUT_PIPELINING
        return True
