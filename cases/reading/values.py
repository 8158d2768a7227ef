"""The checks that a row's values pass, whatever format the row came in.

Each check is cheap where the value is good; only a bad one is looked at closely, to say what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache

from cases.deadlines import known_zones
from cases.reading.emails import canonical_email
from cases.reading.evidence import check_evidence
from cases.reading.rows import (
    MAX_EXTERNAL_ID,
    MAX_NAME,
    MAX_REASON,
    MAX_REFERENCE,
    MAX_SOURCE,
    FlagRow,
)
from notices.language import canonical

CLOCK_SKEW = timedelta(days=1)  # a report from further in the future has a wrong date
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # before it lie only the default values of other systems

# RFC 3339, 5.6; that the date exists is for `fromisoformat` to say.
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_NAIVE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9:.]*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MAX_SLUG = 100

FORMS = {
    "reference": "the source's own id of the report",
    "external_id": "the platform's id of the account",
    "display_name": "a name",
    "email": "an e-mail address such as name@example.com",
    "email2": "an e-mail address such as name@example.com",
    "language": "a language tag (BCP 47) such as de or pt-BR",
    "timezone": "an IANA time zone such as Europe/Berlin",
    "policy": "a policy's slug such as data-selling",
    "reported_at": "a date and time with its offset (RFC 3339) such as 2026-05-03T14:00:00+02:00",
    "reason": "what the account is accused of",
    "evidence": 'a JSON object such as {"url": "https://example.com/1"}',
    "source": "the name of who reported",
}
LIMITS = {
    "reference": MAX_REFERENCE,
    "external_id": MAX_EXTERNAL_ID,
    "display_name": MAX_NAME,
    "reason": MAX_REASON,
    "source": MAX_SOURCE,
}


def shown(text: str) -> str:
    """A value as a reason shows it: in quotes, short, with what cannot be printed written as an escape."""
    text = text if len(text) <= 60 else text[:57] + "..."
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in text) + '"'


def _escape(c: str) -> str:
    if "\udc80" <= c <= "\udcff":  # a byte that is not UTF-8
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c.encode("unicode_escape").decode()


def wrong(column: str, value: str, clause: str = "") -> str:
    """The reason for a value of the wrong form."""
    if not value:
        return f"{column} is empty, but must be {FORMS[column]}."
    sentence = f"{column} is {shown(value)}, but must be {FORMS[column]}"
    if clause:
        sentence += f": {clause}"
    return sentence if sentence.endswith("?") else f"{sentence}."


class Values:
    """Checks one row's values after the other.

    Args:
        source, policy: for rows that name none.
        policies: slugs that there are, or None if every slug will do.
        now: aware; `reported_at` may not lie after it (but for the clocks of others).
    """

    def __init__(self, *, source: str, policy: str, policies: Collection[str] | None, now: datetime) -> None:
        self._source = source
        self._policy = policy
        self._policies = None if policies is None else frozenset(policies)
        self._latest = now.astimezone(UTC) + CLOCK_SKEW
        self._zones = known_zones()

    def flag(
        self,
        line: int,
        reference: str,
        external_id: str,
        display_name: str,
        email: str,
        email2: str,
        language: str,
        timezone: str,
        policy: str,
        reported_at: str,
        reason: str,
        evidence: str,
        source: str,
        *,
        evidence_checked: bool = False,
    ) -> FlagRow | list[str]:
        """The row of these values as they stand in the file, or every reason against it."""
        reasons: list[str] = []
        reference = reference.strip()
        if not (0 < len(reference) <= MAX_REFERENCE and reference.isprintable()):
            reasons += _line("reference", reference)
        external_id = external_id.strip()
        if not (0 < len(external_id) <= MAX_EXTERNAL_ID and external_id.isprintable()):
            reasons += _line("external_id", external_id)
        display_name = display_name.strip()
        if display_name and not (len(display_name) <= MAX_NAME and display_name.isprintable()):
            reasons += _line("display_name", display_name)
        emails: tuple[tuple[str, str], ...] = ()
        if email := email.strip():
            try:
                emails = ((email, canonical_email(email)),)
            except ValueError as error:
                reasons.append(wrong("email", email, str(error)))
        if email2 := email2.strip():
            try:
                second = canonical_email(email2)
                if not emails or emails[0][1] != second:
                    emails = (*emails, (email2, second))
            except ValueError as error:
                reasons.append(wrong("email2", email2, str(error)))
        if language := language.strip():
            try:
                language = canonical(language)
            except ValueError as error:
                reasons.append(wrong("language", language, f"it {error}"))
        timezone = timezone.strip()
        if timezone and timezone not in self._zones:
            reasons.append(wrong("timezone", timezone, _near_zone(timezone)))
        policy = policy.strip() or self._policy
        if not (policy in self._policies if self._policies is not None else _is_slug(policy)):
            reasons.append(wrong("policy", policy, self._near_policy(policy)))
        instant = None
        try:
            instant = _instant(reported_at)
            if not EARLIEST <= instant <= self._latest:
                reasons.append(self._out_of_range(reported_at, instant))
        except ValueError as error:
            reasons.append(wrong("reported_at", reported_at.strip(), str(error)))
        if not (0 < len(reason) <= MAX_REASON and reason.isprintable() and not reason.isspace()):
            reasons += _text("reason", reason)
        if not evidence_checked and (evidence := evidence.strip()):
            try:
                check_evidence(evidence)
            except ValueError as error:
                reasons.append(wrong("evidence", evidence, f"it {error}"))
        source = source.strip() or self._source
        if not (0 < len(source) <= MAX_SOURCE and source.isprintable()):
            reasons += _line("source", source)
        if reasons or instant is None:
            return reasons
        return FlagRow(
            line,
            source,
            reference,
            external_id,
            display_name,
            emails,
            language,
            timezone,
            policy,
            instant,
            reason,
            evidence or None,
        )

    def _near_policy(self, policy: str) -> str:
        if not policy or self._policies is None:
            return ""
        near = get_close_matches(policy, self._policies, 1)
        return (
            f'there is none of that name; did you mean "{near[0]}"?' if near else "there is none of that name"
        )

    def _out_of_range(self, text: str, instant: datetime) -> str:
        clause = f"it lies in the future (today is {self._latest - CLOCK_SKEW:%Y-%m-%d})"
        if instant < EARLIEST:
            clause = f"it lies before {EARLIEST.year}, and may be a default value"
        return wrong("reported_at", text.strip(), clause)


def _instant(text: str) -> datetime:
    """An RFC 3339 date and time, in UTC. Raises: ValueError, whose message is a clause or empty."""
    text = text.strip()
    match = _INSTANT.fullmatch(text)
    if match is None:
        if _NAIVE.fullmatch(text):
            raise ValueError("it has no offset from UTC" if ":" in text else "it has no time")
        raise ValueError
    leap = match[1] == "60"
    if leap:  # the last second of a day, by UTC, that had one more
        text = f"{text[:17]}59{text[19:]}"
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("there is no such date or time") from error
    if leap:
        if (moment.hour, moment.minute) != (23, 59):
            raise ValueError("there is no such date or time")
        moment += timedelta(seconds=1)
    return moment


@lru_cache(maxsize=1024)
def _is_slug(text: str) -> bool:
    return len(text) <= _MAX_SLUG and _SLUG.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _near_zone(text: str) -> str:
    """The zone that may have been meant, as a clause, or ""."""
    if len(text) > 40:
        return ""
    wanted = text.lower().replace(" ", "_")
    by_name = {zone.lower(): zone for zone in sorted(known_zones())}
    by_place = {name.rpartition("/")[2]: zone for name, zone in by_name.items() if "/" in name}
    # Comparing is slow: only with what begins alike and is about as long.
    alike = [name for name in by_name if name[0] == wanted[0] and abs(len(name) - len(wanted)) <= 3]
    near = by_name.get(wanted) or by_place.get(wanted)
    if near is None and (matches := get_close_matches(wanted, alike, 1, cutoff=0.8)):
        near = by_name[matches[0]]
    return f'did you mean "{near}"?' if near else ""


def _line(column: str, value: str) -> list[str]:
    """What is wrong, if anything, with a value of one line."""
    reasons = _text(column, value)
    if not reasons and (match := _CONTROL.search(value)):
        code = f"U+{ord(match[0]):04X}"
        reasons.append(wrong(column, value, f"it has the control character {code}"))
    return reasons


def _text(column: str, value: str) -> list[str]:
    """What is wrong, if anything, with a value that may have several lines."""
    if not value.strip():
        return [] if column == "display_name" else [wrong(column, "")]
    reasons = []
    if len(value) > LIMITS[column]:
        length = f"which has {len(value):,} characters, but must have {LIMITS[column]:,} at most"
        reasons.append(f"{column} is {shown(value)}, {length}.")
    if "\0" in value:
        reasons.append(wrong(column, value, "it has the character U+0000, which no database text can hold"))
    if match := _SURROGATE.search(value):
        byte = "\udc80" <= match[0] <= "\udcff"
        what = f"the byte {_escape(match[0])}, which is not UTF-8" if byte else "half of a surrogate pair"
        around = value[max(0, match.start() - 20) :]
        reasons.append(wrong(column, around, f"it has {what}"))
    return reasons
