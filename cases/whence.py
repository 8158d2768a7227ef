"""The provenance of an address in words: the answer to "that was not my address then"."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from cases.provenance import MarkSeen, Provenance


def told(whence: Provenance, zone: str) -> list[str]:
    """Sentences about one attempt's address, the plainest first. Times in the account's own zone."""
    until = f" until {_at(whence.until, zone)}" if whence.until else ""
    lines = [
        f"The account's address since {_at(whence.since, zone)}{until}: "
        f"from {whence.source}, {whence.by_whom}, "
        + (f"verified on {_at(whence.verified_at, zone)}." if whence.verified_at else "not verified."),
        _current(whence, zone),
    ]
    lines += [
        f"It became the account's while a mark lay on it: {_mark(m, zone)}." for m in whence.began_marked
    ]
    lines += [
        f"It was sent to while a mark lay on the account: {_mark(m, zone)}."
        for m in whence.sent_marked
        if m not in whence.began_marked
    ]
    if whence.before_used:
        lines.append(
            f"The address verified before it, {whence.before}, got the notice too ({', '.join(whence.before_used)})."
        )
    elif whence.before:
        lines.append(f"The address verified before it, {whence.before}, did not get this notice.")
    return lines


def _current(whence: Provenance, zone: str) -> str:
    sent = _at(whence.sent_at, zone)
    if whence.current:
        return f"It was the account's address when the notice was sent ({sent})."
    sentence = f"It was not the account's address when the notice was sent ({sent})"
    if whence.current_then and whence.replaced_known_at:
        return f"{sentence}, which we learnt only on {_at(whence.replaced_known_at, zone)}."
    return f"{sentence}."


def _mark(mark: MarkSeen, zone: str) -> str:
    end = f"to {_at(mark.ends_at, zone)}" if mark.ends_at else "not ended"
    return f"{mark.label} from {_at(mark.begins_at, zone)} {end}, by {mark.source}"


def _at(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%-d %B %Y, %H:%M}"
