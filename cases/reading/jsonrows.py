"""Rows of a JSON Lines file: one object on each line, blank lines between them allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cases.reading.evidence import check_storable, check_string, decode, has_suspect_escape, text_of
from cases.reading.lines import Lines, damaged, storable, with_bad_bytes
from cases.reading.rows import (
    MAX_ROW,
    FileReport,
    Layout,
    RejectedRow,
    Row,
)
from cases.reading.values import shown

_IDS = frozenset({"reference", "external_id", "rank"})  # may be whole numbers


class JsonRows:
    """The rows of `lines`; iterate once."""

    def __init__(self, lines: Lines, report: FileReport, layout: Layout) -> None:
        self._lines = lines
        self._report = report
        self._layout = layout
        self._known = frozenset(layout.all)
        self._more = frozenset(layout.more)
        self._told: set[str] = set()  # unknown keys

    def __iter__(self) -> Iterator[Row | RejectedRow]:
        number = 0
        bad = self._lines.bad
        for number, line in enumerate(self._lines, 1):
            found: Row | RejectedRow | list[str] | None = None
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

    def _row(self, number: int, line: str) -> Row | list[str]:
        try:
            row = decode(line.strip())
        except ValueError as error:
            return [f"The row {error}."]
        if type(row) is not dict:
            return ["The row is JSON, but not an object."]
        if not row.keys() <= self._known:
            self._tell(row)
        refused: dict[str, str] = {}  # reasons by column
        layout = self._layout
        columns = layout.columns if self._more.isdisjoint(row) else layout.all
        texts = [row.get(name, "") for name in columns]
        for at, value in enumerate(texts):
            if type(value) is not str:
                texts[at] = _text(columns[at], value, layout.forms, refused)
        if has_suspect_escape(line):
            for name, text in zip(columns, texts, strict=True):
                try:
                    check_string(text)
                except ValueError as error:
                    refused[name] = f"{name} {error}."
        found: Row | list[str]
        if "evidence" in columns:
            if (evidence := row.get("evidence")) is not None:
                try:
                    texts[columns.index("evidence")] = _evidence(line, evidence, layout.forms)
                except ValueError as error:
                    refused["evidence"] = f"evidence {error}."
            found = layout.read(number, *texts, evidence_checked=True)
        else:
            found = layout.read(number, *texts)
        if not refused:
            return found
        others = found if isinstance(found, list) else []
        return [*refused.values(), *(r for r in others if r.partition(" ")[0] not in refused)]

    def _tell(self, row: dict[str, Any]) -> None:
        for name in row.keys() - self._known - self._told:
            if len(self._told) <= FileReport.MAX_WARNINGS:
                self._told.add(name)
                self._report.warn(f"The key {shown(name)} is not known and is left out.")


def _text(column: str, value: object, forms: Mapping[str, str], refused: dict[str, str]) -> str:
    """What is no text as text, where it may be; else the reason why not."""
    if value is None or column == "evidence":  # which has its own check
        return ""
    if type(value) is int and column in _IDS:
        return str(value)
    refused[column] = f"{column} is {_what(value)}, but must be text: {forms[column]}."
    return ""


def _evidence(line: str, evidence: Any, forms: Mapping[str, str]) -> str:
    if type(evidence) is not dict:
        raise ValueError(f"is {_what(evidence)}, but must be {forms['evidence']}")
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
