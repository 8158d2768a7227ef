"""Why something may not be done, as an exception with a code for programs and a sentence for people."""

from __future__ import annotations

from django.db import IntegrityError


class Refused(Exception):
    """An action is refused. `str()` is a sentence that says why and what to do; `code` names the reason."""

    code = "refused"


class WrongState(Refused):
    code = "wrong_state"


class NotTheNextStep(Refused):
    code = "not_the_next_step"


class NotServed(Refused):
    code = "not_served"


class ClockRuns(Refused):
    code = "clock_runs"


class ReportsMissing(Refused):
    code = "reports_missing"


class Contested(Refused):
    code = "contested"


class Overturned(Refused):
    code = "overturned"


class ApprovalNeeded(Refused):
    code = "approval_needed"


class ReasonNeeded(Refused):
    code = "reason_needed"


class NotFound(Refused):
    code = "not_found"


class HeldByDatabase(Refused):
    """PostgreSQL refused what the checks before it let pass, for example because a colleague was quicker."""

    code = "held_by_database"


_SENTENCES = {
    "suspension_needs_served_warning": (
        "This case has no warning that was served, whose time has passed, that nobody contests and of which no "
        "reports are missing. "
        "See its clock, or ask for an exemption."
    ),
    "one_open_case_per_policy": "The account has another open case on this policy. Work on that one.",
    "one_step_per_rung": "This step was taken already, perhaps by a colleague just now. Reload the case.",
    "legal_transition": "A case in this state cannot go there. Reload the case: a colleague may have moved it.",
    "closed_has_resolution": "A case closes with a resolution.",
    "approver_is_another": "The approver is somebody other than the decider.",
    "exemption_approver_is_another": "An exemption is approved by somebody other than its author.",
    "exemption_has_reason": "An exemption needs a reason.",
    "appeal_reviewer_is_another": "Who took a decision does not decide the appeal against it. Hand it to a colleague.",
    "appeal_decision_is_reasoned": "An appeal is decided by a person, with reasons.",
    "one_open_appeal_per_step": "An appeal against this step is open already.",
    "one_open_dispute_per_step": "A dispute about this step is open already.",
}


def from_database(error: IntegrityError) -> HeldByDatabase | None:
    """The refusal that a rule of the database stands for, or None where the error is no rule of ours."""
    cause = error.__cause__
    name = getattr(getattr(cause, "diag", None), "constraint_name", None)
    sentence = _SENTENCES.get(name or "")
    return HeldByDatabase(sentence) if sentence else None
