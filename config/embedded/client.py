from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.embedded.locks import Lock
from config.embedded.place import EmbeddedError, Place

START_SECONDS = 120.0
STOP_SECONDS = 30.0
TRIES = 3


class Use:
    """This process's use of one server, from now until `end()`, or until the process ends, in whatever way."""

    def __init__(self, place: Place, server: str) -> None:
        """Hold the server, and have it started if it does not run. Returns before it is ready: see `wait`."""
        self.place = place
        self.server = server
        place.make()
        self.hold = Lock(place.users_lock(server))
        self.hold.share()  # waits while a keeper stops the server
        self.begun = time.monotonic()
        self.started = self._start_keeper_if_none()

    def wait(self) -> str:
        """The server's URL, once it is ready. Raises EmbeddedError."""
        tries = 1
        silent = not (self.started and sys.stderr.isatty())
        while True:
            alive = self._keeper_lives()
            state = self.place.state(
                self.server
            )  # after asking for the keeper, who may speak and end in between
            if state is not None and "error" in state:
                raise EmbeddedError(state["error"])
            if state is not None and alive:
                return str(state["url"])
            if not alive:
                tries += 1
                if tries > TRIES:
                    break
                self._start_keeper_if_none()
            waited = time.monotonic() - self.begun
            if waited > START_SECONDS:
                break
            if waited > 1.5 and not silent:
                sys.stderr.write(f"Starting {self.server} under {self.place.var} …\n")
                silent = True
            time.sleep(0.02)
        raise EmbeddedError(f"The embedded {self.server} did not start. See {self.place.log('keeper')}.")

    def end(self) -> None:
        """Stop using the server. Its keeper is told that there is no hurry to be spared."""
        self.hold.close()
        state = self.place.state(self.server)
        if state is not None and "keeper" in state:
            with suppress(ProcessLookupError):
                os.kill(state["keeper"], signal.SIGTERM)

    def wait_for_stop(self) -> None:
        """After `end`: return when the server has stopped, or when it turns out that somebody else uses it."""
        users = Lock(self.place.users_lock(self.server))
        until = time.monotonic() + STOP_SECONDS
        while time.monotonic() < until and self._keeper_lives():
            if not users.try_take() and users.try_share():
                break  # held, but not alone: by another user
            users.release()
            time.sleep(0.02)
        users.close()

    @contextmanager
    def _keeper_lock(self) -> Iterator[Lock]:
        """The keeper's lock, to try. By turns, so that nobody takes another's trying for a living keeper."""
        turn = Lock(self.place.start_lock(self.server))
        turn.take()
        keeper = Lock(self.place.keeper_lock(self.server))
        try:
            yield keeper
        finally:
            keeper.close()
            turn.close()

    def _keeper_lives(self) -> bool:
        with self._keeper_lock() as keeper:
            return not keeper.try_take()

    def _start_keeper_if_none(self) -> bool:
        with self._keeper_lock() as keeper:
            if not keeper.try_take():
                return False
            self.place.state_file(self.server).unlink(
                missing_ok=True
            )  # the last words of a keeper that was killed
            command = [sys.executable, "-m", "config.embedded.keeper", self.server, str(self.place.var)]
            with open(self.place.log("keeper"), "ab") as log:
                subprocess.run(
                    [*command, str(keeper.fd), os.environ.get("DUE_NOTICE_KEEP_SECONDS") or "5"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=Path(__file__).resolve().parents[2],
                    pass_fds=[keeper.fd],  # so it holds the lock from its first moment
                    start_new_session=True,
                    check=True,
                )
            return True
