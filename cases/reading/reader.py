"""The front door: what kind of file is this, and its rows."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import PurePath
from types import TracebackType
from typing import Any, BinaryIO, Generic, TypeVar

from cases.reading.contacts import ContactValues
from cases.reading.csvrows import CsvRows
from cases.reading.jsonrows import JsonRows
from cases.reading.lines import GZIP, Damaged, Lines, chunks, unpacked
from cases.reading.rows import (
    MAX_HEADER,
    ContactRow,
    FileReport,
    FlagRow,
    FlagsFileError,
    Layout,
    RejectedRow,
)
from cases.reading.values import Values, flags

R = TypeVar("R", FlagRow, ContactRow)

_BOM = b"\xef\xbb\xbf"
_OTHER_KINDS = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"%PDF": "a PDF document",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


class RowReader(Generic[R]):
    """The rows of a file, once, and the report on it. Made by `read_flags` and `read_contacts`."""

    def __init__(self, rows: Iterable[R | RejectedRow], report: FileReport, owned: BinaryIO | None) -> None:
        self.report = report
        self._rows: Iterator[R | RejectedRow] = iter(rows)
        self._owned = owned

    def __iter__(self) -> Iterator[R | RejectedRow]:
        report = self.report
        for row in self._rows:
            if isinstance(row, RejectedRow):
                report.rejected += 1
            else:
                report.good += 1
            yield row
        self.close()

    def batches(self, size: int = 1000) -> Iterator[tuple[list[R], list[RejectedRow]]]:
        """Good and rejected rows, up to `size` of both together at a time, each in the order of the file."""
        good: list[R] = []
        rejected: list[RejectedRow] = []
        for row in self:
            if isinstance(row, RejectedRow):
                rejected.append(row)
            else:
                good.append(row)
            if len(good) + len(rejected) >= size:
                yield good, rejected
                good, rejected = [], []
        if good or rejected:
            yield good, rejected

    def close(self) -> None:
        """Close the file, if it was opened here. Reading to the end does it too."""
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> RowReader[R]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


FlagReader = RowReader[FlagRow]


def read_flags(
    file: str | os.PathLike[str] | BinaryIO,
    *,
    now: datetime,
    source: str | None = None,
    policy: str | None = None,
    policies: Collection[str] | None = None,
) -> FlagReader:
    """Read flags from CSV or JSON Lines, either of them gzipped or not.

    The kind is told by the contents. The file is streamed: memory does not grow with it. The header is read
    before this returns; the rows follow as they are asked for.

    Args:
        file: a path, or a binary stream, which need not be seekable and stays open.
        now: aware; no report may lie after it (but for a day, for the clocks of others).
        source, policy: for rows that name none of their own.
        policies: slugs that there are; a row that names another is rejected. None: any slug will do.
    Raises:
        FlagsFileError: this is no flags file; the message is a sentence for people.
        OSError: it cannot be read.
        ValueError: `now` is naive.
    """
    _check_aware(now)
    source, policy = (source or "").strip(), (policy or "").strip()
    values = Values(source=source, policy=policy, policies=policies, now=now)
    given = {column for column, value in (("source", source), ("policy", policy)) if value}
    return _read(file, flags(values), given)


def read_contacts(
    file: str | os.PathLike[str] | BinaryIO, *, now: datetime, source: str
) -> RowReader[ContactRow]:
    """Read addresses and take-over marks. Arguments and errors as `read_flags` has them."""
    _check_aware(now)
    return _read(
        file, ContactValues(source=source.strip(), now=now).layout, {"source"} if source.strip() else set()
    )


def _check_aware(now: datetime) -> None:
    if now.utcoffset() is None:
        raise ValueError(f"{now} has no time zone. Give an aware datetime.")


def _read(file: str | os.PathLike[str] | BinaryIO, layout: Layout, given: set[str]) -> RowReader[Any]:
    if isinstance(file, (str, os.PathLike)):
        name = str(file)
        stream: BinaryIO = open(file, "rb")  # noqa: SIM115  the reader closes it
        owned: BinaryIO | None = stream
    else:
        name = getattr(file, "name", "")
        stream, owned = file, None
    try:
        rows, report = _open(stream, str(name), layout, given)
    except BaseException:
        if owned is not None:
            owned.close()
        raise
    return RowReader(rows, report, owned)


def _open(
    stream: BinaryIO, name: str, layout: Layout, given: set[str]
) -> tuple[CsvRows | JsonRows, FileReport]:
    first, rest = _begun(chunks(stream), len(GZIP))
    compressed = first.startswith(GZIP)
    if compressed:
        try:
            first, rest = _begun(unpacked(chain((first,), rest)), MAX_HEADER)
        except Damaged as error:
            raise FlagsFileError(f"The compressed file {error} before its first row.") from error
    else:
        first, rest = _begun(chain((first,), rest), MAX_HEADER)
    first = first.removeprefix(_BOM)
    report = FileReport(_kind(first, name), compressed)
    lines = Lines(chain((first,), rest))
    if report.format == "jsonl":
        return JsonRows(lines, report, layout), report
    return CsvRows(lines, report, layout, given), report


def _begun(data: Iterator[bytes], least: int) -> tuple[bytes, Iterator[bytes]]:
    """The data's first `least` bytes or its first line, whichever is less, or more; and the rest.

    Raises:
        Damaged: there is nothing before the damage. Otherwise the rest raises it.
    """
    first = b""
    try:
        for chunk in data:
            first += chunk
            if len(first) >= least or b"\n" in first.lstrip():
                break
    except Damaged as error:
        if not first:
            raise
        return first, _damage(error)
    return first, data


def _damage(error: Damaged) -> Iterator[bytes]:
    yield b""
    raise error


def _kind(first: bytes, name: str) -> str:
    """csv or jsonl, by how the file begins."""
    for magic, what in _OTHER_KINDS.items():
        if first.startswith(magic):
            raise FlagsFileError(f"The file is {what}. Give CSV or JSON Lines in UTF-8, plain or gzipped.")
    text = first.lstrip()
    if not text:
        raise FlagsFileError("The file is empty.")
    line = text.partition(b"\n")[0]
    if b"\0" in line and not line.startswith(b'{"'):
        raise FlagsFileError("The file is not text. Give CSV or JSON Lines in UTF-8, plain or gzipped.")
    if text.startswith(b"["):
        raise FlagsFileError("The file is one JSON array. Give JSON Lines: each object on a line of its own.")
    if line.strip() == b"{":
        raise FlagsFileError(
            "The file has a JSON object over several lines. Give JSON Lines: each on one line."
        )
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes if suffix.lower() != ".gz"]
    if text.startswith(b"{") or suffixes[-1:] in ([".jsonl"], [".ndjson"], [".json"]):
        return "jsonl"
    return "csv"
