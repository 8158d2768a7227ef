"""A real SMTP server that counts: which message came how often, to whom, over which envelope."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller

_MESSAGE_ID = re.compile(rb"^Message-ID: (<[^>]+>)", re.MULTILINE)


class Counting:
    """An aiosmtpd handler. A message counts as received once it was read whole, before we answer."""

    def __init__(self, seconds_each: float) -> None:
        self.received: Counter[str] = Counter()
        self.recipients: Counter[str] = Counter()
        self.seconds_each = seconds_each

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        match = _MESSAGE_ID.search(envelope.content)
        self.received[match[1].decode() if match else "none"] += 1
        self.recipients.update(envelope.rcpt_tos)
        await asyncio.sleep(self.seconds_each)
        return f"250 2.0.0 Ok: queued as {sum(self.received.values()):X}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def counting_server(seconds_each: float = 0.0) -> Iterator[tuple[Counting, int]]:
    """Serve on a free port of the loopback; yields the handler and the port."""
    handler = Counting(seconds_each)
    port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield handler, port
    finally:
        controller.stop()
