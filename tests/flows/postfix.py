"""A Postfix of the test's own: configuration, queue, log and port apart from any that the machine runs."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PROGRAM = shutil.which("postfix", path=f"/usr/sbin:/usr/lib/postfix:{os.environ.get('PATH', '')}")
# Postfix changes users for each of its parts, which only root may.
USABLE = PROGRAM is not None and os.geteuid() == 0

_SERVICES = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

_SETTINGS = """
compatibility_level = 3.6
queue_directory = {place}/queue
data_directory = {place}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {place}/log
maillog_file_prefixes = {place}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example.net
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
# What cannot be delivered shall come back as a report, not be refused at the door.
smtpd_reject_unlisted_recipient = no
smtpd_tls_security_level = none
smtp_tls_security_level = none
disable_dns_lookups = yes
transport_maps = texthash:{place}/transport
virtual_mailbox_domains = mailbox.example
virtual_mailbox_maps = texthash:{place}/mailboxes
virtual_mailbox_base = {place}/mail
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
# Days in minutes: a warning after a second, and every queue run a second after the last.
delay_warning_time = 1s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
"""


class Postfix:
    """A running instance. `ana@mailbox.example` has a mailbox in it, and nobody else does."""

    def __init__(self, place: Path, port: int) -> None:
        self.place, self.port = place, port

    def log(self) -> str:
        log = self.place / "log"
        return log.read_text(errors="replace")[-4000:] if log.exists() else "no log"

    def mailbox(self) -> list[Path]:
        return list((self.place / "mail" / "ana" / "new").glob("*"))

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds:.0f} s in vain until {what}:\n{self.log()}"
            time.sleep(0.1)


@contextmanager
def running(transports: Mapping[str, str]) -> Iterator[Postfix]:
    """Start Postfix with these next hops by domain, as transport(5) has them; stop it and remove all of it after."""
    assert PROGRAM is not None, "Postfix is not installed (on Debian: apt-get install postfix)."
    # Not in pytest's own folder: Postfix's user has to get there.
    place = Path(tempfile.mkdtemp(prefix="postfix-"))
    place.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    user = pwd.getpwnam("nobody")
    postfix = pwd.getpwnam("postfix")
    for name in ("queue", "data", "mail", "conf"):
        (place / name).mkdir()
    os.chown(place / "data", postfix.pw_uid, postfix.pw_gid)
    os.chown(place / "mail", user.pw_uid, user.pw_gid)
    (place / "transport").write_text("".join(f"{key} {hop}\n" for key, hop in transports.items()))
    (place / "mailboxes").write_text("ana@mailbox.example ana/\n")
    conf = place / "conf"
    settings = _SETTINGS.format(place=place, uid=user.pw_uid, gid=user.pw_gid)
    (conf / "main.cf").write_text(settings)
    (conf / "master.cf").write_text(_SERVICES.format(port=f"127.0.0.1:{port}"))
    made = Postfix(place, port)
    try:
        _command(conf, "start")
        made.wait_until(lambda: _answers(port), "Postfix answers")
        yield made
    finally:
        subprocess.run([PROGRAM, "-c", str(conf), "abort"], capture_output=True, check=False)
        shutil.rmtree(place, ignore_errors=True)


def _command(conf: Path, verb: str) -> None:
    assert PROGRAM is not None
    done = subprocess.run(
        [PROGRAM, "-c", str(conf), verb], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"postfix {verb}: {done.stdout}{done.stderr}"


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            return connection.recv(4).startswith(b"220")
    except OSError:
        return False
