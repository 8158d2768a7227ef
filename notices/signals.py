"""The one upward signal of notices: what evidence did to the standing of some notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class Change:
    """One notice whose service changed: it is served now (since when), or no longer."""

    notice_id: int
    served_before: datetime | None
    served_at: datetime | None


# Sent inside the transaction that appended the evidence, with `changes: list[Change]`.
evidence_recorded = Signal()
