"""What a policies file says, as values. Everything here has passed every check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A template in one language (in canonical case); `body` is Markdown with {{ placeholders }}."""

    language: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class TemplateSpec:
    """A template. `kind` is warning, escalation or suspension; `texts` has one per language, at least one."""

    slug: str
    kind: str
    texts: tuple[TemplateText, ...]


@dataclass(frozen=True, slots=True)
class PolicyVersionSpec:
    """A policy's text as in force from a moment (00:00 UTC, aware), by language, the default included."""

    number: int
    in_force_from: datetime
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A link of a chain that is tried also after silence: so many hours after the one before it left, 1 to 8,760."""

    channel: str
    wait_hours: int


Link = str | Waiting


@dataclass(frozen=True, slots=True)
class RungSpec:
    """One rung of a ladder.

    Attributes:
        position: 1 for the first.
        kind: warning, escalation or suspension.
        template: slug of a template of the same file and the same kind.
        window_days: response window from service, 1 to 365; None for a suspension.
        grade: evidence of this grade or more serves at once.
        deemed_channels: deemed service by so many channels, or by all of those that are named; None: no such thing.
        deemed_days: days without a return until then; None where there is no deemed service.
        channels: chains that run at once; inside one, the next is tried when the one before fails for good, and
            where it waits also after silence.
        approvals: persons besides the decider who must agree, 0 or 1.
        on_deadline: "propose" the next step or "proceed" with it.
        address_min_age_days: an address younger than this does not get a notice alone, 1 to 365; None: it may.
    """

    position: int
    kind: str
    template: str
    window_days: int | None
    grade: int
    deemed_channels: int | tuple[str, ...] | None
    deemed_days: int | None
    channels: tuple[tuple[Link, ...], ...]
    approvals: int
    on_deadline: str
    address_min_age_days: int | None = None

    @property
    def service_rule(self) -> dict[str, Any]:
        """The rule as JSON: `{"grade": 2}`, or `{"grade": 2, "deemed": {"channels": 2, "days": 7}}`."""
        rule: dict[str, Any] = {"grade": self.grade}
        if self.deemed_channels is not None:
            of = self.deemed_channels
            rule["deemed"] = {"channels": of if isinstance(of, int) else list(of), "days": self.deemed_days}
        return rule

    @property
    def plan(self) -> list[list[str | dict[str, Any]]]:
        """The chains as JSON: `[["email", {"channel": "sms", "wait_hours": 72}], ["inapp"]]`."""
        return [
            [
                link if isinstance(link, str) else {"channel": link.channel, "wait_hours": link.wait_hours}
                for link in chain
            ]
            for chain in self.channels
        ]


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """A policy, its versions and its rungs in order. `titles` is by language, the default included."""

    slug: str
    default_language: str
    titles: Mapping[str, str]
    versions: tuple[PolicyVersionSpec, ...]
    rungs: tuple[RungSpec, ...]


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A whole file, in its own order."""

    templates: tuple[TemplateSpec, ...]
    policies: tuple[PolicySpec, ...]
