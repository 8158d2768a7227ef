"""What verifying finds, in sentences, and never more of them than a person can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

LIMIT = 100  # findings of one kind that are told one by one


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was sealed.

    Attributes:
        code: its kind, for programs, such as evidence_changed.
        where: what it is about, such as E-1042.
        sentence: what is wrong, for people.
    """

    code: str
    where: str
    sentence: str


@dataclass(slots=True)
class Findings:
    """Collects findings. Of each kind the first `LIMIT` are kept, and the others counted."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, code: str, where: str, sentence: str) -> None:
        self.counts[code] += 1
        if self.counts[code] <= LIMIT:
            self.kept.append(Finding(code, where, sentence))

    def more(self) -> dict[str, int]:
        """How many of each kind were found beyond those that were kept."""
        return {code: count - LIMIT for code, count in self.counts.items() if count > LIMIT}


Progress = Callable[[str, int, int], None]
"""Told now and then: what is looked at, how many of it so far, of how many."""


def span(start: int, end: int) -> str:
    """Leaves from `start` up to, and without, `end`, for people."""
    return f"leaf {start}" if end - start == 1 else f"leaves {start} to {end - 1}"
