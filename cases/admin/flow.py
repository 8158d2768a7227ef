"""Cases and what happens in them: flags, steps, history, proposals, appeals, disputes, exemptions; and the waves."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import F, Prefetch
from django.http import HttpRequest

from cases.admin.deciding import DECISIONS, action
from cases.admin.people import accounts_named
from cases.models import (
    Appeal,
    Case,
    Dispute,
    Exemption,
    Flag,
    Proposal,
    RejectedRow,
    Step,
    Transition,
    Wave,
)
from notices.readonly import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    Rows,
    as_json,
    as_text,
    json_of,
    number,
    numbered,
    yes_no,
)


def served_shown(step: Step) -> str | None:
    """When it was served; where that rests on silence alone, it says so."""
    deemed = " (deemed)" if step.notice.deemed else ""
    return f"{step.served_at:%-d %b %Y %H:%M} UTC{deemed}" if step.served_at else None


class StepInline(ReadOnlyInline):
    model = Step
    fields = ("decided_at", "actor_label", "reason", "notice", "served", "deadline_at", "overturned_at")
    ordering = ("pk",)

    @admin.display(description="served", empty_value="no")
    def served(self, step: Step) -> str | None:
        return served_shown(step)

    def get_queryset(self, request: HttpRequest) -> Rows:
        return (
            super()
            .get_queryset(request)
            .select_related("rung", "notice")
            .defer("notice__content", "notice__plan")
        )


class TransitionInline(ReadOnlyInline):
    model = Transition
    fields = ("at", "old", "new", "actor_label", "reason")
    ordering = ("pk",)
    verbose_name_plural = "history"


class ProposalInline(ReadOnlyInline):
    model = Proposal
    fields = ("proposed_at", "proposed_by", "reason", "outcome")
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).select_related("rung")


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    """The list also carries the decisions: they need the permission to change cases, and go through the verbs."""

    number = numbered("C")
    list_display = ("number", "account", "name", "policy", "stands", "last_step", "deadline")
    list_display_links = ("number",)
    list_select_related = ("account", "policy")
    list_filter = ("state", "resolution", "policy")
    fields = ("account", "policy", "ladder", "wave", "state", "resolution", "version", "opened_at")
    inlines = (StepInline, TransitionInline, ProposalInline)
    search_help_text = (
        "Case number (C-12), the account's external id, or an e-mail address that it has or had."
    )
    change_form_template = "admin/cases/case/page.html"
    actions = tuple(action(decision) for decision in DECISIONS)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("cases.change_case")

    def get_queryset(self, request: HttpRequest) -> Rows:
        steps = Step.objects.select_related("rung").annotate(deemed=F("notice__deemed")).order_by("pk")
        return super().get_queryset(request).prefetch_related(Prefetch("steps", steps))

    def look_up(self, rows: Rows, term: str) -> Rows:
        pk = number("C", term)
        return rows.filter(account__in=accounts_named(term)) if pk is None else rows.filter(pk=pk)

    @admin.display(description="name")
    def name(self, case: Case) -> str:
        return case.account.display_name

    @admin.display(description="state")
    def stands(self, case: Case) -> str:
        return ", ".join(part for part in (case.get_state_display(), case.get_resolution_display()) if part)

    @admin.display(description="last step", empty_value="none")
    def last_step(self, case: Case) -> str | None:
        step = _last(case)
        if step is None:
            return None
        how = "deemed served" if step.deemed else "served"  # type: ignore[attr-defined]  # annotated above
        return f"{step.rung.kind}, {how if step.served_at else 'not served'}"

    @admin.display(description="deadline")
    def deadline(self, case: Case) -> str:
        step = _last(case)
        return f"{step.deadline_at:%-d %b %Y %H:%M}" if step and step.deadline_at else ""


def _last(case: Case) -> Step | None:
    taken = list(case.steps.all())  # prefetched, in order
    return taken[-1] if taken else None


@admin.register(Step)
class StepAdmin(ReadOnlyAdmin):
    list_display = (
        "case",
        "kind",
        "notice",
        "decided_at",
        "actor_label",
        "served",
        "deadline_at",
        "overturned_at",
    )
    list_select_related = ("case", "rung", "notice")
    fields = (
        "case",
        "rung",
        "policy_version",
        "notice",
        "wave",
        "decided_at",
        "actor_label",
        "approved_by",
        "reason",
        "automated_shown",
        "served",
        "deadline_at",
        "deadline_handled_shown",
        "overturned_at",
    )
    search_help_text = "Case number (C-12) or notice id (N-12)."
    automated_shown = yes_no("automated")

    @admin.display(description="served", empty_value="no")
    def served(self, step: Step) -> str | None:
        return served_shown(step)

    deadline_handled_shown = yes_no("deadline_handled")

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).defer("notice__content", "notice__plan")

    def look_up(self, rows: Rows, term: str) -> Rows:
        if (notice := number("N", term)) is not None:
            return rows.filter(notice=notice)
        return in_case(rows, term)

    @admin.display(description="kind")
    def kind(self, step: Step) -> str:
        return step.rung.get_kind_display()


def in_case(rows: Rows, term: str, path: str = "case") -> Rows:
    """The rows that belong to the case that the term numbers."""
    pk = number("C", term)
    return rows.none() if pk is None else rows.filter(**{path: pk})


class OfCaseAdmin(ReadOnlyAdmin):
    """Rows that belong to a case, found by its number."""

    list_select_related: ClassVar[tuple[str, ...]] = ("case",)
    search_help_text = "Case number (C-12)."
    case_path = "case"

    def look_up(self, rows: Rows, term: str) -> Rows:
        return in_case(rows, term, self.case_path)


@admin.register(Transition)
class TransitionAdmin(OfCaseAdmin):
    list_display = ("case", "old", "new", "actor_label", "reason", "at")
    fields = ("case", "old", "new", "actor_label", "reason", "at")


@admin.register(Flag)
class FlagAdmin(OfCaseAdmin):
    list_display = ("source", "reference", "case", "reported_at", "received_at")
    list_display_links = ("reference",)
    fields = ("source", "reference", "case", "wave", "reported_at", "received_at", "reason", "evidence_shown")
    search_help_text = "Case number (C-12), or source and reference with a space between them."
    evidence_shown = json_of("evidence")

    def look_up(self, rows: Rows, term: str) -> Rows:
        source, _, reference = term.partition(" ")
        if reference:
            return rows.filter(source=source, reference=reference.strip())
        return in_case(rows, term)


@admin.register(Proposal)
class ProposalAdmin(OfCaseAdmin):
    list_display = ("case", "kind", "proposed_by", "proposed_at", "outcome")
    list_select_related = ("case", "rung")
    list_filter = ("outcome",)
    fields = ("case", "rung", "proposed_by", "proposed_at", "reason", "outcome")

    @admin.display(description="kind")
    def kind(self, proposal: Proposal) -> str:
        return proposal.rung.get_kind_display()


@admin.register(Exemption)
class ExemptionAdmin(OfCaseAdmin):
    list_display = ("case", "ground", "author", "asked_at", "approver", "approved_at", "expires_at")
    list_select_related = ("case", "author", "approver")
    fields = ("case", "ground", "reason", "author", "asked_at", "approver", "approved_at", "expires_at")


@admin.register(Appeal)
class AppealAdmin(OfCaseAdmin):
    list_display = ("__str__", "step", "filed_at", "outcome", "decided_by", "decided_at")
    list_select_related = ("step__rung", "decided_by")
    list_filter = ("outcome",)
    fields = ("step", "filed_at", "statement", "outcome", "decided_by", "decided_at", "decision_reason")
    case_path = "step__case"


@admin.register(Dispute)
class DisputeAdmin(OfCaseAdmin):
    list_display = ("__str__", "step", "opened_by", "opened_at", "outcome", "decided_by", "decided_at")
    list_select_related = ("step__rung", "decided_by")
    list_filter = ("outcome",)
    fields = (
        "step",
        "opened_by",
        "opened_at",
        "statement",
        "outcome",
        "decided_by",
        "decided_at",
        "decision_reason",
    )
    case_path = "step__case"


@admin.register(Wave)
class WaveAdmin(ReadOnlyAdmin):
    number = numbered("W")
    list_display = ("number", "source", "file_name", "started_by", "started_at", "finished_at")
    fields = ("source", "file_name", "started_by", "started_at", "finished_at", "counts_shown")
    counts_shown = json_of("counts")


@admin.register(RejectedRow)
class RejectedRowAdmin(ReadOnlyAdmin):
    list_display = ("wave", "line", "why")
    list_display_links = ("line",)
    list_select_related = ("wave",)
    fields = ("wave", "line", "raw_shown", "reasons_shown")
    search_help_text = "Wave (W-3)."

    def look_up(self, rows: Rows, term: str) -> Rows:
        pk = number("W", term)
        return rows.none() if pk is None else rows.filter(wave=pk)

    @admin.display(description="reasons")
    def why(self, row: RejectedRow) -> str:
        return "; ".join(str(reason) for reason in row.reasons)

    @admin.display(description="row as it came")
    def raw_shown(self, row: RejectedRow) -> str:
        return as_text(row.raw)

    @admin.display(description="reasons")
    def reasons_shown(self, row: RejectedRow) -> str:
        return as_json(row.reasons)
