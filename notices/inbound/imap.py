"""A mailbox at some provider, worked off by IMAP (RFC 9051).

A message is moved or marked only after its commit, so whatever stops in between is taken again, harmlessly.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError

from notices.inbound.receiving import Inbound, receive

log = logging.getLogger(__name__)

KEYWORD = b"DueNoticeTaken"
TOGETHER = 50  # messages in one transaction
TOGETHER_BYTES = 32 << 20
IDLE_SECONDS = 9 * 60.0  # servers hang up after 30 minutes, and routers in between earlier (RFC 2177)
FAILURES = (IMAPClientError, OSError)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where to look: `imaps://user:password@host:993/FOLDER?done=OTHER`, or `imap://…?tls=starttls|no`."""

    host: str
    port: int
    tls: str  # implicit | starttls | no
    user: str
    password: str
    folder: str
    done: str

    @classmethod
    def from_url(cls, url: str) -> Mailbox:
        """Raises ValueError, in words that do not repeat the password."""
        parts = urlsplit(url)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        tls = "implicit" if parts.scheme == "imaps" else query.get("tls", "starttls")
        if (
            parts.scheme not in ("imap", "imaps")
            or not parts.hostname
            or tls not in ("implicit", "starttls", "no")
        ):
            raise ValueError("IMAP_URL takes imaps://user:password@host:993/FOLDER?done=OTHER.")
        return cls(
            host=parts.hostname,
            port=parts.port or (993 if tls == "implicit" else 143),
            tls=tls,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            folder=unquote(parts.path.strip("/")) or "INBOX",
            done=query.get("done", ""),
        )

    def connect(self, *, timeout: float = 60.0) -> IMAPClient:
        """A connection with the folder open. Raises one of FAILURES."""
        context = ssl.create_default_context() if self.tls != "no" else None
        client = IMAPClient(
            self.host,
            self.port,
            ssl=self.tls == "implicit",
            ssl_context=context,
            timeout=SocketTimeout(connect=timeout, read=timeout),
        )
        try:
            if self.tls == "starttls":
                client.starttls(context)
            client.login(self.user, self.password)
        except FAILURES:
            client.shutdown()
            raise
        return client


def work_off(client: IMAPClient, mailbox: Mailbox, *, told: Callable[[dict[str, int]], None]) -> int:
    """Take all that waits in the folder, batch by batch; how many messages were taken.

    Raises one of FAILURES, or the database's error: what was not committed stays where it is.
    """
    opened = client.select_folder(mailbox.folder)
    may_mark = b"\\*" in opened.get(b"PERMANENTFLAGS", ())
    criteria: list[object] = ["UNDELETED"]
    if not mailbox.done:
        criteria += ["UNKEYWORD", KEYWORD] if may_mark else ["UNSEEN"]
    waiting = client.search(criteria)
    taken = 0
    for uids in _batches(client, waiting):
        fetched = client.fetch(uids, ["BODY.PEEK[]"])
        raws = {uid: data[b"BODY[]"] for uid, data in fetched.items() if data.get(b"BODY[]") is not None}
        if raws:
            told(receive([Inbound(bytes(raw)) for raw in raws.values()], now=datetime.now(UTC)))
            _put_away(client, mailbox, sorted(raws), KEYWORD if may_mark else b"\\Seen")
            taken += len(raws)
    return taken


def _batches(client: IMAPClient, uids: Sequence[int]) -> list[list[int]]:
    """The messages in groups, none too large to hold in memory at once (a single huge message is its own group)."""
    groups: list[list[int]] = []
    size = 0
    sizes = client.fetch(uids, ["RFC822.SIZE"]) if uids else {}
    for uid in uids:
        bytes_ = int(sizes.get(uid, {}).get(b"RFC822.SIZE", 0))
        if not groups or len(groups[-1]) >= TOGETHER or size + bytes_ > TOGETHER_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(uid)
        size += bytes_
    return groups


def _put_away(client: IMAPClient, mailbox: Mailbox, uids: list[int], flag: bytes) -> None:
    if not mailbox.done:
        client.add_flags(uids, [flag], silent=True)
        return
    if not client.folder_exists(mailbox.done):
        client.create_folder(mailbox.done)
    if client.has_capability("MOVE"):
        client.move(uids, mailbox.done)
        return
    client.copy(uids, mailbox.done)
    client.delete_messages(uids, silent=True)
    if client.has_capability("UIDPLUS"):
        client.uid_expunge(uids)


def wait(client: IMAPClient, *, seconds: float, sleep: Callable[[float], object]) -> None:
    """Wait until something may have come: by IDLE where the server has it, at most `seconds` where it has not."""
    if not client.has_capability("IDLE"):
        sleep(seconds)
        client.noop()
        return
    client.idle()
    try:
        client.idle_check(timeout=IDLE_SECONDS)
    finally:
        client.idle_done()
