"""Erase what is personal about an account, wherever it lies, and keep that it happened.

What stays: that there was a case, its steps and their times, the facts about its notices with their commitments, and
the dates of its addresses. What goes: who it was, where it was written to, what was written, and by whom what was said.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from cases.actors import Actor
from cases.models import (
    Account,
    Appeal,
    Case,
    ContactPoint,
    Dispute,
    Erasure,
    Exemption,
    RejectedRow,
    State,
    Step,
)
from cases.refusals import NotFound, ReasonNeeded, Refused
from notices.ledger.erasing import StillUnderWay, erasable, erase_notices, under_way
from notices.models import Notice, WebhookRequest

ERASED = "erased"


class NotToBeErased(Refused):
    """Erasing would take away what somebody still has a right to; `force` overrules it."""

    code = "not_to_be_erased"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure would do.

    Attributes:
        counts: rows to be emptied, by what they are.
        objections: why it would be improper now, as sentences; they can be overruled.
        obstacles: why it cannot be done now at all.
        notes: what it does not reach.
    """

    account: Account
    counts: Counter[str]
    objections: tuple[str, ...]
    obstacles: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Blanks:
    """Rows of one table that belong to the account: SQL over the table as `t`, with the account's id as %(id)s."""

    name: str
    table: str
    assignments: str
    owner: str
    full: str

    @property
    def where(self) -> str:
        return f"{self.owner} AND {self.full}"


_OF_CASE = "t.case_id IN (SELECT c.id FROM cases_case c WHERE c.account_id = %(id)s)"
_OF_STEP = (
    "t.step_id IN (SELECT s.id FROM cases_step s JOIN cases_case c ON c.id = s.case_id "
    "WHERE c.account_id = %(id)s)"
)
_STATEMENTS = (
    f"statement = '{ERASED}', decision_reason = CASE WHEN t.decision_reason = '' THEN '' ELSE '{ERASED}' END"
)
_FULL_STATEMENTS = f"(t.statement <> '{ERASED}' OR t.decision_reason NOT IN ('', '{ERASED}'))"

_TABLES = (
    _Blanks(
        "known addresses",
        "cases_contactpoint",
        "address = '', canonical = '', changed_by_label = ''",
        "t.account_id = %(id)s",
        "t.address <> ''",
    ),
    _Blanks(
        "flags",
        "cases_flag",
        f"reason = '{ERASED}', evidence = NULL",
        _OF_CASE,
        f"(t.reason <> '{ERASED}' OR t.evidence IS NOT NULL)",
    ),
    _Blanks("reasons of steps", "cases_step", f"reason = '{ERASED}'", _OF_CASE, f"t.reason <> '{ERASED}'"),
    _Blanks(
        "reasons in histories",
        "cases_transition",
        f"reason = '{ERASED}'",
        _OF_CASE,
        # What the system itself writes says nothing of the account.
        f"t.reason NOT IN ('flagged', '{ERASED}') AND t.reason !~ '^[a-z]+ for what the flags report$'",
    ),
    _Blanks("proposals", "cases_proposal", f"reason = '{ERASED}'", _OF_CASE, f"t.reason <> '{ERASED}'"),
    _Blanks("exemptions", "cases_exemption", f"reason = '{ERASED}'", _OF_CASE, f"t.reason <> '{ERASED}'"),
    _Blanks("appeals", "cases_appeal", _STATEMENTS, _OF_STEP, _FULL_STATEMENTS),
    _Blanks("disputes", "cases_dispute", _STATEMENTS, _OF_STEP, _FULL_STATEMENTS),
    # The name last: by it the rest is found.
    _Blanks(
        "names",
        "cases_account",
        "external_id = 'erased-' || t.id, display_name = ''",
        "t.id = %(id)s",
        "t.external_id <> 'erased-' || t.id",
    ),
)


def plan(account_id: int, *, now: datetime) -> Plan:
    """What erasing this account would do; changes nothing.

    Raises:
        NotFound: there is no such account.
    """
    with transaction.atomic():
        found = _plan(account_id, now)
        transaction.set_rollback(True)
    return found


def erase(account_id: int, *, actor: Actor, reason: str, at: datetime, force: bool = False) -> Erasure | None:
    """Erase the account, in one transaction: a kill leaves all as it was.

    Args:
        reason: on what ground. It stays: it must name nobody.
        force: in spite of what `Plan.objections` says.

    Returns:
        The record of it; None where nothing was left to erase.

    Raises:
        NotToBeErased: somebody has an interest that it would hurt, or a notice is still being sent.
        ReasonNeeded: no reason was given.
        NotFound: there is no such account.
    """
    if not reason.strip():
        raise ReasonNeeded(
            "Say on what ground the account is erased. The reason stays, so it must name nobody."
        )
    with transaction.atomic():
        found = _plan(account_id, at)
        if found.obstacles or (found.objections and not force):
            raise NotToBeErased(" ".join([*found.obstacles, *([] if force else found.objections)]))
        if not found.counts.total():
            return None
        record = Erasure.objects.create(
            account_id=account_id,
            actor=actor.user,
            actor_label=actor.label,
            reason=reason.strip(),
            at=at,
            counts=dict(found.counts),
        )
        rows = _naming_rows(found.account)  # before the addresses by which they are found are gone
        try:
            erase_notices(_notices(found.account), actor=actor.label, reason=reason.strip(), now=at)
        except StillUnderWay as error:
            raise NotToBeErased(str(error)) from error
        with connection.cursor() as cursor:
            for blanks in _TABLES:
                cursor.execute(
                    f"UPDATE {blanks.table} t SET {blanks.assignments} WHERE {blanks.where}",
                    {"id": account_id},
                )
        RejectedRow.objects.filter(pk__in=rows).update(raw=ERASED, reasons=[ERASED])
        return record


def _plan(account_id: int, now: datetime) -> Plan:
    """The plan; holds the account and its cases until the transaction ends."""
    account = Account.objects.select_for_update().filter(pk=account_id).first()
    if account is None:
        raise NotFound("There is no such account.")
    cases = list(Case.objects.select_for_update(no_key=True).filter(account=account).order_by("pk"))
    notice_ids = _notices(account)
    counts = erasable(notice_ids)
    with connection.cursor() as cursor:
        for blanks in _TABLES:
            cursor.execute(f"SELECT count(*) FROM {blanks.table} t WHERE {blanks.where}", {"id": account_id})
            counts[blanks.name] = cursor.fetchone()[0]
    counts["rejected rows"] = len(_naming_rows(account))
    obstacles = [
        f"D-{pk} is still to be sent, or being sent. Wait until it is settled."
        for pk in under_way(notice_ids)[:1]
    ]
    return Plan(account, counts, tuple(_objections(cases, now)), tuple(obstacles), tuple(_notes()))


def _objections(cases: list[Case], now: datetime) -> list[str]:
    ids = [case.pk for case in cases]
    found = [
        f"Case {case.number} is {case.state}: its account may still have to be reached, or may appeal. Close it first."
        for case in cases
        if case.state != State.CLOSED
    ]
    found += [
        f"Appeal A-{appeal.pk} is open: whoever decides it needs what would be erased. Decide it first."
        for appeal in Appeal.objects.filter(step__case__in=ids, outcome=Appeal.Outcome.OPEN)
    ]
    found += [
        f"Dispute Q-{dispute.pk} is open: whoever decides it needs what would be erased. Decide it first."
        for dispute in Dispute.objects.filter(step__case__in=ids, outcome=Dispute.Outcome.OPEN)
    ]
    found += [
        f"A legal order stands in case C-{exemption.case_id} until {exemption.expires_at:%-d %B %Y}."
        for exemption in Exemption.objects.filter(
            case__in=ids, ground=Exemption.Ground.LEGAL_ORDER, approver__isnull=False, expires_at__gt=now
        )
    ]
    return found


def _notes() -> list[str]:
    waiting = WebhookRequest.objects.count()
    if not waiting:
        return []
    sentence = (
        f"{waiting} requests of providers are kept raw until they are interpreted, and may name the account. "
        "Settle them, and erase again."
    )
    return [sentence]


def _notices(account: Account) -> list[int]:
    """Every notice to this account: those of its steps, and those sent to it by name."""
    of_steps = Step.objects.filter(case__account=account).values("notice")
    return list(
        Notice.objects.filter(Q(pk__in=of_steps) | Q(recipient=account.external_id))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def _naming_rows(account: Account) -> list[int]:
    """Rejected rows that name the account, by its id or one of its addresses, as a word of its own."""
    words = {
        account.external_id,
        *ContactPoint.objects.filter(account=account).values_list("address", flat=True),
    }
    found: set[int] = set()
    for word in words - {"", f"erased-{account.pk}"}:
        alone = re.compile(rf"(?<![\w@.+-]){re.escape(word)}(?![\w@-]|\.\w)", re.IGNORECASE)
        rows: Any = RejectedRow.objects.filter(raw__icontains=word).values_list("pk", "raw")
        found |= {pk for pk, raw in rows.iterator() if alone.search(raw)}
    return sorted(found)
