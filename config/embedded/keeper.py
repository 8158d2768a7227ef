"""The keeper of a server: a small detached process that is the server's only parent.

It holds `run/NAME.keeper.lock` for its whole life, says in `run/NAME.json` where its server is, and then watches
`run/NAME.users.lock`, which every process that uses the server shares. When it can have that lock alone, nobody uses
the server any more: it stops it and ends. No user has to say goodbye, so none can fail to. A server that crashes is
started again, where it was. A keeper that is killed takes its server with it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from pathlib import Path

from config.embedded.locks import Lock
from config.embedded.place import EmbeddedError, Place
from config.embedded.server import Server
from config.embedded.servers import SERVERS

LOOK_EVERY_SECONDS = 0.1
CRASHES_PER_MINUTE = 5
RESTART_SECONDS = 30.0


class Keeper:
    def __init__(self, server: Server, keep_seconds: float) -> None:
        self.server = server
        self.place = server.place
        self.keep_seconds = keep_seconds  # how long the server outlives its last user
        self.users = Lock(self.place.users_lock(server.name))
        self.crashes: deque[float] = deque(maxlen=CRASHES_PER_MINUTE)
        # Whoever stops it by hand does not want the delay. The lock still rules: no server is taken from under a user.
        signal.signal(signal.SIGTERM, self._hurry)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def run(self) -> int:
        try:
            self._start()
            self._watch()
        except (EmbeddedError, OSError) as error:
            log(str(error))
            self.server.stop()
            if not self.users.is_gone():
                self.place.say(self.server.name, {"error": str(error)})
            return 1
        # Here nobody uses the server, and whoever comes now waits for the users' lock. Unless `var` was removed
        # under us: then the files there are those of a new keeper, which has nothing to do with us.
        if not self.users.is_gone():
            self.place.state_file(self.server.name).unlink(missing_ok=True)
        self.server.stop()
        log(f"{self.server.title} stopped")
        return 0

    def _start(self) -> None:
        self.server.prepare()
        self.server.spawn()
        self.server.wait_until_ready()
        self.server.finish()
        assert self.server.process is not None
        state = {"url": self.server.url(), "pid": self.server.process.pid, "keeper": os.getpid()}
        self.place.say(self.server.name, state)
        log(f"{self.server.title} is ready")

    def _watch(self) -> None:
        unused_since: float | None = None
        while not self.users.is_gone():
            if not self.server.is_alive():
                self._restart()
            if self.users.try_take():
                now = time.monotonic()
                unused_since = unused_since or now
                if now - unused_since >= self.keep_seconds:
                    return  # holding the lock
                self.users.release()
            else:
                unused_since = None
            time.sleep(LOOK_EVERY_SECONDS)

    def _restart(self) -> None:
        assert self.server.process is not None
        log(f"{self.server.title} ended with status {self.server.process.returncode}; starting it again")
        if len(self.crashes) == self.crashes.maxlen and time.monotonic() - self.crashes[0] < 60:
            raise EmbeddedError(f"The embedded {self.server.title} keeps ending. See {self.server.log}.")
        self.crashes.append(time.monotonic())
        until = time.monotonic() + RESTART_SECONDS
        while True:
            try:
                return self._start()
            except EmbeddedError:
                # A killed PostgreSQL's own children need a moment before they let go of its memory.
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def _hurry(self, *_: object) -> None:
        self.keep_seconds = 0.0


def log(message: str) -> None:
    sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} [{os.getpid()}] {message}\n")
    sys.stdout.flush()


def main(name: str, var: str, keeper_lock_fd: int, keep_seconds: float) -> int:
    """Detach from the process that asked, then keep. The lock comes already held, through an inherited descriptor."""
    if os.fork():
        os._exit(0)  # so that the one who asked has no child to wait for
    place = Place(Path(var))
    os.set_inheritable(keeper_lock_fd, False)  # the server must not hold it when the keeper is gone
    try:
        return Keeper(SERVERS[name](place), keep_seconds).run()
    except EmbeddedError as error:
        place.say(name, {"error": str(error)})
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
