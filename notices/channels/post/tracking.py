"""What carriers report on letters, as a CSV file.

Its columns are letter_number, carrier, tracking_number, status, at and signed_by (which may be missing). Every row
becomes evidence, is known already, or is kept with the reason why it told us nothing. Importing a file again changes
nothing.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction

from notices import recording
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.models import Evidence, Letter, TrackingReject
from notices.models.letters import read_letter_number
from notices.rerouting import fall_back

STATUSES = {
    "accepted": Kind.NOTED,
    "in_transit": Kind.NOTED,
    "delivered": Kind.DELIVERED,
    "signed": Kind.SIGNED_FOR,
    "delivered_to_addressee": Kind.SIGNED_FOR,
    "returned": Kind.BOUNCED,
    "undeliverable": Kind.BOUNCED,
    "refused": Kind.BOUNCED,
}
REQUIRED = ("letter_number", "carrier", "tracking_number", "status", "at")
COLUMNS = (*REQUIRED, "signed_by")
_CHUNK = 500
_LOCK = 0x4C455454  # an advisory lock: one import at a time
_CARRIER = re.compile(r"[a-z0-9][a-z0-9 ._-]{0,39}")
_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9 ._/-]{2,59}")
# Batches are marked when they are made, letters posted later; clocks of carriers may be a day off.
_SLACK = timedelta(days=1)


class TrackingFileError(Exception):
    """The file is no list of tracking reports; the message says why."""


@dataclass(slots=True)
class TrackingReport:
    """What came of a file: how many rows became evidence, were known already, and which were rejected, and why."""

    recorded: int = 0
    known: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    text: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Report:
    row: _Row
    letter_id: int
    carrier: str
    number: str
    status: str
    at: datetime
    signed_by: str


class _Wrong(Exception):
    """Why a row tells us nothing."""


def import_tracking(data: bytes, *, file: str, now: datetime) -> TrackingReport:
    """Import a file of carriers' reports (UTF-8, separated by commas, semicolons or tabs).

    Args:
        file: its name, for people.

    Raises:
        TrackingFileError: it has no header with the columns that it takes.
    """
    result = TrackingReport()
    chunk: list[_Row] = []
    for row in _rows(data):
        chunk.append(row)
        if len(chunk) == _CHUNK:
            _take(chunk, result, file=file, now=now)
            chunk = []
    if chunk:
        _take(chunk, result, file=file, now=now)
    return result


def _rows(data: bytes) -> Iterator[_Row]:
    # Bytes that are no UTF-8 become marks that the check of each row finds.
    text = data.decode("utf-8-sig", errors="surrogateescape").replace("\0", "\ufffd")
    first = text.partition("\n")[0]
    mark = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    header = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise TrackingFileError(
            f"The first line must name the columns {', '.join(REQUIRED)} (and signed_by); "
            f"it lacks {', '.join(missing)}."
        )
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _Row(line, f"({error})", {})
            continue
        if any(cell.strip() for cell in cells):
            values = dict(zip(header, (cell.strip() for cell in cells), strict=False))
            yield _Row(line, mark.join(cells), values if len(cells) == len(header) else {})


def _take(rows: Sequence[_Row], result: TrackingReport, *, file: str, now: datetime) -> None:
    rejected: list[tuple[_Row, str]] = []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        numbers = {read_letter_number(row.values.get("letter_number", "")) for row in rows}
        letters = {
            letter.pk: letter
            for letter in Letter.objects.filter(pk__in=numbers - {None})
            .select_related("batch", "delivery")
            .defer("pdf")
        }
        recording.lock({letter.delivery.notice_id for letter in letters.values()})
        holders = _holders(rows)
        reports: list[_Report] = []
        for row in rows:
            try:
                report = _report(row, letters, now)
                _number(report, letters[report.letter_id], holders)
                reports.append(report)
            except _Wrong as error:
                rejected.append((row, str(error)))
        _keep_numbers(letters.values())
        _record(reports, letters, result, now)
        TrackingReject.objects.bulk_create(
            [_reject(row, reason, file, now) for row, reason in rejected], ignore_conflicts=True
        )
    result.rejected += [(row.line, reason) for row, reason in rejected]


def _holders(rows: Sequence[_Row]) -> dict[tuple[str, str], int]:
    """Which letters have the tracking numbers that these rows name: {(carrier, number): letter}."""
    numbers = {row.values.get("tracking_number", "").upper() for row in rows} - {""}
    held = Letter.objects.filter(tracking_number__in=numbers).values_list("carrier", "tracking_number", "pk")
    return {(carrier, number): pk for carrier, number, pk in held}


def _report(row: _Row, letters: dict[int, Letter], now: datetime) -> _Report:
    values = row.values
    if not values:
        raise _Wrong("it has not as many columns as the first line")
    if any("\ud800" <= character <= "\udfff" for character in row.text):
        raise _Wrong("it is not UTF-8")
    for name in REQUIRED:
        if not values[name]:
            raise _Wrong(f"{name} is empty")
    letter = letters.get(read_letter_number(values["letter_number"]) or 0)
    if letter is None:
        raise _Wrong(
            f"letter_number {_shown(values['letter_number'])} is none of ours; compare it with letters.csv"
        )
    if letter.batch is None:
        raise _Wrong(f"letter {letter.number} was never handed over for printing")
    carrier, number = " ".join(values["carrier"].lower().split()), values["tracking_number"].upper()
    if not _CARRIER.fullmatch(carrier):
        raise _Wrong(f"carrier {_shown(values['carrier'])} must be a short name such as dhl")
    if not _NUMBER.fullmatch(number):
        raise _Wrong(
            f"tracking_number {_shown(values['tracking_number'])} must be 3 to 60 letters and digits"
        )
    status = values["status"].lower().replace(" ", "_").replace("-", "_")
    if status not in STATUSES:
        raise _Wrong(f"status {_shown(values['status'])} is not known; there are {', '.join(STATUSES)}")
    signed_by = values.get("signed_by", "")[:200]
    return _Report(
        row,
        letter.pk,
        carrier,
        number,
        status,
        _moment(values["at"], letter.batch.created_at, now),
        signed_by,
    )


def _moment(text: str, handed_over_at: datetime, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _Wrong(f"at {_shown(text)} must be a time such as 2026-05-12T14:00:00+02:00") from None
    if at.tzinfo is None:
        raise _Wrong(f"at {_shown(text)} says no time zone; write 2026-05-12T14:00:00+02:00")
    if at > now + _SLACK:
        raise _Wrong(f"at {_shown(text)} lies in the future")
    if at < handed_over_at - _SLACK:
        raise _Wrong(
            f"at {_shown(text)} lies before the letter was handed over, on {handed_over_at:%Y-%m-%d}"
        )
    return at


def _number(report: _Report, letter: Letter, holders: dict[tuple[str, str], int]) -> None:
    """Hold the tracking number of a letter to the first that was told, and each number to one letter."""
    told = (report.carrier, report.number)
    holder = holders.setdefault(told, letter.pk)
    if holder != letter.pk:
        raise _Wrong(f"tracking_number {report.number} of {report.carrier} belongs to another letter")
    if letter.tracking_number and (letter.carrier, letter.tracking_number) != told:
        raise _Wrong(
            f"letter {letter.number} already has the number {letter.tracking_number} of {letter.carrier}"
        )
    letter.carrier, letter.tracking_number = told


def _keep_numbers(letters: Collection[Letter]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notices_letter l SET carrier = t.carrier, tracking_number = t.number "
            "FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS t(id, carrier, number) "
            "WHERE l.delivery_id = t.id AND l.tracking_number = '' AND t.number <> ''",
            [
                [letter.pk for letter in letters],
                [letter.carrier for letter in letters],
                [letter.tracking_number for letter in letters],
            ],
        )


def _record(
    reports: Sequence[_Report], letters: dict[int, Letter], result: TrackingReport, now: datetime
) -> None:
    facts: dict[bytes, NewFact] = {}
    for report in reports:
        fact = _fact(report, letters[report.letter_id])
        facts.setdefault(fact.key(), fact)
    known = Evidence.objects.filter(key__in=list(facts)).count()
    result.recorded += len(facts) - known
    result.known += known + len(reports) - len(facts)
    recording.record(list(facts.values()), now=now)
    fall_back([f.delivery_id for f in facts.values() if f.kind == Kind.BOUNCED and f.delivery_id], now=now)


def _fact(report: _Report, letter: Letter) -> NewFact:
    payload = {
        "what": report.status.replace("_", " ")
        + (f", signed by {report.signed_by}" if report.signed_by else ""),
        "letter": letter.number,
        "carrier": report.carrier,
        "tracking_number": report.number,
        "status": report.status,
        "signed_by": report.signed_by,
        "said_at": report.row.values["at"],
    }
    return NewFact(
        letter.delivery.notice_id,
        STATUSES[report.status],
        f"post:{report.carrier}",
        report.at,
        letter.pk,
        payload,
        event_id=f"{report.number}:{report.status}:{report.at.timestamp():.6f}",
    )


def _reject(row: _Row, reason: str, file: str, now: datetime) -> TrackingReject:
    text = row.text.encode("utf-8", "replace").decode()[:4_000]
    key = hashlib.sha256(f"{text}\0{reason}".encode()).digest()
    return TrackingReject(
        file=file[:200], line=row.line, row=text, reason=reason[:400], rejected_at=now, key=key
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
