"""What there is and what waits for a person, in numbers.

Seven statements, whatever there is to count; counting a million cases with their notices takes them about a second.
So each process counts at most once in `KEPT` seconds, and the page says when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from django.db import models
from django.db.models import Count

from cases.models import Case, Proposal, State, Step
from notices.kinds import Verdict
from notices.models import Delivery, DeliveryState, InboundMessage, Notice, StreamGap

KEPT = 30  # seconds
_KEY = "cases.overview"


@dataclass(frozen=True, slots=True)
class Part:
    """One number: the name of what is counted, its label for people, and how many."""

    name: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Overview:
    counted_at: datetime
    cases: tuple[Part, ...]
    notices: tuple[Part, ...]
    failed_deliveries: int
    unknown_deliveries: int
    open_proposals: int
    unclassified_mail: int
    open_gaps: int
    held_clocks: int

    @property
    def case_count(self) -> int:
        return sum(part.count for part in self.cases)

    @property
    def notice_count(self) -> int:
        return sum(part.count for part in self.notices)


def overview(*, now: datetime) -> Overview:
    """The numbers, not older than half a minute."""
    found: Overview | None = cache.get(_KEY)
    if found is None:
        found = count(now=now)
        cache.set(_KEY, found, KEPT)
    return found


def count(*, now: datetime) -> Overview:
    """Count now. The standing of notices is taken from their rows, where recording keeps it."""
    deliveries = _by(
        Delivery.objects.filter(state__in=[DeliveryState.REFUSED, DeliveryState.UNKNOWN]), "state"
    )
    return Overview(
        counted_at=now,
        cases=_parts(State.choices, _by(Case.objects.all(), "state")),
        notices=_parts(Verdict.choices, _by(Notice.objects.all(), "verdict")),
        failed_deliveries=deliveries.get(DeliveryState.REFUSED, 0),
        unknown_deliveries=deliveries.get(DeliveryState.UNKNOWN, 0),
        open_proposals=Proposal.objects.filter(outcome=Proposal.Outcome.OPEN).count(),
        unclassified_mail=InboundMessage.objects.filter(outcome=InboundMessage.Outcome.UNCLASSIFIED).count(),
        open_gaps=StreamGap.objects.filter(ended_at__isnull=True).count(),
        held_clocks=Step.objects.filter(
            deadline_at__lte=now, deadline_handled=False, held_at__isnull=False
        ).count(),
    )


def _by(rows: models.QuerySet[models.Model], column: str) -> dict[str, int]:
    return dict(rows.order_by().values_list(column).annotate(Count("pk")))


def _parts(choices: Sequence[tuple[str, str]], counts: dict[str, int]) -> tuple[Part, ...]:
    return tuple(Part(name, label.capitalize(), counts.get(name, 0)) for name, label in choices)
