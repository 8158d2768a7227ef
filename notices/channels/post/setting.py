"""A frozen notice and a postal address, set as a letter. The same input gives the same bytes on one machine."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import Any

from django.utils import formats, translation

from notices import typesetting
from notices.channels.post.structure import breakable, direction_of, plain, structure
from notices.channels.post.words import speaks, words
from notices.language import direction

MAX_LINES, MAX_LINE, MAX_ADDRESS = 6, 60, 400
_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")


class NoAddress(Exception):
    """This cannot stand in the window of an envelope; the message says why, as a sentence."""


@dataclass(frozen=True, slots=True)
class SetLetter:
    pdf: bytes
    pages: int


def address_lines(address: str) -> list[str]:
    """The lines of a postal address: name, street, town, country. One line with commas is taken apart at them.

    Raises:
        NoAddress: fewer than 2 lines, more than 6, or one that is too long for the window.
    """
    if len(address) > MAX_ADDRESS:
        raise NoAddress(f"The address has {len(address)} characters; there may be {MAX_ADDRESS}.")
    parts = address.splitlines() if len(address.splitlines()) > 1 else address.split(",")
    # Controls and invisible marks of direction have no place on an envelope.
    lines = ["".join(c for c in part if unicodedata.category(c)[0] != "C").strip() for part in parts]
    lines = [line for line in lines if line]
    if not 2 <= len(lines) <= MAX_LINES:
        raise NoAddress(
            f"The address has {len(lines)} lines; it takes 2 to {MAX_LINES}: name, street, town, country."
        )
    if any(len(line) > MAX_LINE for line in lines):
        raise NoAddress(
            f"A line of the address has more than {MAX_LINE} characters, too many for the window."
        )
    return lines


def set_letter(
    content: bytes, address: str, *, sender: Sequence[str], platform: str, reference: str, link: str
) -> SetLetter:
    """The letter for one notice.

    Args:
        content: the notice's frozen bytes.
        address: as the delivery has it.
        sender: the lines of our own address.

    Raises:
        NoAddress: the address fits no envelope.
    """
    lines = address_lines(address)
    message = message_from_bytes(content, _class=EmailMessage, policy=SMTPUTF8)
    language = str(message.get("Content-Language") or "en")
    issued = message["Date"].datetime.astimezone(UTC)
    data = {
        "platform": platform,
        "sender": list(sender),
        "recipient": [{"text": line, "dir": direction_of(line)} for line in lines],
        "address_size": 11 if max(map(len, lines)) <= 38 else 9 if max(map(len, lines)) <= 48 else 7.5,
        "language": language.partition("-")[0],
        "direction": direction(language),
        "hyphenate": False,
        "subject": str(message["Subject"] or ""),
        "date": _date(issued, language),
        "reference": reference,
        "link": link,
        "words": dict(words(language)),
        "body": _body(message, link),
    }
    pdf = typesetting.pdf("letters/letter.typ", data, at=issued)
    return SetLetter(pdf, max(1, len(_PAGE.findall(pdf))))


def _body(message: EmailMessage, link: str) -> list[dict[str, Any]]:
    part = message.get_body(preferencelist=("html",))
    if part is not None:
        blocks = structure(str(part.get_content()))
    else:
        text = message.get_body(preferencelist=("plain",))
        blocks = plain(str(text.get_content()) if text is not None else "")
    _write_out(blocks, link)
    return blocks


def _write_out(nodes: Iterable[Any], link: str) -> None:
    """Say of each link what is to be written behind its words: its address, but for our own, which stands below."""
    for node in nodes:
        if isinstance(node, dict):
            if node["t"] == "a":
                href = node.get("href", "")
                said = (
                    "".join(each for each in node["c"] if isinstance(each, str)).replace("\u200b", "").strip()
                )
                node["written"] = "" if href in (link, said, f"mailto:{said}") else breakable(href)
            _write_out(node["c"], link)


def _date(at: datetime, language: str) -> str:
    with translation.override(language.partition("-")[0] if speaks(language) else "en"):
        return formats.date_format(at, "j F Y" if language.startswith("en") else "DATE_FORMAT")
