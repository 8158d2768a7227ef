"""One decision over many cases at once: warn everybody whom a file of flags brought in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from cases.actions.steps import take
from cases.actors import Actor
from cases.models import Case, RungKind, State, Wave
from cases.refusals import NotFound

# Each batch is a transaction of its own: a wave that stops half-way has warned whom it has warned, and running it
# again goes on with the rest.
BATCH = 500


@dataclass(slots=True)
class WaveReport:
    """What a wave did: how many were warned, and for how many not, by the reason's code and its first sentence."""

    warned: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    sentences: dict[str, str] = field(default_factory=dict)


def untouched(wave_id: int) -> int:
    """How many cases of the wave are open and wait for their warning."""
    return Case.objects.filter(wave=wave_id, state=State.OPEN).count()


def warn_wave(
    wave_id: int,
    *,
    actor: Actor,
    at: datetime | None = None,
    reason: str = "",
    dry_run: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> WaveReport:
    """Warn the accounts of every open case that the wave opened. Safe to run again: who is warned stays warned once.

    Args:
        at: the moment of the decision; None: for each batch the moment when it is taken.
        reason: the facts for every notice; empty: for each account what its flags say.
        dry_run: say what would happen, change nothing.
        on_progress: told after each batch how many cases were looked at in it.

    Raises:
        NotFound: there is no such wave.
    """
    if not Wave.objects.filter(pk=wave_id).exists():
        raise NotFound(f"There is no wave W-{wave_id}. Import a file of flags first.")
    report, last = WaveReport(), 0
    while True:
        waiting = Case.objects.filter(wave=wave_id, state=State.OPEN, pk__gt=last).order_by("pk")
        case_ids = list(waiting.values_list("pk", flat=True)[:BATCH])
        if not case_ids:
            return report
        result = take(
            case_ids,
            RungKind.WARNING,
            actor=actor,
            at=at or timezone.now(),
            reason=reason,
            wave_id=wave_id,
            dry_run=dry_run,
        )
        report.warned += len(result.taken)
        for refused in result.refused.values():
            report.refused[refused.code] += 1
            report.sentences.setdefault(refused.code, str(refused))
        last = case_ids[-1]
        if on_progress:
            on_progress(len(case_ids))
