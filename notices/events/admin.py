"""Webhooks for a person: what waits or failed, what was refused, and who is not written to."""

from __future__ import annotations

import json

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.http import HttpRequest
from django.utils import timezone

from notices import suppression
from notices.events import waiting
from notices.events.requests import inflate
from notices.frozen_text import without_links
from notices.models import ProviderEvent, Suppression, WebhookRefusal, WebhookRequest
from notices.readonly import ReadOnlyAdmin, Rows, as_json, as_text, number, numbered, yes_no

_SHOWN = 20_000  # characters of a request


class ReasonForm(ActionForm):
    """What is shown beside the choice of an action."""

    reason = forms.CharField(max_length=2_000, required=False, label="Reason")


def _actor(request: HttpRequest) -> str:
    return f"user:{request.user.get_username()}"


class _Settled(ReadOnlyAdmin):
    """A list from which rows can be set aside, or tried again."""

    action_form = ReasonForm
    actions = ("dismiss", "try_again")
    list_filter = ("state", "esp")

    def get_queryset(self, request: HttpRequest) -> Rows:
        # Bodies are large, and only a row's own page shows its body.
        rows = super().get_queryset(request)
        return rows.defer("body") if request.resolver_match and not request.resolver_match.kwargs else rows

    def has_settle_permission(self, request: HttpRequest) -> bool:
        name = f"settle_{self.opts.model_name}"
        return request.user.has_perm(f"{self.opts.app_label}.{name}")

    @admin.action(description="Set aside (give a reason)", permissions=["settle"])
    def dismiss(self, request: HttpRequest, rows: Rows) -> None:
        ids = list(rows.values_list("pk", flat=True))
        try:
            done = waiting.dismiss(
                self.model, ids, because=request.POST.get("reason", ""), actor=_actor(request)
            )
        except waiting.NotDismissed as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, f"{done} set aside.")

    @admin.action(description="Try again", permissions=["settle"])
    def try_again(self, request: HttpRequest, rows: Rows) -> None:
        ids = list(rows.values_list("pk", flat=True))
        done = waiting.try_again(self.model, ids, now=timezone.now())
        self.message_user(request, f"{done} will be tried again within seconds.")


@admin.register(ProviderEvent)
class ProviderEventAdmin(_Settled):
    number = numbered("P")
    list_display = ("number", "received_at", "esp", "kind", "recipient", "state", "reason", "due_at")
    fields = (
        "esp",
        "kind",
        "occurred_at",
        "received_at",
        "test_shown",
        "recipient",
        "provider_id",
        "delivery_id_said",
        "state",
        "reason",
        "tries",
        "due_at",
        "dismissed_by",
        "dismissed_because",
        "event",
    )
    search_help_text = "Event (P-12)."
    test_shown = yes_no("test")

    def look_up(self, rows: Rows, term: str) -> Rows:
        return rows.filter(pk=number("P", term))

    @admin.display(description="what the provider said")
    def event(self, row: ProviderEvent) -> str:
        return as_json(json.loads(inflate(row.body))) if row.body else "erased"


@admin.register(WebhookRequest)
class WebhookRequestAdmin(_Settled):
    number = numbered("W")
    list_display = ("number", "received_at", "esp", "purpose", "state", "tries", "reason")
    list_filter = ("state", "purpose", "esp")  # type: ignore[assignment]  # longer than the base's
    fields = (
        "esp",
        "purpose",
        "received_at",
        "content_type",
        "headers",
        "state",
        "reason",
        "tries",
        "due_at",
        "dismissed_by",
        "dismissed_because",
        "request",
    )
    search_help_text = "Request (W-12)."

    def look_up(self, rows: Rows, term: str) -> Rows:
        return rows.filter(pk=number("W", term))

    @admin.display(description="request as it came")
    def request(self, row: WebhookRequest) -> str:
        text = without_links(inflate(row.body).decode(errors="replace"))
        cut = f"\n[… {len(text) - _SHOWN} more characters]" if len(text) > _SHOWN else ""
        return as_text(text[:_SHOWN] + cut)


@admin.register(WebhookRefusal)
class WebhookRefusalAdmin(ReadOnlyAdmin):
    list_display = ("day", "esp", "reason", "count", "last_at")
    list_filter = ("reason", "esp")
    fields = list_display


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin):
    number = numbered("S")
    action_form = ReasonForm
    actions = ("lift",)
    list_display = ("number", "address", "reason", "source", "since", "lifted_at", "lifted_by")
    list_filter = ("reason", ("lifted_at", admin.EmptyFieldListFilter))
    fields = (
        "address",
        "reason",
        "source",
        "since",
        "evidence",
        "recorded_at",
        "lifted_at",
        "lifted_by",
        "lifted_because",
    )
    search_help_text = "Suppression (S-12) or e-mail address."

    def look_up(self, rows: Rows, term: str) -> Rows:
        if (pk := number("S", term)) is not None:
            return rows.filter(pk=pk)
        return rows.filter(address=suppression.canonical(term))

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notices.lift_suppression")

    @admin.action(description="Write to these addresses again (give a reason)", permissions=["lift"])
    def lift(self, request: HttpRequest, rows: Rows) -> None:
        for row in rows:
            try:
                suppression.lift(
                    row.pk, because=request.POST.get("reason", ""), actor=_actor(request), now=timezone.now()
                )
            except suppression.NotLifted as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self.message_user(request, f"{row.address} may be written to again.")
