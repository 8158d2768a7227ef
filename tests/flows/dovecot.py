"""A Dovecot of the test's own, for IMAP: configuration, mail and port apart from any that the machine runs."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = shutil.which("dovecot", path=f"/usr/sbin:{os.environ.get('PATH', '')}")


def _usable() -> bool:
    if PROGRAM is None or os.geteuid() != 0:
        return False
    told = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False).stdout
    return told.startswith("2.3.")  # later ones are configured in another language


USABLE = _usable()

_SETTINGS = """
base_dir = {place}/run
state_dir = {place}/run
log_path = {place}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{place}/mail
default_internal_user = dovecot
default_login_user = dovenull
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={place}/home
}}
"""


class Dovecot:
    """A mailbox behind IMAP, which any user may enter with the password `secret`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        self._delivered = 0
        user = pwd.getpwnam("nobody")
        self._owner = (user.pw_uid, user.pw_gid)
        (place / "run").mkdir()
        for name in ("mail", "mail/new", "mail/cur", "mail/tmp", "home"):
            (place / name).mkdir()
            os.chown(place / name, *self._owner)
        settings = _SETTINGS.format(place=place, port=self.port, uid=user.pw_uid, gid=user.pw_gid)
        (place / "conf").write_text(settings)

    def start(self) -> None:
        assert PROGRAM is not None, "Dovecot is not installed (on Debian: apt-get install dovecot-imapd)."
        self._process = subprocess.Popen([PROGRAM, "-F", "-c", str(self.place / "conf")])
        end = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < end, f"Dovecot does not answer:\n{(self.place / 'log').read_text()}"
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def deliver(self, raw: bytes) -> None:
        """Put a message into the inbox, as a mail server would."""
        self._delivered += 1
        name = f"{time.time_ns()}.{self._delivered}.host"
        (self.place / "mail/tmp" / name).write_bytes(raw)
        os.chown(self.place / "mail/tmp" / name, *self._owner)
        (self.place / "mail/tmp" / name).rename(self.place / "mail/new" / name)

    def inbox(self) -> list[Path]:
        return [*(self.place / "mail/new").iterdir(), *(self.place / "mail/cur").iterdir()]

    def folder(self, name: str) -> list[Path]:
        place = self.place / "mail" / f".{name}"
        return [*(place / "new").glob("*"), *(place / "cur").glob("*")]

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.settimeout(5)
                return connection.recv(4).startswith(b"* OK")
        except OSError:
            return False


@contextmanager
def running() -> Iterator[Dovecot]:
    """Start Dovecot; stop it and remove all of it after."""
    place = Path(tempfile.mkdtemp(prefix="dovecot-"))
    place.chmod(0o755)
    try:
        made = Dovecot(place)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(place, ignore_errors=True)
