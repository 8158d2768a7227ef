"""The text of a frozen notice, taken out of its bytes for a page of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import nh3

from notices.models import Notice
from notices.reading import content

# What a letter is made of. Nothing that has a look, loads anything, or could pass for a part of our page.
_TAGS = set(
    "p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd strong em b i u s a blockquote br hr code pre "
    "table thead tbody tr th td".split()
)
_BREAK = r"(?:=\r?\n)?"
_LINK = re.compile(
    rf"/{_BREAK}n{_BREAK}/(?:[0-9a-z]{_BREAK})+-(?:{_BREAK}[0-9a-z])+{_BREAK}/?", re.IGNORECASE
)
_ATTRIBUTES = {"a": {"href"}, "*": {"lang", "dir"}}


@dataclass(frozen=True, slots=True)
class FrozenText:
    """A notice's subject, its HTML part sanitised to bare structure, and its plain text."""

    subject: str
    html: str
    text: str


def frozen_text(notice: Notice) -> FrozenText:
    """Read a notice's frozen bytes; empty texts where they were erased. The HTML is safe to put into a page."""
    message = message_from_bytes(content(notice), policy=default)
    return FrozenText(
        subject=str(message["Subject"] or ""),
        html=sanitised(_part(message, "html")),
        text=_part(message, "plain"),
    )


def sanitised(html: str) -> str:
    """HTML cut down to the structure of a letter: no style, script, form, image, class or id."""
    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style", "title"},
        attributes=_ATTRIBUTES,
        # What the flags report may be in another language than the notice around it.
        set_tag_attribute_values={"p": {"dir": "auto"}},
        url_schemes={"http", "https", "mailto"},
    ).strip()


def without_links(text: str) -> str:
    """A notice's text for staff: its link does not work any more.

    Who opens the link acts as the account holder, and what they do there is the strongest evidence that there is.
    So staff never get to see one. Bounces quote our mails with their soft line breaks (RFC 2045, 6.7).
    """
    return _LINK.sub("/n/[withheld]/", text)


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body(preferencelist=(subtype,))
    return str(part.get_content()) if part else ""
