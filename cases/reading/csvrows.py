"""Rows of a CSV file (RFC 4180): a header, columns in any order, line ends in quotes.

A quote that is never closed takes in what follows. It shows at the next quote, at the end of the file or when
the row becomes too long. Then only the line where the row began is rejected; reading begins anew after it.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from difflib import get_close_matches
from operator import itemgetter
from typing import Any

from cases.reading.lines import Lines, damaged, storable, with_bad_bytes
from cases.reading.rows import (
    MAX_HEADER,
    MAX_ROW,
    FileReport,
    FlagsFileError,
    Layout,
    RejectedRow,
    Row,
)
from cases.reading.values import shown

_FIELD_LIMIT = 131_072  # the csv module's own default


class _TooLong(Exception):
    """The row that is being read has more than MAX_ROW characters."""


class CsvRows:
    """The rows of `lines`; the header is read at once.

    Raises:
        FlagsFileError: the header is not one.
    """

    def __init__(self, lines: Lines, report: FileReport, layout: Layout, given: set[str]) -> None:
        self._lines = lines
        self._source = iter(lines)
        self._report = report
        self._layout = layout
        self._taken: list[str] = []  # the lines of the row that is being read
        self._size = 0
        self._pending: deque[str] = deque()  # lines to be read again
        self._ended = False
        # The limit is the whole process's: somebody may have lowered it, and nobody should find it lowered.
        if csv.field_size_limit() < _FIELD_LIMIT:
            csv.field_size_limit(_FIELD_LIMIT)
        header = self._header()
        self._width = len(header)
        self._at = 1 + len(self._taken)  # the line on which the next row begins
        self._taken.clear()
        lines.bad -= set(range(self._at))
        self._pick = self._picker(header, given)

    def _feed(self) -> Iterator[str]:
        taken, pending = self._taken, self._pending
        while True:
            line = pending.popleft() if pending else next(self._source, None)
            if line is None:
                self._ended = True
                return
            self._size = self._size + len(line) if taken else len(line)
            taken.append(line)
            if self._size > MAX_ROW:
                raise _TooLong
            yield line

    def _header(self) -> list[str]:
        try:
            for row in csv.reader(self._feed(), strict=True):
                if any(name.strip() for name in row):
                    break
            else:
                damage = self._lines.damage
                what = (
                    f"The compressed file {damage} before its first row."
                    if damage
                    else "The file has no header."
                )
                raise FlagsFileError(what)
        except (csv.Error, _TooLong) as error:
            what = "its quotes do not match"
            if "new-line" in str(error):
                what = "its lines end in carriage returns alone"
            raise FlagsFileError(f"The file has no CSV header: {what}.") from error
        if self._size > MAX_HEADER:
            raise FlagsFileError("The file has no CSV header: its first line is too long.")
        return [name.strip().lower() for name in row]

    def _picker(self, header: list[str], given: set[str]) -> itemgetter[Any]:
        """Takes a row's values in the order of its columns; those it lacks are "", put behind the row."""
        layout = self._layout
        missing = [
            name for name in (*layout.required, *layout.options) if name not in header and name not in given
        ]
        if len(header) == 1 and len(missing) > 1:
            for mark, what in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
                if mark in header[0]:
                    raise FlagsFileError(f"The columns are divided by {what}. Save the file with commas.")
        unknown = [name for name in header if name not in layout.all]
        if missing:
            hints = []
            for name in missing:
                near = get_close_matches(name, unknown, 1)
                hints.append(f"{name} (is {shown(near[0])} meant?)" if near else name)
            options = " or ".join(f"--{name}" for name in missing if name in layout.options)
            also = f" (or say it with {options})" if options else ""
            raise FlagsFileError(f"The header lacks {', '.join(hints)}. Add what is missing{also}.")
        for name in layout.all:
            if header.count(name) > 1:
                raise FlagsFileError(f"The header has the column {name} {header.count(name)} times.")
        for name in dict.fromkeys(unknown):
            self._report.warn(f"The column {shown(name)} is not known and is left out.")
        columns = layout.columns if set(layout.more).isdisjoint(header) else layout.all
        return itemgetter(*(header.index(name) if name in header else -1 for name in columns))

    def __iter__(self) -> Iterator[Row | RejectedRow]:
        while True:
            try:
                yield from self._rows()
                break
            except csv.Error as error:
                if self._ended and self._lines.damage:
                    break  # in the middle of a row: no wonder that it has no end
                found = self._begin_anew(str(error))
            except _TooLong:
                found = self._begin_anew("")
            yield found
        if self._lines.damage:
            yield damaged(self._lines, self._at, "".join(self._taken))

    def _rows(self) -> Iterator[Row | RejectedRow]:
        """Rows, until one of them breaks the grammar."""
        taken, bad, width = self._taken, self._lines.bad, self._width
        pick, read = self._pick, self._layout.read
        for row in csv.reader(self._feed(), strict=True):
            found: Row | RejectedRow | list[str] | None = None
            if len(row) == width:
                row.append("")
                found = read(self._at, *pick(row))
            else:
                found = [f"The row has {len(row)} fields, but the header has {width}."]
            if isinstance(found, list) and not any(map(str.strip, row)):
                found = None  # a blank line, or commas only, as spreadsheets leave behind
            if bad:
                found = with_bad_bytes(found, bad, self._at, len(taken))
            if isinstance(found, list):
                found = RejectedRow(self._at, storable("".join(taken).rstrip("\r\n")), tuple(found))
            self._at += len(taken)
            taken.clear()
            if found:
                yield found

    def _begin_anew(self, error: str) -> RejectedRow:
        """Reject the first line of the row that is being read, and give back the others."""
        first, *others = self._taken
        if others:
            self._report.warn(
                f"A quote in line {self._at} is not closed; reading began anew at the next line."
            )
        rejected = RejectedRow(self._at, storable(first.rstrip("\r\n")), (self._reason(error, len(others)),))
        self._lines.bad.discard(self._at)
        self._pending.extendleft(reversed(others))
        self._at += 1
        self._taken.clear()
        return rejected

    def _reason(self, error: str, others: int) -> str:
        """The csv module's complaint, or none where the row is too long, as a sentence for people."""
        if "expected after" in error and others:
            seen = self._at + others
            return f"The row has a quote that is not closed, or not doubled (it shows in line {seen})."
        if "expected after" in error:
            return 'The row has text after a closing quote; a quote inside quotes is written twice ("").'
        if others or "end of data" in error:
            return "The row has a quote that is not closed."
        if not error:
            return f"The row has more than {MAX_ROW:,} characters; only its beginning is kept."
        if "field limit" in error:
            return f"The row has a field of more than {_FIELD_LIMIT:,} characters."
        if "new-line" in error:
            return "The row has a carriage return that is neither in quotes nor part of a line end."
        return f"The row is not CSV: {error}."
