"""Documents are made together with the lines on which their keys stand, and located again."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cases.policyfile.locator import Path, dotted, line_of, locate

DOCUMENT = '''\
# a comment with [brackets] and = and """
title = "x" # another
dotted.key = 1
"a.b" . 'c d' = { one = [1,
  2, {text = """
[not.a.header]
""" , last = true}], far.away = 'z' }

[[list]]
n = 1979-05-27 07:32:00
  [[list.inner]]
  quotes = """x
[[list]]
y"""""
  more = \'\'\'
# no comment
\'\'\'\'
  [list.inner.deep]
  grid = [ [ "]" ], # ]
           ["}"]
         ]
[[list]]
[list.words]
en = "["
[[list.inner]]
escaped = "\\\\" # "
[late.header]
[late]
x = """\\""" \\
  """
'''


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    entries: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in entries:
        yield from paths(child, (*path, key))


def test_every_key_of_a_crooked_document_has_its_line() -> None:
    lines = locate(DOCUMENT)

    assert lines.keys() == set(paths(tomllib.loads(DOCUMENT)))
    assert {dotted(path): line for path, line in lines.items()} == {
        "title": 2,
        "dotted": 3,
        "dotted.key": 3,
        '"a.b"': 4,
        '"a.b"."c d"': 4,
        '"a.b"."c d".one': 4,
        '"a.b"."c d".one[0]': 4,
        '"a.b"."c d".one[1]': 5,
        '"a.b"."c d".one[2]': 5,
        '"a.b"."c d".one[2].text': 5,
        '"a.b"."c d".one[2].last': 7,
        '"a.b"."c d".far': 7,
        '"a.b"."c d".far.away': 7,
        "list": 9,
        "list[0]": 9,
        "list[0].n": 10,
        "list[0].inner": 11,
        "list[0].inner[0]": 11,
        "list[0].inner[0].quotes": 12,
        "list[0].inner[0].more": 15,
        "list[0].inner[0].deep": 18,
        "list[0].inner[0].deep.grid": 19,
        "list[0].inner[0].deep.grid[0]": 19,
        "list[0].inner[0].deep.grid[0][0]": 19,
        "list[0].inner[0].deep.grid[1]": 20,
        "list[0].inner[0].deep.grid[1][0]": 20,
        "list[1]": 22,
        "list[1].words": 23,
        "list[1].words.en": 24,
        "list[1].inner": 25,
        "list[1].inner[0]": 25,
        "list[1].inner[0].escaped": 26,
        "late": 28,
        "late.header": 27,
        "late.x": 29,
    }


def test_what_is_missing_is_found_at_what_is_around_it() -> None:
    lines = locate(DOCUMENT)

    assert line_of(lines, ("list", 1, "words", "de")) == 23
    assert line_of(lines, ("nowhere", "at", "all")) == 1


class Writer:
    """Writes a table as TOML, and notes on which line each path begins."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.expected: dict[Path, int] = {}

    def line(self) -> int:
        return self.text.count("\n") + 1

    def noise(self) -> None:
        self.text += self.draw(st.sampled_from(["", "", "\n", "# [[x]] = '''\n", "  "]))

    def key(self, key: str) -> str:
        if set(key) <= set(string.ascii_letters) and key and self.draw(st.booleans()):
            return key
        return quoted(key)

    def value(self, value: Any, path: Path) -> None:
        gap = self.draw(st.sampled_from(["", " ", "\n", " # ]}\n"]))
        match value:
            case list():
                self.text += "[" + gap
                for i, entry in enumerate(value):
                    self.expected[(*path, i)] = self.line()
                    self.value(entry, (*path, i))
                    self.text += gap + "," + gap
                self.text += "]"
            case dict():
                self.text += "{ "
                for n, (key, entry) in enumerate(value.items()):
                    self.text += ", " if n else ""
                    self.expected[(*path, key)] = self.line()
                    self.text += self.key(key) + "="
                    self.value(entry, (*path, key))
                self.text += " }"
            case str():
                long = self.draw(st.booleans())
                self.text += f'"""\n{escaped(value)}"""' if long else quoted(value)
            case bool():
                self.text += str(value).lower()
            case _:
                self.text += str(value)

    def table(self, table: dict[str, Any], path: Path, names: tuple[str, ...]) -> None:
        """Plain entries first; then tables and arrays of tables, inline or under headers."""
        below = []
        for key, value in table.items():
            tables = isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value)
            if (tables or isinstance(value, dict)) and self.draw(st.booleans()):
                below.append((key, value))
                continue
            self.noise()
            self.expected[(*path, key)] = self.line()
            self.text += f"{self.key(key)} = "
            self.value(value, (*path, key))
            self.text += self.draw(st.sampled_from(["\n", " # ]\n", "\n\n"]))
        for key, value in below:
            header = ".".join(map(self.key, (*names, key)))
            if isinstance(value, dict):
                self.noise()
                self.expected[(*path, key)] = self.line()
                self.text += f"[ {header} ]\n"
                self.table(value, (*path, key), (*names, key))
                continue
            for i, entry in enumerate(value):
                self.noise()
                self.expected.setdefault((*path, key), self.line())
                self.expected[(*path, key, i)] = self.line()
                self.text += f"[[{header}]] # n\n"
                self.table(entry, (*path, key, i), (*names, key))


def escaped(text: str) -> str:
    keep = {"\n": "\n", '"': '\\"', "\\": "\\\\"}
    return "".join(keep.get(c, c if c.isprintable() else f"\\U{ord(c):08X}") for c in text)


def quoted(text: str) -> str:
    return '"' + escaped(text).replace("\n", "\\n") + '"'


texts = st.text(st.sampled_from("ab\"'\\\n[]{}=#,. é\t"), max_size=8)
keys = st.text("abc", min_size=1, max_size=2) | texts
values = st.recursive(
    st.integers() | st.booleans() | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3)
        | st.lists(st.dictionaries(keys, inner, max_size=3), max_size=3)
    ),
    max_leaves=12,
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[Path, int]]:
    table = draw(st.dictionaries(keys, values, max_size=4))
    writer = Writer(draw)
    writer.table(table, (), ())
    return writer.text, table, writer.expected


@given(documents())
def test_any_document_is_located_as_it_was_written(made: tuple[str, dict[str, Any], dict[Path, int]]) -> None:
    text, table, expected = made

    assert tomllib.loads(text) == table
    assert locate(text) == expected
