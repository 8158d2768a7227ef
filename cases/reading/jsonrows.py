"""Rows of a JSON Lines file: one object on each line, blank lines between them allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cases.reading.evidence import check_storable, check_string, decode, has_suspect_escape, text_of
from cases.reading.lines import Lines, damaged, storable, with_bad_bytes
from cases.reading.rows import COLUMNS, MAX_ROW, FileReport, FlagRow, RejectedRow
from cases.reading.values import FORMS, Values, shown

_KNOWN = frozenset(COLUMNS)
_IDS = frozenset({"reference", "external_id"})  # may be whole numbers
_EVIDENCE = COLUMNS.index("evidence")


class JsonRows:
    """The rows of `lines`; iterate once."""

    def __init__(self, lines: Lines, report: FileReport, values: Values) -> None:
        self._lines = lines
        self._report = report
        self._values = values
        self._told: set[str] = set()  # unknown keys

    def __iter__(self) -> Iterator[FlagRow | RejectedRow]:
        number = 0
        bad = self._lines.bad
        for number, line in enumerate(self._lines, 1):
            found: FlagRow | RejectedRow | list[str] | None = None
            if len(line) > MAX_ROW:
                found = [f"The row has more than {MAX_ROW:,} characters; only its beginning is kept."]
            elif not line.isspace():
                found = self._row(number, line)
            if bad:
                found = with_bad_bytes(found, bad, number, 1)
            if isinstance(found, list):
                found = RejectedRow(number, storable(line.rstrip("\r\n")), tuple(found))
            if found:
                yield found
        if self._lines.damage:
            yield damaged(self._lines, number + 1)

    def _row(self, number: int, line: str) -> FlagRow | list[str]:
        try:
            row = decode(line.strip())
        except ValueError as error:
            return [f"The row {error}."]
        if type(row) is not dict:
            return ["The row is JSON, but not an object."]
        if not row.keys() <= _KNOWN:
            self._tell(row)
        refused: dict[str, str] = {}  # reasons by column
        texts = [row.get(name, "") for name in COLUMNS]
        for at, value in enumerate(texts):
            if type(value) is not str:
                texts[at] = _text(COLUMNS[at], value, refused)
        if has_suspect_escape(line):
            for name, text in zip(COLUMNS, texts, strict=True):
                try:
                    check_string(text)
                except ValueError as error:
                    refused[name] = f"{name} {error}."
        if (evidence := row.get("evidence")) is not None:
            try:
                texts[_EVIDENCE] = _evidence(line, evidence)
            except ValueError as error:
                refused["evidence"] = f"evidence {error}."
        found = self._values.flag(number, *texts, evidence_checked=True)
        if not refused:
            return found
        others = [] if isinstance(found, FlagRow) else found
        return [*refused.values(), *(r for r in others if r.partition(" ")[0] not in refused)]

    def _tell(self, row: dict[str, Any]) -> None:
        for name in row.keys() - _KNOWN - self._told:
            if len(self._told) <= FileReport.MAX_WARNINGS:
                self._told.add(name)
                self._report.warn(f"The key {shown(name)} is not known and is left out.")


def _text(column: str, value: object, refused: dict[str, str]) -> str:
    """What is no text as text, where it may be; else the reason why not."""
    if value is None or column == "evidence":  # which has its own check
        return ""
    if type(value) is int and column in _IDS:
        return str(value)
    refused[column] = f"{column} is {_what(value)}, but must be text: {FORMS[column]}."
    return ""


def _evidence(line: str, evidence: Any) -> str:
    if type(evidence) is not dict:
        raise ValueError(f"is {_what(evidence)}, but must be {FORMS['evidence']}")
    text = text_of(evidence, line)
    check_storable(text)
    return text


def _what(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "an object"
        case list():
            return "an array"
        case str():
            return f"the text {shown(value)}"
        case _:
            return f"the number {value}"
