"""What the account holder does with a notice: sees it, acknowledges it. The strongest evidence that there is."""

from __future__ import annotations

from datetime import datetime

from notices import composing, recording
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.models import Notice


def content(notice: Notice) -> bytes:
    """The frozen bytes of a notice, without the header lines of any one recipient."""
    return composing.unpack(bytes(notice.content), notice.dictionary_id)


def shown(notice: Notice, *, session: str, at: datetime) -> None:
    """Record that the holder's session was served this notice's text. Once per session; further views add nothing.

    Args:
        session: an opaque name of the session (a hash, never the session key).
    """
    _record(notice, Kind.SHOWN, session, at)


def acknowledged(notice: Notice, *, session: str, at: datetime) -> None:
    """Record that the holder pressed the button that says "I have read this"."""
    _record(notice, Kind.ACKNOWLEDGED, session, at)


def _record(notice: Notice, kind: Kind, session: str, at: datetime) -> None:
    payload = {"content_sha256": bytes(notice.content_sha256).hex(), "session": session}
    fact = NewFact(notice.pk, kind, "holder", at, payload=payload, event_id=f"{notice.pk}:{kind}:{session}")
    recording.record([fact], now=at)
