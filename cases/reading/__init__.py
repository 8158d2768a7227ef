"""Flags files: a stream of bytes becomes good rows and rejected ones. No database here."""

from __future__ import annotations

from cases.reading.emails import canonical_email
from cases.reading.reader import FlagReader, read_flags
from cases.reading.rows import COLUMNS, FileReport, FlagRow, FlagsFileError, RejectedRow

__all__ = [
    "COLUMNS",
    "FileReport",
    "FlagReader",
    "FlagRow",
    "FlagsFileError",
    "RejectedRow",
    "canonical_email",
    "read_flags",
]
