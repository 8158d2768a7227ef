"""Mail that came in: the list that a person works off, each message shown safely, two buttons with a reason."""

from __future__ import annotations

import hashlib
import zlib

import zstandard
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from notices.frozen_text import without_links
from notices.inbound import packing, working_off
from notices.inbound.packing import unpack
from notices.models import InboundMessage
from notices.readonly import ReadOnlyAdmin, Rows, as_text, number, numbered

_SHOWN = 20_000  # characters; enough for any report
_AT_ONCE = 50


class DismissForm(forms.Form):
    reason = forms.CharField(
        max_length=10_000,
        help_text="This is kept with your name. The message stays as it came, and is evidence of nothing.",
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
        error_messages={"required": "Say why this mail may be set aside."},
    )


class AttachForm(forms.Form):
    delivery = forms.CharField(
        max_length=30, help_text="The delivery that it is about, such as D-1042.", widget=forms.TextInput()
    )
    kind = forms.ChoiceField(
        label="Evidence",
        choices=[("", "…"), *((kind.value, kind.label) for kind in working_off.KINDS)],
        help_text="What it shows about that delivery.",
    )
    reason = forms.CharField(
        max_length=10_000,
        help_text="How you know. This is part of the evidence, with your name as its source.",
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
        error_messages={"required": "Say how you know that it is about this delivery."},
    )

    def clean_delivery(self) -> int:
        term: str = self.cleaned_data["delivery"].strip()
        pk = number("D", term if term.upper().startswith("D-") else f"D-{term}")
        if pk is None:
            raise forms.ValidationError("Write the number of a delivery, such as D-1042.")
        return pk


class WaitingFilter(admin.SimpleListFilter):
    title = "what waits"
    parameter_name = "waits"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("person", "waits for a person")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(outcome__in=InboundMessage.OPEN) if self.value() else queryset


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyAdmin):
    number = numbered("I")
    list_display = (
        "number",
        "received_at",
        "outcome",
        "says",
        "sender",
        "subject",
        "reason",
        "delivery",
        "handled_by",
    )
    list_select_related = ("delivery",)
    list_filter = (WaitingFilter, "outcome")
    fields = (
        "received_at",
        "outcome",
        "says",
        "reason",
        "addressee",
        "delivery",
        "suggested",
        "handled_at",
        "handled_by",
        "handled_because",
        "fingerprint",
        "download",
        "words",
        "message",
    )
    search_help_text = "Message (I-12)."
    actions = ("attach", "dismiss")

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).defer("raw", "delivery__head")

    def look_up(self, rows: Rows, term: str) -> Rows:
        return rows.filter(pk=number("I", term))

    # --- One message --------------------------------------------------------------------------------------------------

    @admin.display(description="deliveries to addresses in it")
    def suggested(self, message: InboundMessage) -> str:
        rows = [
            (reverse("admin:notices_delivery_change", args=[d.pk]), d, d.address, d.created_at.date())
            for d in working_off.suggestions(message)
        ]
        return format_html_join(", ", '<a href="{}">{}</a> to {} of {}', rows) or "none"

    @admin.display(description="SHA-256")
    def fingerprint(self, message: InboundMessage) -> str:
        raw = unpack(message.raw)
        return hashlib.sha256(raw).hexdigest() if raw else "erased"

    @admin.display(description="recipient")
    def addressee(self, message: InboundMessage) -> str:
        return message.recipient or packing.recipient(message.raw)

    @admin.display(description="whole message")
    def download(self, message: InboundMessage) -> SafeString:
        address = reverse("admin:notices_inboundmessage_download", args=[message.pk])
        return format_html('<a href="{}">Download as I-{}.eml</a>', address, message.pk)

    @admin.display(description="what it says")
    def words(self, message: InboundMessage) -> str:
        return _shown(working_off.report_of(message).words)

    @admin.display(description="message as it came")
    def message(self, message: InboundMessage) -> str:
        return _shown(unpack(message.raw, 4 * _SHOWN).decode(errors="replace"))

    def get_urls(self) -> list[URLPattern]:
        download = self.admin_site.admin_view(self.download_view)
        return [
            path("<int:pk>/download/", download, name="notices_inboundmessage_download"),
            *super().get_urls(),
        ]

    def download_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The message as a file that no browser opens by itself, without the link of the account holder."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        message = InboundMessage.objects.filter(pk=pk).first()
        if message is None:
            raise Http404(f"There is no message I-{pk}.")
        try:
            raw = unpack(message.raw)
        except (zlib.error, zstandard.ZstdError) as error:
            raise Http404(f"The bytes of I-{pk} cannot be read.") from error
        return HttpResponse(
            working_off.for_staff(raw),
            content_type="message/rfc822",
            headers={
                "Content-Disposition": f'attachment; filename="I-{pk}.eml"',
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )

    # --- What a person does -------------------------------------------------------------------------------------------

    def has_work_off_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notices.work_off_inboundmessage")

    @admin.action(description="Attach to a delivery, as evidence", permissions=["work_off"])
    def attach(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        return self._handle(request, queryset, AttachForm, "attach", "Attach to a delivery")

    @admin.action(description="Set aside, with a reason", permissions=["work_off"])
    def dismiss(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        return self._handle(request, queryset, DismissForm, "dismiss", "Set aside")

    def _handle(
        self, request: HttpRequest, queryset: Rows, form_class: type[forms.Form], name: str, title: str
    ) -> HttpResponse | None:
        chosen = list(queryset.order_by("pk")[: _AT_ONCE + 1])
        if len(chosen) > _AT_ONCE:
            messages.error(request, f"At most {_AT_ONCE} messages at a time.")
            return None
        form = form_class(request.POST if "confirmed" in request.POST else None)
        if form.is_valid():
            self._do(request, chosen, form)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "action": name,
            "chosen": chosen,
            "form": form,
        }
        return TemplateResponse(request, "admin/notices/inboundmessage/handle.html", context)

    def _do(self, request: HttpRequest, chosen: list[InboundMessage], form: forms.Form) -> None:
        actor, now, given, done = f"user:{request.user.get_username()}", timezone.now(), form.cleaned_data, []
        for message in chosen:
            try:
                if isinstance(form, AttachForm):
                    working_off.attach(
                        message.pk,
                        delivery_id=given["delivery"],
                        kind=given["kind"],
                        reason=given["reason"],
                        actor=actor,
                        now=now,
                    )
                else:
                    working_off.dismiss(message.pk, reason=given["reason"], actor=actor, now=now)
            except working_off.NotHandled as why:
                messages.error(request, str(why))
            else:
                done.append(f"I-{message.pk}")
        if done:
            messages.success(request, f"Done: {', '.join(done)}.")


def _shown(text: str) -> SafeString:
    """Text of a stranger: escaped, no link of ours in it, not too much of it."""
    text = without_links(text.replace("\x00", "\ufffd"))
    cut = f"\n[… {len(text) - _SHOWN} more characters]" if len(text) > _SHOWN else ""
    return as_text(text[:_SHOWN] + cut)
