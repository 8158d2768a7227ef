from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

DEFAULT_DATABASE = "due_notice"


class EmbeddedError(Exception):
    """An embedded server cannot be had. The message is meant for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one checkout keeps its servers: everything lies under one directory, by default `var/`.

    A server is named `postgres` or `valkey`: that is its data directory, and what its files in `run` and `log` are
    called. What the files in `run` are for is told in `keeper.py`.
    """

    var: Path

    @classmethod
    def here(cls) -> Place:
        given = os.environ.get("DUE_NOTICE_VAR")
        return cls(Path(given).absolute() if given else Path(__file__).resolve().parents[2] / "var")

    @property
    def run(self) -> Path:
        return self.var / "run"

    def data(self, server: str) -> Path:
        return self.var / server

    def log(self, name: str) -> Path:
        return self.var / "log" / f"{name}.log"

    def keeper_lock(self, server: str) -> Path:
        return self.run / f"{server}.keeper.lock"

    def users_lock(self, server: str) -> Path:
        return self.run / f"{server}.users.lock"

    def start_lock(self, server: str) -> Path:
        return self.run / f"{server}.start.lock"

    @property
    def digest(self) -> str:
        return hashlib.sha256(os.fsencode(self.var)).hexdigest()

    @property
    def socket_dir(self) -> Path:
        """Where PostgreSQL's socket lies: in the data directory, which only the server's user and root can enter.

        A socket's path is limited to about 100 bytes. A checkout that lies deeper gets a directory of its own under
        the system's temporary directory.
        """
        if len(os.fsencode(self.data("postgres") / ".s.PGSQL.5432")) <= 100:
            return self.data("postgres")
        return Path(tempfile.gettempdir()) / f"due-notice-{os.geteuid()}-{self.digest[:12]}"

    def make(self) -> None:
        """Create the directories that everybody needs. Raises EmbeddedError if this user may not."""
        try:
            for directory in (self.var, self.run, self.var / "log"):
                directory.mkdir(parents=True, exist_ok=True)
            self.run.chmod(0o700)
        except OSError as error:
            raise EmbeddedError(
                f"Cannot write to {self.var} ({error.strerror}). Give it to the user who runs this, or name another "
                "directory in DUE_NOTICE_VAR."
            ) from error

    def database_url(self, name: str = DEFAULT_DATABASE) -> str:
        return f"postgresql://postgres@/{quote(name, safe='')}?host={quote(str(self.socket_dir), safe='')}"

    def secret(self, server: str) -> str:
        """A server's password, made once and readable to this user alone."""
        file = self.data(server) / "password"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(24))
        return file.read_text()

    def state(self, server: str) -> dict[str, Any] | None:
        """What the server's keeper has last said: url, pid and its own pid, or an error; None before that."""
        try:
            return json.loads(self.state_file(server).read_text())  # type: ignore[no-any-return]  # an object, by say()
        except FileNotFoundError:
            return None

    def say(self, server: str, state: dict[str, Any]) -> None:
        write_private(self.state_file(server), json.dumps(state))

    def state_file(self, server: str) -> Path:
        return self.run / f"{server}.json"


def write_private(path: Path, text: str) -> None:
    """Put `text` in place at once, so that a reader sees the old file or the new one; for this user's eyes only."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
