"""From facts to a verdict. Pure: no clock, no database, no order of arrival.

Everything that Due Notice says about a delivery comes from `judge()`. It looks at a set of facts, so any order and
any duplication of the same facts gives the same answer. `VERSION` rises with every change of meaning, and every
stored verdict names the version that gave it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from notices.kinds import BY_A_PERSON, DEFEATING, GRADES, NOT_SENT, WEAK_LIMIT, Kind, Verdict

VERSION = 2

# What a carrier tells of a delivery that it took. A delivery without any of these has met silence, which is neither
# "delivered" nor "not delivered"; a stream of deliveries without any of these may be cut.
REPORTS = frozenset(
    {
        Kind.RELAYED,
        Kind.DELIVERED,
        Kind.DELAYED,
        Kind.BOUNCED,
        Kind.REFUSED,
        Kind.SUPPRESSED,
        Kind.EXPIRED,
        Kind.AUTO_REPLIED,
        Kind.COMPLAINED,
        Kind.DISPLAYED,
        Kind.SIGNED_FOR,
        Kind.OPENED,
        Kind.CLICKED,
    }
)


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
    """One delivery: its id and channel, and from when on a bounce of it might not have reached us (None: never)."""

    id: int
    channel: str
    blind_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServiceRule:
    """When a notice counts as served.

    Attributes:
        grade: evidence of this grade or more serves at once.
        deemed_channels: this many independent channels, or all of those named, each having taken the notice, ...
        deemed_days: ... serve it after so many days without a bounce. None: no deemed service. Days in which
            a bounce could not have reached us are no days without a bounce.
    """

    grade: int
    deemed_channels: int | tuple[str, ...] | None = None
    deemed_days: int | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ServiceRule:
        """Read `{"grade": 2, "deemed": {"channels": 2, "days": 7}}`; `deemed` may be missing or null.

        `channels` may also name them: `["post"]`.
        """
        deemed = data.get("deemed") or {}
        channels = deemed.get("channels")
        named = tuple(channels) if isinstance(channels, list) else channels
        return cls(data["grade"], named, deemed.get("days"))

    def __str__(self) -> str:
        text = f"evidence of grade {self.grade} or more"
        if self.deemed_channels:
            of = self.deemed_channels
            on = f"{of} channels" if isinstance(of, int) else " and ".join(of)
            text += f", or deemed after {self.deemed_days} days without a bounce on {on}"
        return text

    def enough(self, channels: Collection[str]) -> bool:
        """Whether these channels, each of which kept the notice for long enough, make deemed service."""
        if isinstance(self.deemed_channels, int):
            return len(channels) >= self.deemed_channels
        return bool(self.deemed_channels) and set(channels) >= set(self.deemed_channels or ())


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
    defeated = _defeated(known)
    standing = [fact for fact in known if _strength(fact, defeated) > 0]
    grade = max((_strength(fact, defeated) for fact in standing), default=0)

    served_at = min((fact.at for fact in standing if _strength(fact, defeated) >= rule.grade), default=None)
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
        weakest_link=_weakest_link(grade, known, attempts)
        + ("" if served_at or deemed_at else _silence_that_says_nothing(standing, attempts, rule)),
    )


def _defeated(known: Collection[Fact]) -> dict[int | None, int]:
    """For each delivery that failed, up to which grade its facts count for nothing.

    A bounce takes all back below a person's act; "withheld" or "given up" says that what the provider took never left
    it, and leaves alone what others say they received.
    """
    never_left = {fact.delivery: 1 for fact in known if fact.kind in NOT_SENT}
    return never_left | {fact.delivery: BY_A_PERSON - 1 for fact in known if fact.kind in DEFEATING}


def _strength(fact: Fact, defeated: Mapping[int | None, int]) -> int:
    """The grade of one fact in the company of the others."""
    if fact.test:
        return 0
    grade = GRADES.get(fact.kind, 0)
    if fact.weak:
        grade = min(grade, WEAK_LIMIT)
    return 0 if grade <= defeated.get(fact.delivery, 0) else grade


def _deemed_at(standing: list[Fact], attempts: Collection[Attempt], rule: ServiceRule) -> datetime | None:
    """When enough independent channels had kept the notice for long enough; None where that cannot come.

    An attempt counts up to the moment from which on its bounce might not have reached us, and not beyond.
    """
    if not rule.deemed_channels or not rule.deemed_days:
        return None
    attempt_of = {attempt.id: attempt for attempt in attempts}
    kept_until: dict[int, datetime] = {}
    for fact in standing:
        if fact.delivery in attempt_of:
            end = fact.at + timedelta(days=rule.deemed_days)
            kept_until[fact.delivery] = min(end, kept_until.get(fact.delivery, end))
    for due in sorted(set(kept_until.values())):
        silent = (attempt_of[pk] for pk, end in kept_until.items() if end <= due)
        seen = {each.channel for each in silent if each.blind_from is None or due <= each.blind_from}
        if rule.enough(seen):
            return due
    return None


def _silence_that_says_nothing(standing: list[Fact], attempts: Collection[Attempt], rule: ServiceRule) -> str:
    """The sentence on deemed service that would come, or would have come, had we been able to see a bounce."""
    seeing = [replace(attempt, blind_from=None) for attempt in attempts]
    if _deemed_at(standing, seeing, rule) is None:
        return ""
    since = min(attempt.blind_from for attempt in attempts if attempt.blind_from is not None)
    return f" Silence serves nothing here: since {moment(since)} a bounce might not have reached us."


def moment(at: datetime) -> str:
    """A moment in words, for sentences that are about no account's own time: 3 May 2026 14:05 UTC."""
    return f"{at.astimezone(UTC):%-d %B %Y %H:%M} UTC"


def _verdict(grade: int, known: frozenset[Fact], attempts: Collection[Attempt]) -> str:
    if grade >= 5:
        return Verdict.PROVEN
    if grade >= 3:
        return Verdict.PROBABLE
    firm = frozenset(fact for fact in known if not fact.weak)
    if grade == 0 and _failed(firm) >= {attempt.id for attempt in attempts}:
        return Verdict.DISPROVEN  # also where there was no address at all
    return Verdict.NOT_PROVEN


def _overdue_since(known: frozenset[Fact]) -> datetime | None:
    """Since when a report is overdue that has not come after all."""
    reported = {fact.delivery for fact in known if fact.kind in REPORTS}
    return min((f.at for f in known if f.kind == Kind.OVERDUE and f.delivery not in reported), default=None)


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
    if grade == 1 and (overdue := _overdue_since(known)):
        since = f"Its report is overdue since {moment(overdue)}"
        return f"{_LINKS[1]} {since}; no data is neither delivered nor not delivered."
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
