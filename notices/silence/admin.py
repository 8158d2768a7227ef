"""Gaps to look at, and to close with a reason; and the questions that providers were asked."""

from __future__ import annotations

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from notices.models import Question, StreamGap
from notices.readonly import ReadOnlyAdmin, Rows, number, yes_no
from notices.silence import gaps

_HELP = (
    "Clocks and deemed service that this gap holds back go on once it is closed, as if no bounce had been missed in "
    "it. Say how you know. It is kept with your name."
)


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=10_000,
        help_text=_HELP,
        widget=forms.Textarea(attrs={"rows": 6, "class": "vLargeTextField"}),
        error_messages={"required": "Say why this gap may be closed although reports are missing."},
    )


@admin.register(StreamGap)
class StreamGapAdmin(ReadOnlyAdmin):
    list_display = (
        "stream",
        "began_at",
        "noticed_at",
        "resumed_at",
        "ended_at",
        "missing",
        "expected",
        "closed",
        "closed_by",
    )
    list_filter = (("ended_at", admin.EmptyFieldListFilter),)
    fields = (*list_display, "usual", "reason", "regraded_at")
    actions = ("close",)

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notices.close_streamgap")

    @admin.action(description="Close, with a reason", permissions=["close"])
    def close(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        chosen = list(queryset.filter(ended_at__isnull=True).order_by("began_at"))
        if not chosen:
            messages.error(request, "None of these gaps is open.")
            return None
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if form.is_valid():
            for gap in chosen:
                who, reason = f"user:{request.user.get_username()}", form.cleaned_data["reason"]
                gaps.close_by_person(gap.pk, who=who, reason=reason, at=timezone.now())
            told = ", ".join(gap.stream for gap in chosen)
            messages.success(request, f"Closed: {told}. What it held back is graded anew within minutes.")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Close a gap",
            "chosen": chosen,
            "form": form,
        }
        return TemplateResponse(request, "admin/notices/streamgap/close.html", context)


@admin.register(Question)
class QuestionAdmin(ReadOnlyAdmin):
    list_display = ("delivery", "stream", "times", "asked_at", "next_at", "answered_at", "trouble")
    list_select_related = ("delivery",)
    fields = (*list_display, "again_shown")
    search_help_text = "Delivery (D-12)."
    again_shown = yes_no("again")

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).defer("delivery__head")

    def look_up(self, rows: Rows, term: str) -> Rows:
        return rows.filter(pk=number("D", term))
