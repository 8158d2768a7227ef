"""From template and values to the frozen bytes of a notice.

A template's text is worked out once per version, language and set of constant values: Markdown, sanitising, CSS,
the MIME frame. What is left per notice is to join strings, encode, hash and compress. Staff write templates, so the
language has placeholders and nothing else: no logic, no filters, nothing that could run.

The frozen bytes are a whole RFC 5322 message without the header lines that name one recipient (To, Message-ID).
Those are the delivery's `head`; head + content are the bytes that leave.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import Header
from email.policy import SMTPUTF8
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache

import css_inline
import nh3
import zstandard
from django.conf import settings
from django.template.loader import render_to_string
from markdown_it import MarkdownIt

from notices import skeletons
from notices.language import direction
from notices.models import ContentDictionary, TemplateVersion
from notices.skeletons import QuotedLines, Skeleton

# "=_" cannot occur in quoted-printable text, so no part can contain the boundary (RFC 2045, 6.7).
BOUNDARY = "=_due-notice"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


@lru_cache(maxsize=4096)
def _encoded(subject: str) -> str:
    """A subject as a header value, encoded (RFC 2047) and folded where it has to be."""
    clean = _CONTROL.sub(" ", subject)
    if clean.isascii() and len(clean) < 65:
        return clean
    return Header(clean, "utf-8", header_name="Subject").encode(linesep="\r\n")


@lru_cache(maxsize=8)
def _date(at: datetime) -> str:
    return format_datetime(at)


@lru_cache(maxsize=8)
def _mailbox(text: str) -> str:
    """A name and address as a header value, the name encoded where it has to be."""
    return formataddr(parseaddr(text))


def head(name: str, address: str, message_id: str) -> bytes:
    """The header lines of one recipient: To and Message-ID.

    An internationalised address stays as it is, in UTF-8 (RFC 6532); the display name is encoded.
    """
    name, address = _CONTROL.sub(" ", name).strip(), _CONTROL.sub("", address)
    if address.isascii():
        to = formataddr((name, address))
    else:
        to = f'"{name.translate(_QUOTE)}" <{address}>' if name else address
    return f"To: {to}\r\nMessage-ID: {message_id}\r\n".encode()


_QUOTE = str.maketrans({'"': r"\"", "\\": r"\\"})


@dataclass(frozen=True, slots=True)
class Frozen:
    """The bytes of one notice, packed, and the SHA-256 of the unpacked bytes."""

    packed: bytes
    sha256: bytes


class Composition:
    """One template version, with what all its notices share worked in. Made by `composition()`."""

    def __init__(self, version: TemplateVersion, constants: Mapping[str, str]) -> None:
        self.language = version.language
        subject, body = skeletons.mark(version.subject), skeletons.mark(version.body)
        frame = {
            "content": nh3.clean(MarkdownIt("commonmark", {"html": False}).render(body)),
            "text": _LINK.sub(r"\1: \2", body),
            "subject": subject,
            "language": version.language,
            "direction": direction(version.language),
            "reference": skeletons.marked("reference"),
            **constants,
        }
        in_html = {name: skeletons.as_html(value) for name, value in constants.items()}
        text = Skeleton(render_to_string("emails/notice/body.txt", frame), constants)
        page = Skeleton(css_inline.inline(render_to_string("emails/notice/body.html", frame)), in_html)
        self._subject = Skeleton(render_to_string("emails/notice/subject.txt", frame).strip(), constants)
        self._text = QuotedLines(text, is_html=False)
        self._page = QuotedLines(page, is_html=True)
        # What the notices have in common: this notice with values that look like theirs and are nobody's.
        names = self._subject.names | text.names | page.names
        self._sample = self._bytes(dict.fromkeys(names, "") | _lookalikes(), _date(_LOOKALIKE))
        self._compressor = zstandard.ZstdCompressor(
            level=3, dict_data=_dictionary(self._sample), write_dict_id=False, write_content_size=True
        )

    def dictionary_id(self) -> int:
        """The row of the dictionary that this composition's notices are packed against; made where missing.

        Asked anew by each issue and never cached: a transaction that rolls back takes the row with it.
        """
        row, _ = ContentDictionary.objects.get_or_create(
            sha256=hashlib.sha256(self._sample).digest(), defaults={"data": self._sample}
        )
        return row.pk

    def freeze(self, values: Mapping[str, str], *, at: datetime) -> Frozen:
        """The notice for `values` (plain text by placeholder name), dated `at`.

        Raises:
            KeyError: a placeholder of the template has no value.
        """
        content = self._bytes(values, _date(at))
        return Frozen(self._compressor.compress(content), hashlib.sha256(content).digest())

    def _bytes(self, values: Mapping[str, str], date: str) -> bytes:
        return b"".join(
            (
                f"From: {_mailbox(settings.NOTICE_FROM)}\r\nDate: {date}\r\n"
                f"Subject: {_encoded(self._subject.fill(values))}\r\n"
                "Auto-Submitted: auto-generated\r\n"  # RFC 3834: vacation programs should not answer
                f"Content-Language: {self.language}\r\nMIME-Version: 1.0\r\n"
                f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n--{BOUNDARY}\r\n'
                f"{_part('plain')}".encode(),
                self._text.fill(values),
                f"\r\n--{BOUNDARY}\r\n{_part('html')}".encode(),
                self._page.fill(values),
                f"\r\n--{BOUNDARY}--\r\n".encode(),
            )
        )


_LOOKALIKE = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _lookalikes() -> dict[str, str]:
    """Values in the form of real ones, by placeholder: what differs then differs in a few bytes."""
    return {
        "account_name": "Ana Example",
        "facts": "This account was reported, with evidence, by a user.",
        "case_number": "C-1000",
        "reference": "N-1000-00000000000000",
        "link": f"{settings.BASE_URL}/n/100-00000000000000/",
        "issued_on": f"{_LOOKALIKE:%Y-%m-%d}",
    }


def _part(kind: str) -> str:
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


def _dictionary(data: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(data, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


@lru_cache(maxsize=256)
def _composition(version_id: int, constants: tuple[tuple[str, str], ...]) -> Composition:
    return Composition(TemplateVersion.objects.get(pk=version_id), dict(constants))


def composition(version_id: int, constants: Mapping[str, str]) -> Composition:
    """The composition of a template version with `constants`, worked out once per process.

    Versions are never edited, so what is cached cannot grow old.
    """
    return _composition(version_id, tuple(sorted(constants.items())))


@lru_cache(maxsize=256)
def _decompressor(dictionary_id: int) -> zstandard.ZstdDecompressor:
    data = bytes(ContentDictionary.objects.values_list("data", flat=True).get(pk=dictionary_id))
    return zstandard.ZstdDecompressor(dict_data=_dictionary(data))


def subject(content: bytes) -> str:
    """The subject of frozen bytes, decoded."""
    head = content.partition(b"\r\n\r\n")[0]
    return str(message_from_bytes(head, policy=SMTPUTF8)["Subject"] or "")


def unpack(packed: bytes, dictionary_id: int) -> bytes:
    """The frozen bytes, byte for byte as they were composed; b"" where they were erased."""
    if not packed:
        return b""
    return _decompressor(dictionary_id).decompress(packed)
