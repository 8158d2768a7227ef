"""The staff's pages of part 1: home with what waits, and the question "Was this account warned?"."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from cases.answers import Match, answer, find
from cases.forms import QuestionForm
from cases.overview import overview
from cases.permissions import staff_with
from notices.grading import VERSION
from notices.pages import page


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this is; for signed-in staff also the question box and what waits for a person."""
    if not (request.user.is_authenticated and request.user.is_staff):
        return page(request, "cases/welcome.html", {})
    return page(
        request, "cases/home.html", {"form": QuestionForm(), "overview": overview(now=timezone.now())}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@staff_with("notices.view_notice")
def ask(request: HttpRequest) -> HttpResponse:
    """The question and, when POSTed, its answer on the same page: whom it is about never stands in an address."""
    form = QuestionForm(request.POST if request.method == "POST" else None)
    found = _answered(form) if form.is_valid() else {}
    return page(request, "cases/ask.html", {"form": form, **found})


def _answered(form: QuestionForm) -> dict[str, Any]:
    who, known_at = form.cleaned_data["who"], form.cleaned_data["as_of"]
    found = find(who)
    asked = {"who": who, "as_of": known_at, "match": found.match.name.lower()}
    if found.match is not Match.FOUND:
        return {**asked, "accounts": found.accounts}
    answers = answer(found, now=timezone.now(), known_at=known_at)
    return {**asked, "account": found.accounts[0], "answers": answers, "grading_version": VERSION}
