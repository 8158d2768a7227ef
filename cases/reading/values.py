"""The checks that a row's values pass, whatever format the row came in.

Each check is cheap where the value is good; only a bad one is looked at closely, to say what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache

from cases.deadlines import known_zones
from cases.reading.emails import canonical_email
from cases.reading.evidence import check_evidence
from cases.reading.instants import CLOCK_SKEW, EARLIEST, instant
from cases.reading.others import canonical_phone, postal_address
from cases.reading.rows import (
    COLUMNS,
    MAX_EXTERNAL_ID,
    MAX_NAME,
    MAX_REASON,
    MAX_REFERENCE,
    MAX_SOURCE,
    MORE_COLUMNS,
    REQUIRED,
    FlagRow,
    Layout,
    OtherAddress,
)
from cases.reading.zones import near_zone
from notices.language import canonical

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
    "phone": "a telephone number with its country code (E.164) such as +38640123456",
    "postal_address": 'an address in lines divided by " / " or line ends, such as Ana Kovač / Trg 1 / 1000 Ljubljana',
    "email_verified_at": "a date and time with its offset (RFC 3339) such as 2026-05-03T14:00:00+02:00",
    "phone_verified_at": "a date and time with its offset (RFC 3339) such as 2026-05-03T14:00:00+02:00",
}
LIMITS = {
    "reference": MAX_REFERENCE,
    "external_id": MAX_EXTERNAL_ID,
    "display_name": MAX_NAME,
    "reason": MAX_REASON,
    "source": MAX_SOURCE,
}


def flags(values: Values) -> Layout:
    """The layout of a flags file whose rows `values` checks."""
    return Layout(COLUMNS, MORE_COLUMNS, REQUIRED, ("policy", "source"), FORMS, values.flag)


def shown(text: str) -> str:
    """A value as a reason shows it: in quotes, short, with what cannot be printed written as an escape."""
    text = text if len(text) <= 60 else text[:57] + "..."
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in text) + '"'


def _escape(c: str) -> str:
    if "\udc80" <= c <= "\udcff":  # a byte that is not UTF-8
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c.encode("unicode_escape").decode()


def wrong(column: str, value: str, clause: str = "", form: str = "") -> str:
    """The reason for a value of the wrong form; `form`: what it must be, where that is not said in FORMS."""
    form = form or FORMS[column]
    if not value:
        return f"{column} is empty, but must be {form}."
    sentence = f"{column} is {shown(value)}, but must be {form}"
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
        phone: str = "",
        postal: str = "",
        email_verified_at: str = "",
        phone_verified_at: str = "",
        *,
        evidence_checked: bool = False,
    ) -> FlagRow | list[str]:
        """The row of these values as they stand in the file (ordered as ALL_COLUMNS), or every reason against it."""
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
            reasons.append(wrong("timezone", timezone, near_zone(timezone)))
        policy = policy.strip() or self._policy
        if not (policy in self._policies if self._policies is not None else _is_slug(policy)):
            reasons.append(wrong("policy", policy, self._near_policy(policy)))
        moment = None
        try:
            moment = instant(reported_at)
            if not EARLIEST <= moment <= self._latest:
                reasons.append(self._out_of_range(reported_at, moment))
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
        others: tuple[OtherAddress, ...] = ()
        if phone or postal or email_verified_at or phone_verified_at:
            others = self._others(reasons, emails, phone, postal, email_verified_at, phone_verified_at)
        if reasons or moment is None:
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
            moment,
            reason,
            evidence or None,
            others,
        )

    def _others(
        self,
        reasons: list[str],
        emails: tuple[tuple[str, str], ...],
        phone: str,
        postal: str,
        email_verified_at: str,
        phone_verified_at: str,
    ) -> tuple[OtherAddress, ...]:
        """What the columns that few files have say; every reason against it is added to `reasons`."""
        found = []
        email_verified = self._verified("email_verified_at", email_verified_at, bool(emails), reasons)
        if email_verified and emails:
            found.append(OtherAddress("email", *emails[0], email_verified))
        phone_verified = self._verified("phone_verified_at", phone_verified_at, bool(phone.strip()), reasons)
        if phone := phone.strip():
            try:
                number = canonical_phone(phone)
                found.append(OtherAddress("sms", number, number, phone_verified))
            except ValueError as error:
                reasons.append(wrong("phone", phone, str(error)))
        if postal := postal.strip():
            try:
                found.append(OtherAddress("post", *postal_address(postal), None))
            except ValueError as error:
                reasons.append(wrong("postal_address", postal, str(error)))
        return tuple(found)

    def _verified(self, column: str, text: str, has_address: bool, reasons: list[str]) -> datetime | None:
        """When an address was verified, or None."""
        if not text.strip():
            return None
        try:
            moment = instant(text)
        except ValueError as error:
            reasons.append(wrong(column, text.strip(), str(error)))
            return None
        if not EARLIEST <= moment <= self._latest:
            reasons.append(self._out_of_range(text, moment, column))
        if not has_address:
            reasons.append(f"{column} says when an address was verified, but the row has no such address.")
        return moment

    def _near_policy(self, policy: str) -> str:
        if not policy or self._policies is None:
            return ""
        near = get_close_matches(policy, self._policies, 1)
        return (
            f'there is none of that name; did you mean "{near[0]}"?' if near else "there is none of that name"
        )

    def _out_of_range(self, text: str, moment: datetime, column: str = "reported_at") -> str:
        clause = f"it lies in the future (today is {self._latest - CLOCK_SKEW:%Y-%m-%d})"
        if moment < EARLIEST:
            clause = f"it lies before {EARLIEST.year}, and may be a default value"
        return wrong(column, text.strip(), clause)


@lru_cache(maxsize=1024)
def _is_slug(text: str) -> bool:
    return len(text) <= _MAX_SLUG and _SLUG.fullmatch(text) is not None


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
