"""The rules of a case that PostgreSQL itself holds. Each is attacked by raw SQL in tests/cases/test_rules.py."""

from __future__ import annotations

from functools import reduce
from operator import or_

import pgtrigger
from django.db.models import Q

from notices.kinds import BY_A_PERSON, GRADES, Kind
from notices.triggers import Rule, refusal

# The table of transitions, old to new. A case is opened from nothing; a further rung of the same kind keeps the
# state, and that is a move too. `cases.workflow` names the verbs; the database knows only what may follow what.
TRANSITIONS: dict[str, frozenset[str]] = {
    "": frozenset({"open"}),
    "open": frozenset({"warned", "suspended", "closed"}),
    "warned": frozenset({"warned", "escalated", "suspended", "closed"}),
    "escalated": frozenset({"escalated", "suspended", "closed"}),
    "suspended": frozenset({"open", "warned", "escalated", "closed"}),
    "closed": frozenset(),
}

LEGAL_TRANSITIONS: Q = reduce(
    or_, (Q(old=old, new__in=sorted(new)) for old, new in TRANSITIONS.items() if new)
)

_GRADE_OF_FACT = " ".join(f"WHEN '{Kind(kind).value}' THEN {grade}" for kind, grade in GRADES.items())

# While the reports of a stream are missing, a bounce may be among them: a warning then carries a suspension only by
# a person's act, or by what another stream reported. (Coarser than `notices.silence.holding`, never stricter: deemed
# service, for one, is graded anew when a gap opens.)
_NOT_IN_DOUBT = f"""
          AND (
              n.grade >= {BY_A_PERSON} OR n.deemed
              OR NOT EXISTS (
                  SELECT 1 FROM notices_delivery d JOIN notices_streamgap g ON g.stream = d.provider
                  WHERE d.notice_id = n.id AND g.ended_at IS NULL
              )
              OR EXISTS (
                  SELECT 1 FROM notices_evidence e LEFT JOIN notices_delivery d ON d.id = e.delivery_id
                  WHERE e.notice_id = n.id AND NOT e.test
                    AND CASE e.kind {_GRADE_OF_FACT} ELSE 0 END >= (n.service_rule ->> 'grade')::int
                    AND NOT EXISTS (
                        SELECT 1 FROM notices_streamgap g WHERE g.stream = d.provider AND g.ended_at IS NULL
                    )
              )
          )"""

# Rule 2: no suspension without a served warning. The step's own dates are not trusted alone: the notice must be
# served, and the deadline must lie a whole response window after service. (In hours, since days
# would follow the session's time zone; one less, because a day on which the clocks go forward has 23.)
SUSPENSION_NEEDS_SERVED_WARNING = Rule(
    name="suspension_rule",
    when=pgtrigger.After,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("state"),
    timing=pgtrigger.Immediate,
    condition=pgtrigger.Condition("NEW.state = 'suspended'"),
    func=f"""
    IF EXISTS (
        SELECT 1
        FROM cases_step s
        JOIN cases_rung r ON r.id = s.rung_id
        JOIN notices_notice n ON n.id = s.notice_id
        WHERE s.case_id = NEW.id
          AND r.kind IN ('warning', 'escalation')
          AND s.overturned_at IS NULL
          AND n.served_at IS NOT NULL
          AND s.served_at = n.served_at
          AND s.deadline_at <= now()
          AND s.deadline_at >= n.served_at + make_interval(hours => 24 * r.window_days - 1)
          AND NOT EXISTS (SELECT 1 FROM cases_appeal a WHERE a.step_id = s.id AND a.outcome = 'open')
          AND NOT EXISTS (SELECT 1 FROM cases_dispute d WHERE d.step_id = s.id AND d.outcome = 'open')
          {_NOT_IN_DOUBT.strip()}
    ) OR EXISTS (
        SELECT 1 FROM cases_exemption e
        WHERE e.case_id = NEW.id AND e.approver_id IS NOT NULL AND e.approver_id <> e.author_id
          AND e.reason <> '' AND e.expires_at > now()
    ) THEN
        RETURN NULL;
    END IF;
    {
        refusal(
            "Case C-% has no warning that was served, whose time has passed, that nobody contests and of which no "
            "reports are missing",
            rule="suspension_needs_served_warning",
            args=", NEW.id",
        )
    }
    """,
)

CASE_BEGINS_OPEN = Rule(
    name="begins_open",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    condition=pgtrigger.Condition("NEW.state <> 'open'"),
    func=refusal("A case begins open", rule="case_begins_open"),
)

# Rule 5: the newest history row must tell of this very change. `move()` writes it first.
STATE_CHANGE_LEAVES_HISTORY = Rule(
    name="history_rule",
    when=pgtrigger.After,
    operation=pgtrigger.UpdateOf("state"),
    timing=pgtrigger.Immediate,
    condition=pgtrigger.Condition("OLD.state IS DISTINCT FROM NEW.state"),
    declare=[("last", "cases_transition%ROWTYPE")],
    func=f"""
    SELECT * INTO last FROM cases_transition WHERE case_id = NEW.id ORDER BY id DESC LIMIT 1;
    IF NOT FOUND OR last.new <> NEW.state OR last.old <> OLD.state THEN
        {refusal("A change of state leaves a row of history", rule="state_change_leaves_history")}
    END IF;
    RETURN NULL;
    """,
)

# The clock starts at service: a step's dates are its notice's, or nothing.
CLOCK_FOLLOWS_SERVICE = Rule(
    name="clock_rule",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("served_at", "deadline_at", "notice_id"),
    condition=pgtrigger.Condition("NEW.served_at IS NOT NULL OR NEW.deadline_at IS NOT NULL"),
    func=f"""
    IF NEW.served_at IS DISTINCT FROM (SELECT served_at FROM notices_notice WHERE id = NEW.notice_id) THEN
        {refusal("The clock of a step starts when its notice is served", rule="clock_follows_service")}
    END IF;
    IF NEW.deadline_at < NEW.served_at + make_interval(hours => 24 * coalesce(
        (SELECT window_days FROM cases_rung WHERE id = NEW.rung_id), 0) - 1) THEN
        {refusal("The deadline is shorter than the response window", rule="clock_follows_service")}
    END IF;
    RETURN NEW;
    """,
)

# Rule 4. The approver of the step took the decision too.
APPEAL_REVIEWER_IS_ANOTHER = Rule(
    name="reviewer_rule",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("decided_by_id", "step_id"),
    condition=pgtrigger.Condition("NEW.decided_by_id IS NOT NULL"),
    func=f"""
    IF EXISTS (
        SELECT 1 FROM cases_step s
        WHERE s.id = NEW.step_id AND NEW.decided_by_id IN (s.decided_by_id, s.approved_by_id)
    ) THEN
        {refusal("Who took a decision does not decide the appeal against it", rule="appeal_reviewer_is_another")}
    END IF;
    RETURN NEW;
    """,
)

# An appeal or dispute changes what may be decided in its case. Touching the case row makes a suspension in a
# concurrent transaction wait for it and then see it (or fail to serialize), instead of slipping past.
CONTEST_TOUCHES_CASE = Rule(
    name="touches_case",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert | pgtrigger.UpdateOf("outcome", "step_id"),
    func="""
    UPDATE cases_case SET version = version + 1
    WHERE id = (SELECT case_id FROM cases_step WHERE id = NEW.step_id);
    RETURN NEW;
    """,
)

# An address's first verification, and a mark's end, may be learnt later; once said, they stand.
VERIFIED_ONCE = Rule(
    name="verified_once",
    when=pgtrigger.Before,
    operation=pgtrigger.UpdateOf("verified_at"),
    condition=pgtrigger.Condition(
        "OLD.verified_at IS NOT NULL AND NEW.verified_at IS DISTINCT FROM OLD.verified_at"
    ),
    func=refusal("When an address was first verified is said once", rule="frozen"),
)

MARK_ENDS_ONCE = Rule(
    name="ends_once",
    when=pgtrigger.Before,
    operation=pgtrigger.UpdateOf("ends_at", "end_recorded_at"),
    condition=pgtrigger.Condition(
        "OLD.ends_at IS NOT NULL "
        "AND (NEW.ends_at, NEW.end_recorded_at) IS DISTINCT FROM (OLD.ends_at, OLD.end_recorded_at)"
    ),
    func=refusal("When a mark ended is said once", rule="frozen"),
)


def erased_account(account_id: str) -> str:
    """SQL condition: it is on record that this account was erased."""
    return f"EXISTS (SELECT 1 FROM cases_erasure x WHERE x.account_id = {account_id})"


def erased_case(case_id: str) -> str:
    """SQL condition: it is on record that the account of this case was erased."""
    return (
        "EXISTS (SELECT 1 FROM cases_case c JOIN cases_erasure x ON x.account_id = c.account_id "
        f"WHERE c.id = {case_id})"
    )
