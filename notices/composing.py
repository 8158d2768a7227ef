"""From template and values to the frozen bytes of a notice.

A template's text is worked out once per version, language and set of constant values: Markdown, sanitising, CSS,
the MIME frame. What is left per notice is to join strings, encode, hash and compress. Staff write templates, so the
language has placeholders and nothing else: no logic, no filters, nothing that could run.

The frozen bytes are a whole RFC 5322 message without the header lines that name one recipient (To, Message-ID).
Those are the delivery's `head`; head + content are the bytes that leave.
"""

from __future__ import annotations

import binascii
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache

import css_inline
import nh3
import zstandard
from django.conf import settings
from django.template.loader import render_to_string
from markdown_it import MarkdownIt

from notices.language import direction
from notices.models import ContentDictionary, TemplateVersion

# "=_" cannot occur in quoted-printable text, so no part can contain the boundary (RFC 2045, 6.7).
BOUNDARY = "=_due-notice"

_PLACEHOLDER = re.compile(r"\{\{ *(\w+) *\}\}")
# Placeholders pass through Markdown, the sanitiser and the CSS inliner as this inert text. The link has the form of
# an address, so that Markdown may use it as one.
_MARK = re.compile(r"https://zqx-([\w-]+?)-xqz\.invalid|zqx-([\w-]+?)-xqz")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def _mark(match: re.Match[str]) -> str:
    name = match[1].replace("_", "-")
    return f"https://zqx-{name}-xqz.invalid" if name == "link" else f"zqx-{name}-xqz"


def _split(text: str) -> list[str]:
    """Constants and names in turn: [constant, name, constant, name, ..., constant]."""
    parts: list[str] = []
    end = 0
    for match in _MARK.finditer(text):
        parts += [text[end : match.start()], (match[1] or match[2]).replace("-", "_")]
        end = match.end()
    return [*parts, text[end:]]


def _bind(parts: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Join what is known already into the constants."""
    bound = [parts[0]]
    for name, constant in zip(parts[1::2], parts[2::2], strict=True):
        if name in values:
            bound[-1] += values[name] + constant
        else:
            bound += [name, constant]
    return bound


def _fill(parts: Sequence[str], values: Mapping[str, str]) -> str:
    filled = list(parts)
    for i in range(1, len(filled), 2):
        filled[i] = values[filled[i]]
    return "".join(filled)


def _html(value: str) -> str:
    """Plain text as HTML: escaped, its paragraphs and line ends kept."""
    return html.escape(value).replace("\r\n", "\n").replace("\n\n", "</p><p>").replace("\n", "<br>")


@lru_cache(maxsize=4096)
def _encoded(subject: str) -> str:
    """A subject as a header value, encoded (RFC 2047) and folded where it has to be."""
    clean = _CONTROL.sub(" ", subject)
    if clean.isascii() and len(clean) < 65:
        return clean
    return Header(clean, "utf-8", header_name="Subject").encode(linesep="\r\n")


def _quoted(text: str) -> bytes:
    return binascii.b2a_qp(text.replace("\r\n", "\n").replace("\n", "\r\n").encode(), istext=True)


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
        self.template_version_id = version.pk
        self.language = version.language
        marked = {
            name: _PLACEHOLDER.sub(_mark, text)
            for name, text in (("s", version.subject), ("b", version.body))
        }
        body = nh3.clean(MarkdownIt("commonmark", {"html": False}).render(marked["b"]))
        frame = {
            "content": body,
            "text": _LINK.sub(r"\1: \2", marked["b"]),
            "subject": marked["s"],
            "language": version.language,
            "direction": direction(version.language),
            "reference": "zqx-reference-xqz",
            **constants,
        }
        as_html = css_inline.inline(render_to_string("emails/notice/body.html", frame))
        safe = {name: _html(value) for name, value in constants.items()}
        self._subject = _bind(_split(render_to_string("emails/notice/subject.txt", frame).strip()), constants)
        self._text = _bind(_split(render_to_string("emails/notice/body.txt", frame)), constants)
        self._html = _bind(_split(as_html), safe)
        # What the notices have in common: this notice with nothing filled in.
        self._sample = self._bytes(dict.fromkeys(_names(self._subject, self._text, self._html), ""), "")
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
        content = self._bytes(values, format_datetime(at.replace(microsecond=0)))
        return Frozen(self._compressor.compress(content), hashlib.sha256(content).digest())

    def _bytes(self, values: Mapping[str, str], date: str) -> bytes:
        text = _fill(self._text, values)
        page = _fill(self._html, {name: _html(value) for name, value in values.items()})
        return b"".join(
            (
                f"From: {_mailbox(settings.NOTICE_FROM)}\r\nDate: {date}\r\n"
                f"Subject: {_encoded(_fill(self._subject, values))}\r\n"
                "Auto-Submitted: auto-generated\r\n"  # RFC 3834: vacation programs should not answer
                f"Content-Language: {self.language}\r\nMIME-Version: 1.0\r\n"
                f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n--{BOUNDARY}\r\n'
                f"{_part('plain')}".encode(),
                _quoted(text),
                f"\r\n--{BOUNDARY}\r\n{_part('html')}".encode(),
                _quoted(page),
                f"\r\n--{BOUNDARY}--\r\n".encode(),
            )
        )


def _part(kind: str) -> str:
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


def _names(*parts: Sequence[str]) -> set[str]:
    return {name for part in parts for name in part[1::2]}


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


def unpack(packed: bytes, dictionary_id: int) -> bytes:
    """The frozen bytes, byte for byte as they were composed."""
    return _decompressor(dictionary_id).decompress(packed)
