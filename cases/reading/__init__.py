"""Files of flags, and of addresses: a stream of bytes becomes good rows and rejected ones. No database here."""

from __future__ import annotations

from cases.reading.emails import canonical_email
from cases.reading.reader import FlagReader, RowReader, read_contacts, read_flags
from cases.reading.rows import (
    COLUMNS,
    ContactRow,
    FileReport,
    FlagRow,
    FlagsFileError,
    OtherAddress,
    RejectedRow,
)

__all__ = [
    "COLUMNS",
    "ContactRow",
    "FileReport",
    "FlagReader",
    "FlagRow",
    "FlagsFileError",
    "OtherAddress",
    "RejectedRow",
    "RowReader",
    "canonical_email",
    "read_contacts",
    "read_flags",
]
