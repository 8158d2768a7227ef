"""Decisions in the admin: choose cases, press a button, give the reason, and the verb does it or says why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from cases.actions import closing, steps
from cases.actors import Actor, person
from cases.forms import DecisionForm
from cases.models import Case, User
from cases.refusals import Refused
from notices.issuing import NoTemplateText
from notices.readonly import Rows

AT_ONCE = 100  # what one request can do, and one page can show; larger decisions are waves


class Verb(Protocol):
    def __call__(self, case_id: int, *, actor: Actor, reason: str, at: datetime) -> Any: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """One button: its name, its label, the verb behind it, and what people are told about the reason."""

    name: str
    label: str
    done: str
    verb: Verb
    help_text: str
    needs_reason: bool


_TOLD = "The notice tells this to the account holder, as the facts of the case. Write to them."
_OR_FLAGS = f"{_TOLD} Left empty, the notice tells what the flags report."
_KEPT = "This is kept in the history of the case, and shown to those who ask."

DECISIONS = (
    Decision("warn", "Warn", "Warned", steps.warn, _OR_FLAGS, False),
    Decision("escalate", "Escalate", "Escalated", steps.escalate, _OR_FLAGS, False),
    Decision("suspend", "Suspend", "Suspended", steps.suspend, _TOLD, True),
    Decision("dismiss", "Dismiss", "Dismissed", closing.dismiss, _KEPT, True),
    Decision("complied", "Close as complied", "Closed as complied", closing.close_as_complied, _KEPT, True),
    Decision(
        "reinstate",
        "Reinstate",
        "Reinstated and closed",
        closing.reinstate,
        f"{_KEPT} The case closes.",
        True,
    ),
)


Action = Callable[["admin.ModelAdmin[Case]", HttpRequest, Rows], HttpResponse | None]


def action(decision: Decision) -> Action:
    """The decision as an action of the list of cases, for those who may decide."""

    @admin.action(description=decision.label, permissions=["decide"])
    def run(modeladmin: admin.ModelAdmin[Case], request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        cases = list(queryset.select_related("account", "policy").order_by("pk")[: AT_ONCE + 1])
        if len(cases) > AT_ONCE:
            messages.error(
                request, f"Decide at most {AT_ONCE} cases at a time here. Larger decisions are waves."
            )
            return None
        form = DecisionForm(
            request.POST if "confirmed" in request.POST else None,
            needed=decision.needs_reason,
            help_text=decision.help_text,
        )
        if form.is_valid():
            decide(request, decision, cases, form.cleaned_data["reason"])
            return None
        context = {
            **modeladmin.admin_site.each_context(request),
            "title": f"{decision.label}: {len(cases)} case{'s' if len(cases) != 1 else ''}",
            "decision": decision,
            "chosen": cases,
            "form": form,
        }
        return TemplateResponse(request, "admin/cases/case/decide.html", context)

    run.__name__ = decision.name
    return cast(Action, run)


def decide(request: HttpRequest, decision: Decision, cases: list[Case], reason: str) -> None:
    """Call the verb for each case, and tell what came of it; a refusal in the verb's own words, one per case."""
    actor, done = person(cast(User, request.user)), []
    for case in cases:
        try:
            decision.verb(case.pk, actor=actor, reason=reason, at=timezone.now())
        except (Refused, NoTemplateText) as why:
            messages.error(request, str(why) if case.number in str(why) else f"{case.number}: {why}")
        else:
            done.append(case.number)
    if done:
        messages.success(request, f"{decision.done}: {', '.join(done)}.")
