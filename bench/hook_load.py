"""A provider with many keep-alive connections: posts what it reads from a file, as fast as it is answered.

`python -m bench.hook_load PORT CONNECTIONS FILE`; FILE holds pickled, complete HTTP requests. Prints one line of JSON:
seconds, its own CPU seconds, p50 and p99 in milliseconds, and how many answers there were of each status.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import time
from collections import Counter
from pathlib import Path


class Client(asyncio.Protocol):
    """One connection: the next request once the last is answered."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.post()

    def post(self) -> None:
        request = next(self.load.requests, None)
        if request is None:
            self.transport.close()
            return
        self.started = time.perf_counter()
        self.transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(body) < length:
            return
        self.buffer = b""
        self.load.took.append(time.perf_counter() - self.started)
        self.load.statuses[head[9:12].decode()] += 1
        self.post()

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.open -= 1
        if not self.load.open:
            self.load.done.set()


class Load:
    def __init__(self, requests: list[bytes]) -> None:
        self.requests = iter(requests)
        self.took: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.open = 0

    async def run(self, port: int, connections: int) -> None:
        self.done = asyncio.Event()
        self.open = connections
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(loop.create_connection(lambda: Client(self), "127.0.0.1", port) for _ in range(connections))
        )
        await self.done.wait()


def main() -> None:
    port, connections, path = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    load = Load(pickle.loads(path.read_bytes()))  # noqa: S301  (written by the benchmark itself)
    started, before = time.perf_counter(), time.process_time()
    asyncio.run(load.run(port, connections))
    seconds = time.perf_counter() - started
    took = sorted(load.took)
    print(
        json.dumps(
            {
                "seconds": round(seconds, 4),
                "cpu": round(time.process_time() - before, 4),
                "p50_ms": round(1000 * took[len(took) // 2], 2),
                "p99_ms": round(1000 * took[int(len(took) * 0.99)], 2),
                "statuses": dict(load.statuses),
            }
        )
    )


if __name__ == "__main__":
    main()
