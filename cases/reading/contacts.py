"""Rows of a file of addresses and take-over marks: the platform's own record of what changed, when and by whom."""

from __future__ import annotations

from datetime import UTC, datetime

from cases.reading.emails import canonical_email
from cases.reading.instants import CLOCK_SKEW, EARLIEST, instant
from cases.reading.others import canonical_phone, postal_address
from cases.reading.rows import MAX_EXTERNAL_ID, MAX_SOURCE, ContactRow, Layout
from cases.reading.values import wrong

CHANNELS = ("email", "sms", "post")
CHANGERS = ("holder", "platform", "support", "import")
MARKS = ("takeover_suspected", "takeover_confirmed")
MAX_LABEL = 100
MAX_RANK = 9

_INSTANT = "a date and time with its offset (RFC 3339) such as 2026-05-03T14:00:00+02:00"
FORMS = {
    "external_id": "the platform's id of the account",
    "channel": "email, sms or post",
    "address": "an address on that channel",
    "rank": f"0 for the main address, 1 for the next, up to {MAX_RANK}",
    "verified_at": _INSTANT,
    "changed_at": _INSTANT,
    "changed_by": "holder, platform, support or import, with who exactly after a colon if need be",
    "mark": "takeover_suspected or takeover_confirmed",
    "mark_from": _INSTANT,
    "mark_to": _INSTANT,
    "source": "the name of the system that says so",
}
COLUMNS = tuple(FORMS)


class ContactValues:
    """Checks one row's values after the other.

    Args:
        source: for rows that name none.
        now: aware; no moment may lie after it (but for the clocks of others).
    """

    def __init__(self, *, source: str, now: datetime) -> None:
        self._source = source
        self._now = now.astimezone(UTC)
        self.layout = Layout(COLUMNS, (), ("external_id",), ("source",), FORMS, self.read)

    def read(
        self,
        line: int,
        external_id: str,
        channel: str,
        address: str,
        rank: str,
        verified_at: str,
        changed_at: str,
        changed_by: str,
        mark: str,
        mark_from: str,
        mark_to: str,
        source: str,
    ) -> ContactRow | list[str]:
        """The row of these values as they stand in the file, or every reason against it."""
        reasons: list[str] = []
        external_id = _line("external_id", external_id, MAX_EXTERNAL_ID, reasons)
        source = _line("source", source.strip() or self._source, MAX_SOURCE, reasons)
        channel, address, canonical = _address(channel.strip(), address.strip(), reasons)
        mark = mark.strip()
        if mark and mark not in MARKS:
            reasons.append(_wrong("mark", mark))
        if not channel and not mark and not reasons:
            reasons.append("The row has neither an address nor a mark.")
        moments = {
            "verified_at": self._moment("verified_at", verified_at, reasons),
            "changed_at": self._moment("changed_at", changed_at, reasons, needed=bool(channel)),
            "mark_from": self._moment("mark_from", mark_from, reasons, needed=bool(mark)),
            "mark_to": self._moment("mark_to", mark_to, reasons),
        }
        begin, end = moments["mark_from"], moments["mark_to"]
        if begin and end and end <= begin:
            reasons.append("mark_to is not later than mark_from.")
        who, label = _changer(changed_by.strip(), reasons)
        number = _rank(rank.strip(), reasons)
        if reasons:
            return reasons
        return ContactRow(
            line=line,
            external_id=external_id,
            source=source,
            channel=channel,
            address=address,
            canonical=canonical,
            rank=number,
            changed_by=who,
            label=label,
            mark=mark,
            **moments,
        )

    def _moment(self, column: str, text: str, reasons: list[str], *, needed: bool = False) -> datetime | None:
        text = text.strip()
        if not text:
            if needed:
                reasons.append(_wrong(column, ""))
            return None
        try:
            moment = instant(text)
        except ValueError as error:
            reasons.append(_wrong(column, text, str(error)))
            return None
        if moment < EARLIEST:
            reasons.append(
                _wrong(column, text, f"it lies before {EARLIEST.year}, and may be a default value")
            )
        elif moment > self._now + CLOCK_SKEW and column != "mark_to":
            reasons.append(_wrong(column, text, f"it lies in the future (today is {self._now:%Y-%m-%d})"))
        return moment


def _wrong(column: str, value: str, clause: str = "") -> str:
    return wrong(column, value, clause, FORMS[column])


def _line(column: str, value: str, most: int, reasons: list[str]) -> str:
    value = value.strip()
    if not value:
        reasons.append(_wrong(column, ""))
    elif len(value) > most:
        reasons.append(_wrong(column, value, f"it has more than {most} characters"))
    elif not value.isprintable():
        reasons.append(_wrong(column, value, "it has a character that cannot be printed"))
    return value


def _address(channel: str, address: str, reasons: list[str]) -> tuple[str, str, str]:
    """Channel, address and its form for comparisons; three times "" where the row has none."""
    if not channel and not address:
        return "", "", ""
    if channel not in CHANNELS:
        reasons.append(_wrong("channel", channel))
        return "", "", ""
    if not address:
        reasons.append(_wrong("address", ""))
        return channel, "", ""
    try:
        if channel == "email":
            return channel, address, canonical_email(address)
        if channel == "sms":
            number = canonical_phone(address)
            return channel, number, number
        return channel, *postal_address(address)
    except ValueError as error:
        reasons.append(_wrong("address", address, str(error)))
        return channel, "", ""


def _changer(text: str, reasons: list[str]) -> tuple[str, str]:
    """Who changed the address, and which of them: "support:jane" is ("support", "jane"). Not said: an import."""
    if not text:
        return "import", ""
    who, _, label = (part.strip() for part in text.partition(":"))
    if who not in CHANGERS or not (len(label) <= MAX_LABEL and (label.isprintable() or not label)):
        reasons.append(_wrong("changed_by", text))
    return who, label


def _rank(text: str, reasons: list[str]) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= MAX_RANK):
        reasons.append(_wrong("rank", text))
        return 0
    return int(text)
