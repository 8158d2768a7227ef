"""Why a step may not be taken, in words. Pure predicates; PostgreSQL holds the same rules behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cases.deadlines import has_passed
from cases.models.case import State
from cases.models.policy import RungKind
from cases.refusals import (
    ApprovalNeeded,
    ClockRuns,
    Contested,
    NotServed,
    NotTheNextStep,
    Overturned,
    Refused,
    ReportsMissing,
    WrongState,
)

LEADS_TO = {
    RungKind.WARNING: State.WARNED,
    RungKind.ESCALATION: State.ESCALATED,
    RungKind.SUSPENSION: State.SUSPENDED,
}
VERBS = {RungKind.WARNING: "warned", RungKind.ESCALATION: "escalated", RungKind.SUSPENSION: "suspended"}


@dataclass(frozen=True, slots=True)
class LastStep:
    """The newest step of a case, as far as the next one depends on it. Times aware."""

    kind: str
    decided_at: datetime
    served_at: datetime | None
    deadline_at: datetime | None
    overturned: bool
    contested: str  # "an appeal", "a dispute", or ""
    weakest_link: str
    deemed: bool = False
    held: str = ""  # why the clock may have run on missing data, as a sentence, or ""


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides whether a step may be taken now."""

    number: str
    state: str
    next_kind: str | None  # of the next rung of the ladder
    last: LastStep | None
    exempt: bool  # an exemption stands


def why_not(situation: Situation, kind: str, *, now: datetime) -> Refused | None:
    """Why a step of this kind may not be taken now, or None where it may."""
    s = situation
    if s.state == State.CLOSED:
        return WrongState(f"Case {s.number} is closed. A new flag opens a new case.")
    if s.state == State.SUSPENDED:
        return WrongState(f"The account in case {s.number} is suspended already.")
    if kind == RungKind.SUSPENSION and s.exempt:
        return None
    if s.next_kind != kind:
        return _not_next(s, kind)
    return why_clock_holds(s.last, VERBS[RungKind(kind)], now=now) if s.last else _first(kind)


def _not_next(s: Situation, kind: str) -> Refused:
    if s.next_kind is None:
        return NotTheNextStep(f"Case {s.number} has taken every step of its ladder.")
    return NotTheNextStep(
        f"The next step of case {s.number} is the {s.next_kind}, not the {kind}. "
        "Take that first, or ask for an exemption."
    )


def _first(kind: str) -> Refused | None:
    if kind == RungKind.SUSPENSION:
        return NotServed("The account was never warned. Warn it first, or ask for an exemption.")
    return None


def why_clock_holds(last: LastStep, verb: str, *, now: datetime) -> Refused | None:
    """Why the clock of the last step does not let the next one go, or None where it does."""
    what = f"The {last.kind} of {last.decided_at:%-d %B %Y}"
    if last.overturned:
        return Overturned(
            f"{what} was overturned on appeal. Nothing can rest on it; close the case or begin anew."
        )
    if last.contested:
        return Contested(f"{what} is contested: {last.contested} is open. Decide that first.")
    if last.served_at is None or last.deadline_at is None:
        link = last.weakest_link[:1].lower() + last.weakest_link[1:].rstrip(".")
        return NotServed(f"{what} was never served: {link}. Send it by another channel first.")
    if not has_passed(last.deadline_at, now=now):
        return ClockRuns(
            f"{what} {'is deemed' if last.deemed else 'was'} served on {last.served_at:%-d %B %Y}; "
            f"the account has until {last.deadline_at:%-d %B %Y %H:%M} UTC to answer. It can be {verb} after that."
        )
    if last.held:
        return ReportsMissing(
            f"{last.held} {what} may not have arrived, so that nothing can follow it yet. The account can be {verb} "
            "once the reports are in, or once somebody has closed the gap with a reason."
        )
    return None


def why_not_approved(
    kind: str, approvals: int, *, decider: int | None, approver: int | None
) -> Refused | None:
    """Why a decision lacks the second person that its rung asks for, or None where it does not."""
    if approvals and (approver is None or approver == decider):
        return ApprovalNeeded(
            f"A {kind} needs the approval of a second person. Ask a colleague to approve it."
        )
    return None
