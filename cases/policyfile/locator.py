"""On which line of a TOML document each key, table and element stands. `tomllib` does not say.

The document has passed `tomllib` before it comes here, so this reader looks for structure only and takes the
rest on trust.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

Path = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
# Strings first, the ones of several lines before the others; such a string may end in two quotes of its own.
_SCALAR = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?'{3,5}|"(?:\\.|[^"\\])*"|'[^']*'|[^,\]}#\n]+''', re.DOTALL
)


def locate(text: str) -> dict[Path, int]:
    """Lines (from 1) by path: `("policies", 0, "rungs", 1, "window_days")`.

    Every key, table, array and element of the document has its path here: a key the line on which it stands,
    a table the line of its header (or, where it has none, of the first thing in it).
    """
    return _Scan(text).lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of `path` or, if it is missing, of the nearest thing around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def dotted(path: Path) -> str:
    """A path as people write it: `policies[0].rungs[1].window_days`."""
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part}]"
        else:
            words += ("." if words else "") + (part if _KEY.fullmatch(part) else f'"{part}"')
    return words


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._tables: dict[Path, int] = {}  # how many [[tables]] there have been, by the path of their array
        self._document()

    def _line(self) -> int:
        return bisect_left(self._ends, self.at) + 1

    def _skip(self, what: re.Pattern[str]) -> None:
        match = what.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _take(self, literal: str) -> bool:
        if self.text.startswith(literal, self.at):
            self.at += len(literal)
            return True
        return False

    def _document(self) -> None:
        base: Path = ()
        while True:
            self._skip(_SPACE)
            line = self._line()
            if self.at >= len(self.text):
                return
            if self._take("[["):
                base = self._resolve(self._key())
                index = self._tables.get(base, 0)
                self._tables[base] = index + 1
                self.lines.setdefault(base, line)
                base = (*base, index)
                self.lines[base] = line
                self._take("]]")
            elif self._take("["):
                base = self._resolve(self._key())
                self.lines[base] = line
                self._take("]")
            else:
                self._pair(base)

    def _resolve(self, key: list[str]) -> Path:
        """The path that a header means: inside the newest of each array of tables that it goes through."""
        path: Path = ()
        for part in key:
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
            path = (*path, part)
            self.lines.setdefault(path, self._line())
        return path

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(_BLANK)
            match = _KEY.match(self.text, self.at)
            if match is None:
                raise ValueError(f"There is no key in line {self._line()}.")
            self.at = match.end()
            quoted = match[0][0] in "\"'"
            parts.append(next(iter(tomllib.loads(f"{match[0]}=0"))) if quoted else match[0])
            self._skip(_BLANK)
            if not self._take("."):
                return parts

    def _pair(self, base: Path) -> None:
        line = self._line()
        path = base
        for part in self._key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self._take("=")
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._take("["):
            index = 0
            while True:
                self._separator()
                if self._take("]"):
                    return
                self.lines[(*path, index)] = self._line()
                self._value((*path, index))
                index += 1
        elif self._take("{"):
            while True:
                self._separator()
                if self._take("}"):
                    return
                self._pair(path)
        else:
            start = self.at
            self._skip(_SCALAR)
            if self.at == start:
                raise ValueError(f"There is no value in line {self._line()}.")

    def _separator(self) -> None:
        self._skip(_SPACE)
        if self._take(","):
            self._skip(_SPACE)
