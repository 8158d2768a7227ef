"""Rows that no importer may take, and why not."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from demo.people.columns import (
    DISPLAY_NAME,
    EMAIL,
    EMAIL2,
    EVIDENCE,
    EXTERNAL_ID,
    LANGUAGE,
    POLICY,
    REASON,
    REFERENCE,
    REPORTED_AT,
    TIMEZONE,
    Row,
)

_EMAILS = (
    "{0}(at)mail.example",
    "{0}@@mail.example",
    "{0} x@mail.example",
    "{0}@",
    "@mail.example",
    "{0}@mail..example",
)
_ZONES = ("Mars/Olympus_Mons", "UTC+25", "Europe/Atlantis", "CEST?", "America")
_LANGUAGES = ("english (US)", "d", "12", "de--AT", "español")
_TIMES = (
    "2026-03-04T11:22:33",
    "2026-03-04 11:22",
    "04.03.2026 11:22",
    "2026-02-30T10:00:00+01:00",
    "yesterday",
)
_EVIDENCE = (
    '{{"kind":"api_export","records":{0}',
    "{{kind: scrape, requests: {0}}}",
    '["api_export", {0}]',
    '"{0}"',
    "{0}",
)


def _set(column: int, *options: str) -> Callable[[Row, Random], None]:
    def spoil(row: Row, rng: Random) -> None:
        row[column] = options[int(rng.random() * len(options))]

    return spoil


def _email(column: int) -> Callable[[Row, Random], None]:
    def spoil(row: Row, rng: Random) -> None:
        local = row[column].rpartition("@")[0] or "somebody"
        row[column] = _EMAILS[int(rng.random() * len(_EMAILS))].format(local)

    return spoil


def _bad_evidence(row: Row, rng: Random) -> None:
    row[EVIDENCE] = _EVIDENCE[int(rng.random() * len(_EVIDENCE))].format(int(rng.random() * 9000))


def _broken_row(row: Row, rng: Random) -> None:
    row.append("someone forgot to quote a comma")


def _cut_row(row: Row, rng: Random) -> None:
    del row[LANGUAGE:]


def _not_utf8(row: Row, rng: Random) -> None:
    row[DISPLAY_NAME] = "J\udcf6rg M\udcfcller"  # Latin-1 bytes, as surrogateescape writes them


def _nul(row: Row, rng: Random) -> None:
    row[REASON] = row[REASON][:20] + "\0" + row[REASON][20:]


Spoil = Callable[[Row, Random], None]

# (share, fault, how): the shares need not add up to one. `broken_row` is one cell too many in CSV and a line cut off in
# JSON Lines; `cut_row` ends before the language, and has no keys from there on in JSON Lines.
FAULTS: tuple[tuple[float, str, Spoil], ...] = (
    (14, "missing_reference", _set(REFERENCE, "", "  ")),
    (10, "missing_external_id", _set(EXTERNAL_ID, "")),
    (10, "missing_reason", _set(REASON, "", "\n")),
    (5, "missing_reported_at", _set(REPORTED_AT, "")),
    (14, "bad_email", _email(EMAIL)),
    (4, "bad_email2", _email(EMAIL2)),
    (10, "bad_timezone", _set(TIMEZONE, *_ZONES)),
    (5, "bad_language", _set(LANGUAGE, *_LANGUAGES)),
    (11, "bad_reported_at", _set(REPORTED_AT, *_TIMES)),
    (10, "bad_evidence", _bad_evidence),
    (5, "unknown_policy", _set(POLICY, "data-seling", "spam?")),
    (7, "broken_row", _broken_row),
    (4, "cut_row", _cut_row),
    (3, "not_utf8", _not_utf8),
    (2, "nul", _nul),
)
_WHOLE = sum(share for share, _, _ in FAULTS)
_ALONE = {"broken_row", "cut_row", "not_utf8", "nul"}


def spoil(row: Row, rng: Random) -> list[str]:
    """Spoil a good row in place, in one way or (one in twelve) in two; returns the faults."""
    name, how = _draw(rng)
    how(row, rng)
    faults = [name]
    if name not in _ALONE and rng.random() < 1 / 12:
        other, how = _draw(rng)
        if other not in _ALONE and other.rpartition("_")[2] != name.rpartition("_")[2]:
            how(row, rng)
            faults.append(other)
    return faults


def _draw(rng: Random) -> tuple[str, Spoil]:
    left = rng.random() * _WHOLE
    for share, name, how in FAULTS:
        left -= share
        if left < 0:
            return name, how
    return FAULTS[-1][1:]
