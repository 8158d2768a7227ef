"""Was this account warned? Who is meant, what the evidence says, and what follows from it. Nothing here writes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from zoneinfo import ZoneInfo

from django.db.models import Q

from cases.actions.holding import held_back
from cases.deadlines import has_passed, response_deadline
from cases.models import Account, Case, ContactPoint, State, Step
from cases.models.policy import RungKind
from cases.provenance import Provenance, provenances
from cases.reading import canonical_email
from notices import tokens
from notices.grading import Standing
from notices.history import NoticeHistory, histories
from notices.kinds import Kind, Verdict
from notices.models import Notice


class Match(Enum):
    FOUND = "found"
    NOT_FOUND = "not found"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Found:
    """Who is meant by what somebody typed: accounts, and the case or notice where one was named."""

    accounts: tuple[Account, ...]
    case_id: int | None = None
    notice_id: int | None = None

    @property
    def match(self) -> Match:
        if not self.accounts:
            return Match.NOT_FOUND
        return Match.FOUND if len(self.accounts) == 1 else Match.AMBIGUOUS


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one notice of one case. `provenance` is that of each attempt's address, by the attempt's id."""

    case: Case
    step: Step
    history: NoticeHistory
    headline: str
    follows: str
    deadline_at: datetime | None
    provenance: Mapping[int, Provenance]


def find(who: str) -> Found:
    """Who is meant: an external id, an e-mail address (current or former), a case number or a notice id.

    A printed reference counts as a notice id if its check letters are right.
    """
    who = who.strip()
    if match := re.fullmatch(r"N-(\d{1,18})", who, re.IGNORECASE):
        return _by_notice(int(match[1]))
    if (notice_id := tokens.read_reference(who)) is not None:
        return _by_notice(notice_id)
    if match := re.fullmatch(r"C-(\d{1,18})", who, re.IGNORECASE):
        case = Case.objects.select_related("account").filter(pk=int(match[1])).first()
        return Found((case.account,), case_id=case.pk) if case else Found(())
    by_id = Account.objects.filter(external_id=who)
    if by_id or "@" not in who:
        return Found(tuple(by_id))
    try:
        canonical = canonical_email(who)
    except ValueError:
        return Found(())  # not an address, so nobody's
    points = ContactPoint.objects.filter(canonical=canonical)
    return Found(tuple(Account.objects.filter(pk__in=points.values("account")).order_by("external_id")))


def _by_notice(notice_id: int) -> Found:
    step = Step.objects.select_related("case__account").filter(notice=notice_id).first()
    return Found((step.case.account,), case_id=step.case_id, notice_id=notice_id) if step else Found(())


def answer(found: Found, *, now: datetime, known_at: datetime | None = None) -> list[Answer]:
    """The answers for every notice of the account, case or notice that was found, oldest first."""
    account, moment = found.accounts[0], known_at or now
    steps = list(
        Step.objects.filter(case__account=account, decided_at__lte=moment)
        .select_related("case__policy", "rung", "notice")
        .order_by("decided_at", "pk")
    )
    asked = [
        step
        for step in steps
        if found.case_id in (None, step.case_id) and found.notice_id in (None, step.notice_id)
    ]
    told = histories([step.notice for step in asked], now=now, known_at=known_at)
    whence = provenances([a for history in told.values() for a in history.attempts], known_at=moment)
    # What is held is held now; how it looked at a moment in the past is not on record.
    held = held_back([step.notice_id for step in asked], now=now) if known_at is None else {}
    return [_answer(step, told[step.notice_id], account, steps, whence, held, moment) for step in asked]


def _answer(
    step: Step,
    history: NoticeHistory,
    account: Account,
    steps: Sequence[Step],
    whence: Mapping[int, Provenance],
    held: Mapping[int, str],
    now: datetime,
) -> Answer:
    served_at, window = history.standing.served_at, step.rung.window_days
    deadline_at = response_deadline(served_at, window, account.timezone) if served_at and window else None
    later = [s for s in steps if s.case_id == step.case_id and s.pk > step.pk and s.overturned_at is None]
    return Answer(
        case=step.case,
        step=step,
        history=history,
        headline=headline(history, account.timezone),
        follows=_follows(
            step, history.standing, deadline_at, later, account.timezone, now, held.get(step.notice_id, "")
        ),
        deadline_at=deadline_at,
        provenance={a.id: whence[a.id] for a in history.attempts if a.id in whence},
    )


def local(moment: datetime, zone: str) -> str:
    """A moment in the account's own time, for people: 12 May 2026, 14:03 (Europe/Berlin)."""
    return f"{moment.astimezone(ZoneInfo(zone)):%-d %B %Y, %H:%M} ({zone})"


def headline(history: NoticeHistory, zone: str) -> str:
    """The verdict in one sentence, with the fact that it rests on."""
    facts = {fact.kind: fact for fact in history.facts if fact.grade == history.standing.grade and fact.grade}
    shown = next((fact for fact in history.facts if fact.kind == Kind.SHOWN), None)
    if Kind.ACKNOWLEDGED in facts:
        told = f"acknowledged by the account holder on {local(facts[Kind.ACKNOWLEDGED].at, zone)}"
        return (
            f"Proven: shown to the signed-in account on {local(shown.at, zone)}, and {told}."
            if shown
            else f"Proven: {told}."
        )
    if facts and history.standing.verdict in (Verdict.PROVEN, Verdict.PROBABLE):
        fact = min(facts.values(), key=lambda f: f.at)
        return f"{Verdict(history.standing.verdict).label}: {fact.what} on {local(fact.at, zone)}."
    link = history.standing.weakest_link
    return f"{Verdict(history.standing.verdict).label}: {link[:1].lower()}{link[1:]}"


def _follows(
    step: Step,
    standing: Standing,
    deadline_at: datetime | None,
    later: Sequence[Step],
    zone: str,
    now: datetime,
    held: str,
) -> str:
    """What the verdict means for the case. `held`: why its clock is held back, if it is."""
    kind = step.rung.kind
    if step.overturned_at is not None and step.overturned_at <= now:
        return f"The {kind} was overturned; nothing rests on it."
    suspended = any(s.rung.kind == RungKind.SUSPENSION for s in later) and step.case.state == State.SUSPENDED
    if standing.served_at is None:
        if suspended:
            return f"The {kind} was never served: a suspension that rests on it alone must be lifted."
        wait = (
            f" It will be deemed served on {local(standing.deemed_due_at, zone)} unless it comes back."
            if standing.deemed_due_at
            else ""
        )
        return f"The clock has not started: the {kind} is not served.{wait} No further step may rest on it."
    how = f" The {kind} is deemed served: nobody confirmed that it arrived." if standing.deemed else ""
    if deadline_at is None:
        return f"The {kind} is {'deemed ' if standing.deemed else ''}served; it sets no time to answer."
    if later:
        return (
            f"The time to answer passed on {local(deadline_at, zone)}; "
            f"the {later[0].rung.kind} that followed stands on it.{how}"
        )
    if has_passed(deadline_at, now=now):
        if held:
            return (
                f"The time to answer passed on {local(deadline_at, zone)}, but nothing may follow yet: {held}"
            )
        return f"The time to answer passed on {local(deadline_at, zone)}: the next step may be taken.{how}"
    return f"The account has until {local(deadline_at, zone)} to answer; no further step may be taken before.{how}"


def notices_of(account: Account) -> list[Notice]:
    """Every notice ever issued to the account, newest first; also those whose recipient was erased."""
    by_name = Notice.objects.filter(recipient=account.external_id).values("pk")
    by_step = Step.objects.filter(case__account=account).values("notice")
    return list(Notice.objects.filter(Q(pk__in=by_name) | Q(pk__in=by_step)).order_by("-issued_at", "-pk"))
