"""Which time zone may have been meant."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

from cases.deadlines import known_zones


@lru_cache(maxsize=1024)
def near_zone(text: str) -> str:
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
