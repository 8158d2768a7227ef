"""From facts to a verdict. Pure: no clock, no database, no order of arrival.

Everything that Due Notice says about a delivery comes from `judge()`. It looks at a set of facts, so any order and
any duplication of the same facts gives the same answer. `VERSION` rises with every change of meaning, and every
stored verdict names the version that gave it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from notices.kinds import BY_A_PERSON, DEFEATING, GRADES, NOT_SENT, WEAK_LIMIT, Kind, Verdict

VERSION = 2


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of evidence, as far as grading looks at it. `at` is when it happened, aware."""

    kind: str
    at: datetime
    delivery: int | None = None
    test: bool = False  # the provider was in its sandbox: nothing left, whatever it answered
    weak: bool = False  # its source can be imitated (`kinds.WEAK_SOURCES`)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery: its id and channel."""

    id: int
    channel: str


@dataclass(frozen=True, slots=True)
class ServiceRule:
    """When a notice counts as served.

    Attributes:
        grade: evidence of this grade or more serves at once.
        deemed_channels: this many independent channels, each having taken the notice, ...
        deemed_days: ... serve it after so many days without a bounce. None: no deemed service.
    """

    grade: int
    deemed_channels: int | None = None
    deemed_days: int | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ServiceRule:
        """Read `{"grade": 2, "deemed": {"channels": 2, "days": 7}}`; `deemed` may be missing or null."""
        deemed = data.get("deemed") or {}
        return cls(data["grade"], deemed.get("channels"), deemed.get("days"))

    def __str__(self) -> str:
        text = f"evidence of grade {self.grade} or more"
        if self.deemed_channels:
            text += f", or deemed after {self.deemed_days} days without a bounce on {self.deemed_channels} channels"
        return text


@dataclass(frozen=True, slots=True)
class Standing:
    """What the facts amount to.

    Attributes:
        grade: 0 to 6, of the strongest fact that nothing defeats.
        verdict: proven, probable, not_proven or disproven.
        served_at: when the service rule was first satisfied, or None.
        deemed: whether it was satisfied by deemed service only.
        deemed_due_at: when silence would satisfy it, where it is not satisfied yet.
        weakest_link: one sentence: what stands between this and certainty.
    """

    grade: int
    verdict: str
    served_at: datetime | None
    deemed: bool
    deemed_due_at: datetime | None
    weakest_link: str


def judge(
    facts: Iterable[Fact], attempts: Collection[Attempt], rule: ServiceRule, *, now: datetime
) -> Standing:
    """Weigh the facts about one notice.

    Args:
        facts: all that is known, in any order, duplicates allowed.
        attempts: the notice's deliveries.
        rule: when the notice counts as served.
        now: the moment of judging; only deemed service looks at it.
    """
    known = frozenset(facts)
    bounced = {fact.delivery for fact in known if fact.kind in DEFEATING}
    standing = [fact for fact in known if _strength(fact, bounced) > 0]
    grade = max((_strength(fact, bounced) for fact in standing), default=0)

    served_at = min((fact.at for fact in standing if _strength(fact, bounced) >= rule.grade), default=None)
    deemed_at = _deemed_at(standing, attempts, rule)
    deemed = deemed_at is not None and deemed_at <= now and (served_at is None or deemed_at < served_at)
    if deemed:
        served_at = deemed_at
    return Standing(
        grade=grade,
        verdict=_verdict(grade, known, attempts),
        served_at=served_at,
        deemed=deemed,
        deemed_due_at=deemed_at if served_at is None else None,
        weakest_link=_weakest_link(grade, known, attempts),
    )


def _strength(fact: Fact, bounced: set[int | None]) -> int:
    """The grade of one fact in the company of the others: a bounce takes all of its delivery below a person's act."""
    if fact.test:
        return 0
    grade = GRADES.get(fact.kind, 0)
    if fact.weak:
        grade = min(grade, WEAK_LIMIT)
    return 0 if grade < BY_A_PERSON and fact.delivery in bounced else grade


def _deemed_at(standing: list[Fact], attempts: Collection[Attempt], rule: ServiceRule) -> datetime | None:
    """When enough independent channels had kept the notice for long enough; None where that cannot come."""
    if not rule.deemed_channels or not rule.deemed_days:
        return None
    channel_of = {attempt.id: attempt.channel for attempt in attempts}
    taken: dict[str, datetime] = {}
    for fact in standing:
        channel = channel_of.get(fact.delivery) if fact.delivery is not None else None
        if channel is not None and (channel not in taken or fact.at < taken[channel]):
            taken[channel] = fact.at
    if len(taken) < rule.deemed_channels:
        return None
    enough = sorted(taken.values())[rule.deemed_channels - 1]
    return enough + timedelta(days=rule.deemed_days)


def _verdict(grade: int, known: frozenset[Fact], attempts: Collection[Attempt]) -> str:
    if grade >= 5:
        return Verdict.PROVEN
    if grade >= 3:
        return Verdict.PROBABLE
    firm = frozenset(fact for fact in known if not fact.weak)
    if grade == 0 and _failed(firm) >= {attempt.id for attempt in attempts}:
        return Verdict.DISPROVEN  # also where there was no address at all
    return Verdict.NOT_PROVEN


def _failed(known: frozenset[Fact]) -> set[int | None]:
    return {fact.delivery for fact in known if fact.kind in NOT_SENT or fact.kind in DEFEATING}


_LINKS = {
    6: "None: the account holder has it.",
    5: "The session of the account was shown the text; nothing says that the holder acknowledged it.",
    4: "A person most likely saw it; nothing ties that person to the account.",
    3: "It reached the mailbox; nothing shows that a person saw it.",
    2: "Their mail server took it; nothing later shows that it reached the mailbox (it may lie in quarantine).",
    1: "It was handed over for delivery; nothing shows that it arrived.",
}


def _weakest_link(grade: int, known: frozenset[Fact], attempts: Collection[Attempt]) -> str:
    if grade:
        return _LINKS[grade]
    kinds = {fact.kind for fact in known}
    if not attempts:
        return "There was no address to send it to."
    if any(fact.test for fact in known):
        return "The provider was in test mode: nothing left it."
    if _failed(known) >= {attempt.id for attempt in attempts}:
        return "Every address refused it or sent it back."
    if Kind.LOST in kinds:
        return "It was being handed over when the connection was lost; whether it was taken is unknown."
    if kinds & {Kind.DEFERRED, Kind.DELAYED}:
        return "It is held up on the way; the carrier still tries."
    return "It is queued here; nothing has left yet."
