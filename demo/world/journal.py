"""What the world did to every message, as JSON Lines, and what that comes to for each recipient."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from demo.world.domains import Fate


class Journal:
    """Appends one line per event. A line is with the kernel before the SMTP client gets its reply."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode

    def write(self, event: str, **fields: Any) -> None:
        """Append one event; `at` is the time now, RFC 3339 in UTC."""
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        line = self._encode({"at": at, "event": event, **fields})
        os.write(self._fd, line.encode() + b"\n")

    def close(self) -> None:
        os.close(self._fd)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of a journal; a last line that is still being written is left out."""
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield json.loads(line)


@dataclass(slots=True)
class Truth:
    """What really happened to one recipient address.

    Attributes:
        tries: how often a message for it was offered.
        received: how often one was taken, by Message-ID; one that came twice counts two.
        refused, deferred: how often it was refused for good, or for now.
        cut: how often the connection dropped before the client had its answer, whether or not we kept the message.
        gone: how often the client went away in the middle.
        reports: actions of the DSNs that were handed over, in order, by Message-ID.
        pending: reports planned and not handed over yet.
        fate: where the last message that was taken ended up, or None if none was.
        replies: the replies that it was refused or deferred with, in order, each once.
    """

    tries: int = 0
    received: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    deferred: int = 0
    cut: int = 0
    gone: int = 0
    reports: dict[str, list[str]] = field(default_factory=dict)
    pending: int = 0
    fate: Fate | None = None
    behaviour: str = ""
    replies: list[str] = field(default_factory=list)

    @property
    def received_times(self) -> int:
        return sum(self.received.values())

    @property
    def reached(self) -> bool:
        """Whether a message reached the recipient's own server and stayed there (inbox or quarantine)."""
        return self.fate in (Fate.INBOX, Fate.QUARANTINE)

    @property
    def summary(self) -> str:
        """One word: `inbox`, `quarantine`, `discarded` or `bounced` if a message was taken; else what stopped it."""
        if self.fate is not None:
            return self.fate.value
        for word in ("refused", "cut", "deferred", "gone"):
            if getattr(self, word):
                return word
        return "nothing"


def truth(journal: Path | str) -> dict[str, Truth]:
    """What really happened, by recipient address (as `address_key` writes it: lower case, domain as A-labels)."""
    found: dict[str, Truth] = {}
    for line in read(Path(journal)):
        if line["event"] == "message":
            _add_message(found.setdefault(line["key"], Truth()), line)
        elif line["event"] == "report":
            known = found.setdefault(line["key"], Truth())
            known.reports.setdefault(line["message_id"], []).append(line["action"])
            known.pending -= 1
    return found


def _add_message(known: Truth, line: dict[str, Any]) -> None:
    known.tries += 1
    known.behaviour = line["behaviour"]
    outcome = line["outcome"]
    if line["received"]:
        known.received[line["message_id"]] = known.received.get(line["message_id"], 0) + 1
        known.fate = Fate(line["fate"])
        known.pending += len(line["reports"])
    if outcome in ("refused", "deferred"):
        setattr(known, outcome, getattr(known, outcome) + 1)
        if line["reply"] not in known.replies:
            known.replies.append(line["reply"])
    elif outcome in ("cut", "gone"):
        setattr(known, outcome, getattr(known, outcome) + 1)
