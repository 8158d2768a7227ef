"""Texts with placeholders, worked out as far as they can be before any value is known.

Most lines of a notice are the same for everybody. They are encoded once; what is left per notice are the few lines
that hold a placeholder. Quoted-printable works line by line (RFC 2045, 6.7), so this gives the bytes that encoding
the whole would give.
"""

from __future__ import annotations

import binascii
import html
import re
from collections.abc import Mapping, Sequence

_PLACEHOLDER = re.compile(r"\{\{ *(\w+) *\}\}")
# Placeholders pass through Markdown, the sanitiser and the CSS inliner as this inert text. The link has the form of
# an address, so that Markdown may use it as one.
_MARK = re.compile(r"https://zqx-([\w-]+?)-xqz\.invalid|zqx-([\w-]+?)-xqz")


def mark(text: str) -> str:
    """The text with its placeholders as marks."""
    return _PLACEHOLDER.sub(lambda match: marked(match[1]), text)


def marked(name: str) -> str:
    """The mark of one placeholder."""
    inert = f"zqx-{name.replace('_', '-')}-xqz"
    return f"https://{inert}.invalid" if name == "link" else inert


def as_html(value: str) -> str:
    """Plain text as HTML: escaped, its paragraphs and line ends kept."""
    return html.escape(value).replace("\r\n", "\n").replace("\n\n", "</p><p>").replace("\n", "<br>")


class Skeleton:
    """A marked text as constants and names in turn: [constant, name, constant, ..., constant]."""

    def __init__(self, text: str, constants: Mapping[str, str]) -> None:
        self.parts = [""]
        end = 0
        for match in _MARK.finditer(text):
            name = (match[1] or match[2]).replace("-", "_")
            self.parts[-1] += text[end : match.start()]
            if name in constants:
                self.parts[-1] += constants[name]
            else:
                self.parts += [name, ""]
            end = match.end()
        self.parts[-1] += text[end:]

    @property
    def names(self) -> set[str]:
        return set(self.parts[1::2])

    def fill(self, values: Mapping[str, str]) -> str:
        """Raises KeyError for a name without a value."""
        return _fill(self.parts, values)


class QuotedLines:
    """A skeleton whose constant lines are quoted-printable bytes already."""

    def __init__(self, skeleton: Skeleton, *, is_html: bool) -> None:
        self._is_html = is_html
        self._names = skeleton.names
        self._blocks: list[bytes | list[str]] = []
        first, *rest = skeleton.parts
        open_line = self._feed([""], first)
        for name, constant in zip(rest[::2], rest[1::2], strict=True):
            open_line = self._feed([*open_line, name, ""], constant)
        # A last line without its end would be broken by bare line feeds if it is long.
        self._feed(open_line, "\n")

    def _feed(self, open_line: list[str], constant: str) -> list[str]:
        """Add a constant; lines that end in it are closed. Returns the line that is open after it."""
        line, end, others = constant.replace("\r\n", "\n").partition("\n")
        open_line[-1] += line + end
        if not end:
            return open_line
        lines, end, last = others.rpartition("\n")
        self._close(open_line)
        self._close([lines + end])
        return [last]

    def _close(self, parts: list[str]) -> None:
        if len(parts) > 1:
            self._blocks.append(parts)
        elif self._blocks and isinstance(self._blocks[-1], bytes):
            self._blocks[-1] += _quoted(parts[0])
        else:
            self._blocks.append(_quoted(parts[0]))

    def fill(self, values: Mapping[str, str]) -> bytes:
        """The whole text with `values`, encoded, lines ending in CRLF. Raises KeyError for a name without a value."""
        if self._is_html:
            values = {name: as_html(values[name]) for name in self._names}
        return b"".join(
            block if isinstance(block, bytes) else _quoted(_fill(block, values)) for block in self._blocks
        )


def _fill(parts: Sequence[str], values: Mapping[str, str]) -> str:
    filled = list(parts)
    for i in range(1, len(filled), 2):
        filled[i] = values[filled[i]]
    return "".join(filled)


def _quoted(text: str) -> bytes:
    return binascii.b2a_qp(text.replace("\r\n", "\n").replace("\n", "\r\n").encode(), istext=True)
