"""What a channel takes of a frozen notice: the form in which its message leaves.

A delivery's exact bytes are its `head` and its notice's content, put together as its channel's form says.
"""

from __future__ import annotations

from enum import Enum


class Form(Enum):
    MAIL = "an RFC 5322 message: the delivery's header lines and the notice's content"
    TEXT = "a short text of its own, in UTF-8, frozen as the delivery's head"
    CONTENT = "the notice's content as it is"


_FORMS = {"email": Form.MAIL, "inapp": Form.CONTENT, "sms": Form.TEXT, "post": Form.CONTENT}


def form_of(channel: str) -> Form:
    """The form of a channel, also of one that is not configured here."""
    return _FORMS.get(channel, Form.CONTENT)


def leaving(channel: str, head: bytes, content: bytes) -> bytes:
    """The exact bytes of a delivery: `message_sha256` in its evidence is their SHA-256."""
    match form_of(channel):
        case Form.MAIL:
            return head + content
        case Form.TEXT:
            return head
        case Form.CONTENT:
            return content
