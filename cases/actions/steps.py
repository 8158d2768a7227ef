"""Warn, escalate, suspend: take the next rung of the ladder, for one case or for many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction

from cases.actions.situations import Loaded, LoadedPolicy, LoadedRung, load
from cases.actors import Actor
from cases.blockers import LEADS_TO, why_not, why_not_approved
from cases.models import Proposal, RungKind, Step, User
from cases.refusals import ReasonNeeded, Refused, from_database
from cases.workflow import move
from notices.bulk import copy_rows
from notices.issuing import Order, issue


@dataclass(slots=True)
class Taken:
    """What came of taking a step in many cases: the ids of those where it was taken, and why not in the others."""

    taken: list[int] = field(default_factory=list)
    refused: dict[int, Refused] = field(default_factory=dict)


def warn(case_id: int, *, actor: Actor, at: datetime, reason: str = "", approver: User | None = None) -> Step:
    """Warn the account of one case.

    Args:
        reason: the facts, as the notice tells them; empty: as the flags do.
        approver: the second person, where the rung asks for one.

    Raises:
        Refused: with a sentence that says why.
    """
    return _take_one(case_id, RungKind.WARNING, actor=actor, at=at, reason=reason, approver=approver)


def escalate(
    case_id: int, *, actor: Actor, at: datetime, reason: str = "", approver: User | None = None
) -> Step:
    """Take the escalation rung of one case, once its warning was served and the time has passed. See `warn`."""
    return _take_one(case_id, RungKind.ESCALATION, actor=actor, at=at, reason=reason, approver=approver)


def suspend(
    case_id: int, *, actor: Actor, at: datetime, reason: str = "", approver: User | None = None
) -> Step:
    """Suspend the account of one case: after a served warning whose time has passed, or by exemption. See `warn`."""
    return _take_one(case_id, RungKind.SUSPENSION, actor=actor, at=at, reason=reason, approver=approver)


def _take_one(
    case_id: int, kind: RungKind, *, actor: Actor, at: datetime, reason: str, approver: User | None
) -> Step:
    result = take([case_id], kind, actor=actor, at=at, reason=reason, approver=approver)
    if result.refused:
        raise result.refused[case_id]
    return Step.objects.filter(case_id=case_id).select_related("rung", "notice").latest("pk")


def take(
    case_ids: Sequence[int],
    kind: RungKind,
    *,
    actor: Actor,
    at: datetime,
    reason: str = "",
    approver: User | None = None,
    wave_id: int | None = None,
    dry_run: bool = False,
) -> Taken:
    """Take the next rung, of this kind, in each case where it may be taken. All in one transaction.

    Args:
        case_ids: at most a few hundred: their rows are held until the end.
        reason: the facts for every notice; empty: for each case what its flags say.
        dry_run: say what would happen, change nothing.

    Returns:
        Where it was taken, and for each other case why not.
    """
    result = Taken()
    try:
        with transaction.atomic():
            loaded = load(case_ids, kind, now=at)
            for case in loaded:
                refused = _why_not(case, kind, actor=actor, approver=approver, reason=reason, at=at)
                if refused is not None:
                    result.refused[case.id] = refused
            ready = [case for case in loaded if case.id not in result.refused]
            if ready and not dry_run:
                _take(ready, kind, actor=actor, at=at, reason=reason, approver=approver, wave_id=wave_id)
    except IntegrityError as error:
        refused = from_database(error)
        if refused is None:
            raise
        raise refused from error
    result.taken = [case.id for case in ready]
    return result


def _why_not(
    case: Loaded, kind: RungKind, *, actor: Actor, approver: User | None, reason: str, at: datetime
) -> Refused | None:
    if not (reason.strip() or case.flag_reasons):
        return ReasonNeeded(
            f"Say what the account of case {case.situation.number} did: the notice must tell it."
        )
    return why_not(case.situation, kind, now=at) or why_not_approved(
        kind,
        case.rung.approvals if case.rung else 0,
        decider=actor.user_id,
        approver=approver.pk if approver else None,
    )


def _take(
    cases: list[Loaded],
    kind: RungKind,
    *,
    actor: Actor,
    at: datetime,
    reason: str,
    approver: User | None,
    wave_id: int | None,
) -> None:
    why = reason or f"{kind} for what the flags report"
    move([(case.id, case.situation.state) for case in cases], LEADS_TO[kind], actor=actor, reason=why, at=at)
    notice_ids = issue(_orders(cases, kind, reason), actor=actor.label, at=at)
    copy_rows(
        Step,
        _COLUMNS,
        _TYPES,
        (
            (
                case.id,
                case.next_rung.id,
                case.policy.version_id,
                notice_id,
                wave_id,
                at,
                actor.user_id,
                actor.label,
                approver.pk if approver else None,
                reason or case.facts,
                actor.user is None,
                False,
            )
            for case, notice_id in zip(cases, notice_ids, strict=True)
        ),
    )
    Proposal.objects.filter(
        case_id__in=[case.id for case in cases], outcome=Proposal.Outcome.OPEN, rung__kind=kind
    ).update(outcome=Proposal.Outcome.TAKEN)


_COLUMNS = (
    "case_id rung_id policy_version_id notice_id wave_id decided_at decided_by_id actor_label approved_by_id reason "
    "automated deadline_handled"
).split()
_TYPES = "int8 int8 int8 int8 int8 timestamptz int8 varchar int8 text bool bool".split()


def _orders(cases: list[Loaded], kind: RungKind, reason: str) -> list[Order]:
    """One order per case. What all of one policy and rung share is one object, so that it is worked out once."""
    constants: dict[tuple[int, int], dict[str, Mapping[str, str]]] = {}
    orders = []
    for case in cases:
        rung, policy = case.next_rung, case.policy
        orders.append(
            Order(
                recipient=case.external_id,
                name=case.display_name,
                language=case.language,
                kind=kind.value,
                template=rung.template,
                policy_version=f"{policy.slug}@{policy.version_number}",
                service_rule=rung.service_rule,
                chains=case.chains(rung.channels),
                values={
                    "account_name": case.display_name or case.external_id,
                    "facts": reason or case.facts,
                    "case_number": case.situation.number,
                },
                constants=constants.setdefault((policy.version_id, rung.id), _constants(policy, rung)),
                default_language=policy.default_language,
            )
        )
    return orders


def _constants(policy: LoadedPolicy, rung: LoadedRung) -> dict[str, Mapping[str, str]]:
    window = (
        {} if rung.window_days is None else {"window_days": {policy.default_language: str(rung.window_days)}}
    )
    return {"policy_title": policy.titles, "policy_text": policy.texts, **policy.platform, **window}
