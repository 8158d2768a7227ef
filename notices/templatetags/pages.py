"""What the templates of all pages share: moments, drawn bars and scales, the direction of a language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from notices.kinds import Verdict
from notices.language import direction as direction_of
from notices.pages import page_language as tag_of_page

register = template.Library()

register.simple_tag(tag_of_page, name="page_language")
register.filter("direction", direction_of)

_BAR = 1000  # the width of a drawn bar, in units of its own
_LEAST = 6  # so wide that a part of one in a million can be seen


@register.simple_tag
def moment(at: datetime, zone: str = "UTC") -> SafeString:
    """A moment in the account's own time, with the same in UTC for who points at it."""
    local = at.astimezone(ZoneInfo(zone))
    return format_html(
        '<time datetime="{}" title="{} UTC">{} <span class="zone">{}</span></time>',
        f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        date_format(local, "j F Y, H:i"),
        zone,
    )


@register.simple_tag
def exact_moment(at: datetime, zone: str = "UTC") -> SafeString:
    """A moment to the second, in the account's own time and in UTC beside it: for evidence."""
    utc = at.astimezone(UTC)
    beside = (
        "" if zone == "UTC" else format_html(' <span class="utc">{} UTC</span>', f"{utc:%Y-%m-%d %H:%M:%S}")
    )
    return format_html(
        '<time datetime="{}" title="{} UTC">{} <span class="zone">{}</span>{}</time>',
        f"{utc:%Y-%m-%dT%H:%M:%SZ}",
        f"{utc:%Y-%m-%d %H:%M:%S}",
        date_format(at.astimezone(ZoneInfo(zone)), "j F Y, H:i:s"),
        zone,
        beside,
    )


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a drawn bar: where it starts and how wide it is, of 1,000."""

    name: str
    x: int
    width: int


def segments(parts: Iterable[tuple[str, int]]) -> list[Segment]:
    """Parts (name, count) as a bar of 1,000 units; a part that is not nothing is never too thin to be seen."""
    given = [(name, count) for name, count in parts if count]
    total = sum(count for _, count in given)
    widths = [max(_LEAST, round(_BAR * count / total)) for _, count in given]
    if widths:
        widths[widths.index(max(widths))] += _BAR - sum(widths)
    return [
        Segment(name, sum(widths[:i]), width)
        for i, ((name, _), width) in enumerate(zip(given, widths, strict=True))
    ]


@register.inclusion_tag("notices/bar.html")
def bar(parts: Sequence[Any], label: str) -> dict[str, Any]:
    """Draw counts (things with `name` and `count`) as one bar."""
    return {"segments": segments((part.name, part.count) for part in parts), "label": label}


@register.filter
def verdict_label(verdict: str) -> str:
    return str(Verdict(verdict).label)


@register.filter
def told(headline: str) -> str:
    """What follows the verdict in a headline: `Proven: acknowledged …` becomes `Acknowledged …`."""
    rest = headline.partition(": ")[2]
    return f"{rest[:1].upper()}{rest[1:]}"


@register.filter
def sha256(value: bytes) -> str:
    """A hash as people compare it: hexadecimal, in groups of eight."""
    text = bytes(value).hex()
    return " ".join(text[i : i + 8] for i in range(0, len(text), 8))
