"""What comes out of a flags file: good rows, rejected rows, and what is to be said of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

# In the order in which a row's values are checked.
COLUMNS = (
    "reference",
    "external_id",
    "display_name",
    "email",
    "email2",
    "language",
    "timezone",
    "policy",
    "reported_at",
    "reason",
    "evidence",
    "source",
)
# Columns that most files do not have. Those of a file without them cost nothing.
MORE_COLUMNS = ("phone", "postal_address", "email_verified_at", "phone_verified_at")
ALL_COLUMNS = (*COLUMNS, *MORE_COLUMNS)
REQUIRED = ("reference", "external_id", "reported_at", "reason")

# Characters, except where bytes are named. As wide as the columns of the database, or narrower.
MAX_REFERENCE = 200
MAX_EXTERNAL_ID = 200
MAX_NAME = 200
MAX_SOURCE = 100
MAX_REASON = 20_000
MAX_EVIDENCE_BYTES = 65_536
MAX_ROW = 262_144  # a row as it stands in the file, all its lines
MAX_HEADER = 65_536


class OtherAddress(NamedTuple):
    """What a row says of an address besides its e-mail addresses, or of when one of them was verified.

    Attributes:
        channel: sms, post, or email where the row's main e-mail address was verified.
        address: as it is sent to; the canonical form is for comparisons.
        verified_at: aware, UTC, or None.
    """

    channel: str
    address: str
    canonical: str
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Layout:
    """What a kind of file has in its rows.

    Attributes:
        columns, more: names in the order in which `read` takes their values; `more` are columns that most files lack.
        required: without them there is no row.
        options: may be given for the whole file, as options of the same name.
        forms: what each column must be, as a phrase.
        read: (line, value by value) -> the row, or every reason against it.
    """

    columns: tuple[str, ...]
    more: tuple[str, ...]
    required: tuple[str, ...]
    options: tuple[str, ...]
    forms: Mapping[str, str]
    read: Callable[..., Any]

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.columns, *self.more)


class FlagRow(NamedTuple):
    """One good row, in an order that suits COPY.

    Attributes:
        line: the row's first line in the file, from 1.
        emails: none, one or two pairs of the address as written and its canonical form for comparisons. The
            same address in two spellings is one.
        language: canonical BCP 47 tag, or "".
        timezone: IANA name, or "".
        reported_at: aware, UTC.
        evidence: the text of a JSON object that PostgreSQL takes as jsonb, or None.
        others: one for each further channel, and for a verified e-mail address.
    """

    line: int
    source: str
    reference: str
    external_id: str
    display_name: str
    emails: tuple[tuple[str, str], ...]
    language: str
    timezone: str
    policy: str
    reported_at: datetime
    reason: str
    evidence: str | None
    others: tuple[OtherAddress, ...] = ()


class ContactRow(NamedTuple):
    """One good row of a file of addresses and take-over marks: an address, a mark, or both.

    Attributes:
        line: the row's first line in the file, from 1.
        channel, address, canonical: "" where the row has a mark only.
        rank: 0 for the main address on its channel.
        changed_at: since when it is the account's, aware, UTC; None only where there is no address.
        changed_by: holder, platform, support or import; `label` says which of them.
        mark: a kind of `AccountMark`, or "".
        mark_from: aware, UTC; None only where there is no mark. mark_to: None while the mark lasts.
    """

    line: int
    external_id: str
    source: str
    channel: str
    address: str
    canonical: str
    rank: int
    verified_at: datetime | None
    changed_at: datetime | None
    changed_by: str
    label: str
    mark: str
    mark_from: datetime | None
    mark_to: datetime | None


class RejectedRow(NamedTuple):
    """One row that cannot be taken.

    Attributes:
        line: its first line in the file, from 1.
        raw: the row as it stands there, without its last line end. Bytes that are not UTF-8, and NUL, are
            written as `\\xfc`; only a row of more than MAX_ROW characters is not whole.
        reasons: one sentence for each thing that is wrong with it.
    """

    line: int
    raw: str
    reasons: tuple[str, ...]


Row = FlagRow | ContactRow


@dataclass(slots=True)
class FileReport:
    """What is known of a file as a whole; counts and warnings grow while it is read."""

    format: str  # csv or jsonl
    compressed: bool
    good: int = 0
    rejected: int = 0
    warnings: list[str] = field(default_factory=list)

    MAX_WARNINGS = 20

    def warn(self, sentence: str) -> None:
        """Keep a warning, unless there are many already."""
        if len(self.warnings) < self.MAX_WARNINGS:
            self.warnings.append(sentence)
        elif len(self.warnings) == self.MAX_WARNINGS:
            self.warnings.append("There are more warnings of this kind.")


class FlagsFileError(Exception):
    """The file as a whole cannot be read; its text is a sentence for people."""
