"""The account holder's session: opened from a notice's link by POST, for one recipient, for an hour.

Nothing here is a login. The session names one recipient and remembers which notices it was shown. What is done in it
counts as the holder's own doing, so a browser in which a member of staff is signed in has no such session.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min
from django.http import HttpRequest

from notices.kinds import Kind
from notices.models import Evidence, Notice

LASTS = timedelta(hours=1)
_KEY = "notice_holder"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who reads: the recipient, the session's name as evidence knows it, and the notices that it was shown."""

    recipient: str
    session: str
    shown: frozenset[int]


@dataclass(frozen=True, slots=True)
class Listed:
    """One notice in the inbox. `acknowledged_at` is when the holder first acknowledged it, or None."""

    notice: Notice
    acknowledged_at: datetime | None


def open_session(request: HttpRequest, recipient: str, *, at: datetime) -> None:
    """Begin a session for this recipient and nobody else, under a new key."""
    request.session.clear()
    request.session.cycle_key()
    request.session.set_expiry(LASTS)
    request.session[_KEY] = {"recipient": recipient, "until": (at + LASTS).isoformat(), "shown": []}


def holder(request: HttpRequest, *, at: datetime) -> Holder | None:
    """Who reads in this session, or None where it is over, was never opened, or is a member of staff's."""
    given = request.session.get(_KEY)
    if given is None or request.user.is_authenticated or at >= datetime.fromisoformat(given["until"]):
        return None
    # Evidence keeps a hash: who reads it learns that two acts came from one session, and can enter none.
    session = hashlib.sha256(str(request.session.session_key).encode()).hexdigest()
    return Holder(given["recipient"], session, frozenset(given["shown"]))


def remember_shown(request: HttpRequest, notice_id: int) -> None:
    given = request.session[_KEY]
    request.session[_KEY] = {**given, "shown": [*given["shown"], notice_id]}


def close_session(request: HttpRequest) -> None:
    request.session.flush()


def inbox(recipient: str) -> list[Listed]:
    """Every notice ever issued to this recipient, newest first. Two queries, whatever their number."""
    notices = list(
        Notice.objects.filter(recipient=recipient)
        .only("kind", "recipient", "issued_at")
        .order_by("-issued_at", "-pk")
    )
    acknowledged = acknowledgements(notices)
    return [Listed(notice, acknowledged.get(notice.pk)) for notice in notices]


def acknowledgements(notices: Sequence[Notice]) -> dict[int, datetime]:
    """When each of these notices was first acknowledged, by id; those that were not are left out."""
    rows = Evidence.objects.filter(notice__in=notices, kind=Kind.ACKNOWLEDGED).values("notice")
    return dict(rows.annotate(at=Min("occurred_at")).values_list("notice", "at"))
