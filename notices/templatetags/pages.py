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
from django.utils.translation import gettext_lazy

from notices.kinds import Verdict
from notices.language import direction as direction_of
from notices.pages import page_language as tag_of_page

register = template.Library()

register.simple_tag(tag_of_page, name="page_language")
register.filter("direction", direction_of)

_BAR = 1000  # the width of a drawn bar, in units of its own
_LEAST = 6  # so wide that a part of one in a million can be seen


def _in_utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _time(at: datetime, shown: str, beside: str) -> SafeString:
    """A time for people and machines, with the same in UTC for who points at it."""
    machine = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return format_html('<time datetime="{}" title="{}">{} {}</time>', machine, _in_utc(at), shown, beside)


@register.simple_tag
def moment(at: datetime, zone: str = "UTC") -> SafeString:
    """A moment in the account's own time."""
    shown = date_format(at.astimezone(ZoneInfo(zone)), "j F Y, H:i")
    return _time(at, shown, format_html('<span class="zone">{}</span>', zone))


@register.simple_tag
def exact_moment(at: datetime, zone: str = "UTC") -> SafeString:
    """A moment to the second, in the account's own time and in UTC beside it: for evidence."""
    shown = date_format(at.astimezone(ZoneInfo(zone)), "j F Y, H:i:s")
    return _time(
        at, shown, "UTC" if zone == "UTC" else format_html('<span class="utc">{}</span>', _in_utc(at))
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


_CHANNELS = {
    "email": gettext_lazy("e-mail"),
    "inapp": gettext_lazy("in-app inbox"),
    "sms": gettext_lazy("SMS"),
    "post": gettext_lazy("post"),
}


@register.filter
def channel_label(channel: str) -> str:
    return str(_CHANNELS.get(channel, channel))


@register.filter
def sha256(value: bytes) -> str:
    """A hash as people compare it: hexadecimal, in groups of eight."""
    text = bytes(value).hex()
    return " ".join(text[i : i + 8] for i in range(0, len(text), 8))
