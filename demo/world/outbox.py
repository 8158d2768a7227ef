"""Mail that the world sends back: kept until it is due, then put into a Maildir."""

from __future__ import annotations

import asyncio
import heapq
import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path


class Maildir:
    """Delivers as a mail server does: written under tmp/, then renamed into new/, whole."""

    def __init__(self, path: Path) -> None:
        for name in ("tmp", "new", "cur"):
            (path / name).mkdir(parents=True, exist_ok=True)
        self._tmp, self._new = (os.path.join(path, name, "") for name in ("tmp", "new"))
        self._numbers = count(1)
        self._host = f"P{os.getpid()}"

    def deliver(self, raw: bytes) -> str:
        """Put one message into new/ and return its file name."""
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        name = f"{seconds}.M{nanoseconds // 1000:06d}{self._host}Q{next(self._numbers)}.world"
        descriptor = os.open(self._tmp + name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, raw)
        finally:
            os.close(descriptor)
        os.rename(self._tmp + name, self._new + name)
        return name


class Outbox:
    """A queue of sendings by the time when they are due (of the event loop's clock)."""

    SLICE_SECONDS = 0.005  # work at most so long before SMTP clients get their turn

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, due: float, send: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (due, next(self._numbers), send))

    async def run(self) -> None:
        """Send what is due, for ever."""
        clock = asyncio.get_running_loop().time
        while True:
            stop = clock() + self.SLICE_SECONDS
            while self._queue and self._queue[0][0] <= clock() < stop:
                heapq.heappop(self._queue)[2]()
            behind = self._queue and self._queue[0][0] <= clock()
            await asyncio.sleep(0 if behind else 0.02)

    def flush(self) -> None:
        """Send everything now, due or not."""
        while self._queue:
            heapq.heappop(self._queue)[2]()
