"""A notice's HTML part as a tree of plain values, for the typesetter. Pure.

A node is {"t": kind, "c": children} with its text as strings among the children; blocks also have "dir". What has no
meaning on paper (styles, pictures, forms) is left out; what has no kind of its own gives its children.
"""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser
from typing import Any

Node = dict[str, Any]

_KINDS = {
    **dict.fromkeys(("p", "dt", "dd", "td", "th", "div"), "p"),
    **dict.fromkeys(("h1", "h2"), "h"),
    **dict.fromkeys(("h3", "h4", "h5", "h6"), "h2"),
    **dict.fromkeys(("strong", "b"), "strong"),
    **dict.fromkeys(("em", "i", "u"), "em"),
    **dict.fromkeys(("pre", "code"), "code"),
    **{name: name for name in ("ul", "ol", "li", "blockquote", "a")},
}
_DROPPED = frozenset({"head", "style", "script", "title"})
_VOID = frozenset(
    {"br", "hr", "img", "meta", "link", "input", "col", "area", "base", "embed", "source", "wbr"}
)
_BLOCKS = frozenset({"p", "h", "h2", "ul", "ol", "li", "blockquote"})
_DEPTH = 24  # what lies deeper is told without its structure


# Addresses and keys may be wider than the page. The typesetter breaks a line where this stands, and prints nothing.
_LONG = re.compile(r"\S{36}(?=\S)")


def breakable(text: str) -> str:
    """The text with places at which a word that is wider than a line may be broken."""
    return _LONG.sub(lambda match: match[0] + "\u200b", text)


class _Reader(HTMLParser):
    """Builds the tree of the letter's part of the page: the sheet, where there is one, without what stands below it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root: Node = {"t": "root", "c": []}
        self._open: list[tuple[str, Node]] = []
        self._dropped = 0
        self._pre = 0

    @property
    def _here(self) -> Node:
        return self._open[-1][1] if self._open else self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._dropped += 1
        elif tag == "br":
            self._here["c"].append({"t": "br", "c": []})
        elif tag == "hr":
            self._here["c"].append({"t": "hr", "c": []})
        elif tag not in _VOID:
            given = dict(attrs)
            kind = "foot" if given.get("class") == "foot" else _KINDS.get(tag, "")
            node = self._here
            if kind and len(self._open) < _DEPTH:
                node = {"t": kind, "c": []}
                if kind == "a":
                    node["href"] = given.get("href") or ""
                self._here["c"].append(node)
            self._open.append((tag, node))
            self._pre += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._dropped = max(0, self._dropped - 1)
        elif any(name == tag for name, _ in self._open):
            while True:
                name, _ = self._open.pop()
                self._pre -= name == "pre"
                if name == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            text = data if self._pre else " ".join(f"x{data}x".split())[1:-1]
            if text:
                self._here["c"].append(breakable(text))


def structure(html: str) -> list[Node]:
    """The blocks of a notice's HTML, in order; inline content that stands alone becomes a paragraph."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return _blocks(reader.root["c"])


def plain(text: str) -> list[Node]:
    """Plain text as paragraphs, for a notice without HTML."""
    paragraphs = (part.strip() for part in text.replace("\r\n", "\n").split("\n\n"))
    return [_block("p", _lines(part)) for part in paragraphs if part]


def _lines(text: str) -> list[Any]:
    found: list[Any] = []
    for line in text.split("\n"):
        found += [{"t": "br", "c": []}, breakable(line)] if found else [breakable(line)]
    return found


def _blocks(children: list[Any]) -> list[Node]:
    found: list[Node] = []
    inline: list[Any] = []

    def end_paragraph() -> None:
        if any(not isinstance(each, str) or each.strip() for each in inline):
            found.append(_block("p", list(inline)))
        inline.clear()

    for child in children:
        kind = child["t"] if isinstance(child, dict) else ""
        if kind not in _BLOCKS and kind not in ("hr", "foot"):
            inline.append(child)
            continue
        end_paragraph()
        if kind == "hr":
            found.append({"t": "hr", "c": []})
        elif kind in ("h", "h2"):
            found.append(_block(kind, child["c"]))
        elif kind in ("ul", "ol"):
            items = [_block("li", _blocks(each["c"])) for each in child["c"] if _is(each, "li")]
            found.append(_block(kind, items))
        elif kind in ("blockquote", "li"):
            found.append(_block("blockquote" if kind == "blockquote" else "p", _blocks(child["c"])))
        elif kind == "p":
            found += _blocks(child["c"])
    end_paragraph()
    return found


def _is(node: Any, kind: str) -> bool:
    return isinstance(node, dict) and node["t"] == kind


def _block(kind: str, children: list[Any]) -> Node:
    return {"t": kind, "c": children, "dir": direction_of(_text(children))}


def _text(children: list[Any]) -> str:
    return "".join(each if isinstance(each, str) else _text(each["c"]) for each in children)


def direction_of(text: str) -> str:
    """By the first letter that has a direction (Unicode Bidirectional Algorithm, P2 and P3); "" where none has."""
    for character in text:
        match unicodedata.bidirectional(character):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
    return ""
