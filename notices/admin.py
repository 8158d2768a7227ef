"""The plain admin of notices: everything to look at, nothing to edit, and no bytes or salts shown raw."""

from __future__ import annotations

import json

from django.contrib import admin
from django.http import HttpRequest

from notices import tokens
from notices.channels.post import admin as post_admin  # noqa: F401  (importing registers it)
from notices.events import admin as events_admin  # noqa: F401  (importing registers it)
from notices.frozen_text import frozen_text, without_links
from notices.grading import ServiceRule
from notices.inbound import admin as inbound_admin  # noqa: F401  (importing registers it)
from notices.ledger import payloads
from notices.models import Delivery, Evidence, Notice, Template, TemplateVersion
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
from notices.silence import admin as silence_admin  # noqa: F401  (importing registers it)


class DeliveryInline(ReadOnlyInline):
    model = Delivery
    fields = ("channel", "address", "state", "tries", "created_at", "settled_at", "provider", "reply")
    ordering = ("pk",)


class EvidenceInline(ReadOnlyInline):
    model = Evidence
    fields = ("kind", "source", "delivery", "occurred_at", "recorded_at", "test_shown")
    ordering = ("occurred_at", "pk")
    test_shown = yes_no("test")

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).select_related("delivery")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    number = numbered("N")
    list_display = (
        "number",
        "recipient",
        "kind",
        "verdict",
        "grade",
        "issued_at",
        "served_at",
        "deemed_shown",
    )
    list_filter = ("verdict", "kind")
    fields = (
        "reference",
        "recipient",
        "recipient_name",
        "kind",
        "verdict",
        "grade",
        "served_at",
        "rule",
        "deemed_shown",
        "deemed_due_at",
        "grading_version",
        "issued_at",
        "issued_by",
        "policy_version",
        "template_version",
        "language_asked",
        "language_used",
        "plan_shown",
        "subject",
        "text",
        "content_hash",
    )
    inlines = (DeliveryInline, EvidenceInline)
    search_help_text = "Notice id (N-12), the reference printed on it, or the recipient's external id."
    plan_shown = json_of("plan", "addresses still to try")
    deemed_shown = yes_no("deemed")

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).defer("content")

    def look_up(self, rows: Rows, term: str) -> Rows:
        pk = number("N", term) or tokens.read_reference(term)
        return rows.filter(recipient=term) if pk is None else rows.filter(pk=pk)

    @admin.display(description="reference")
    def reference(self, notice: Notice) -> str:
        return tokens.reference(notice.pk)

    @admin.display(description="service rule")
    def rule(self, notice: Notice) -> str:
        return str(ServiceRule.from_json(notice.service_rule))

    @admin.display(description="subject as sent")
    def subject(self, notice: Notice) -> str:
        return frozen_text(notice).subject

    @admin.display(description="text as sent")
    def text(self, notice: Notice) -> str:
        return as_text(without_links(frozen_text(notice).text))

    @admin.display(description="SHA-256 of the frozen bytes")
    def content_hash(self, notice: Notice) -> str:
        return bytes(notice.content_sha256).hex()


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    number = numbered("D")
    list_display = (
        "number",
        "notice",
        "channel",
        "address",
        "state",
        "tries",
        "due_at",
        "settled_at",
        "reply",
    )
    list_select_related = ("notice",)
    list_filter = ("state", "channel")
    fields = (
        "notice",
        "channel",
        "address",
        "chain",
        "position",
        "retry_of",
        "retry_reason",
        "created_at",
        "state",
        "due_at",
        "tries",
        "called_at",
        "settled_at",
        "provider",
        "provider_id",
        "reply_shown",
        "head_shown",
    )
    search_help_text = "Delivery (D-12) or notice id (N-12)."

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).defer("notice__content", "notice__plan")

    def look_up(self, rows: Rows, term: str) -> Rows:
        if (notice := number("N", term)) is not None:
            return rows.filter(notice=notice)
        return rows.filter(pk=number("D", term))

    @admin.display(description="reply")
    def reply_shown(self, delivery: Delivery) -> str:
        return as_text(delivery.reply)

    @admin.display(description="header lines, or text, of this recipient")
    def head_shown(self, delivery: Delivery) -> str:
        return as_text(without_links(bytes(delivery.head).decode(errors="replace")))


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin):
    number = numbered("E")
    list_display = (
        "number",
        "notice",
        "delivery",
        "kind",
        "source",
        "occurred_at",
        "recorded_at",
        "test_shown",
    )
    list_select_related = ("notice", "delivery")
    fields = (
        "notice",
        "delivery",
        "kind",
        "source",
        "occurred_at",
        "recorded_at",
        "test_shown",
        "payload_shown",
        "committed",
    )
    search_help_text = "Notice id (N-12) or evidence (E-12)."
    test_shown = yes_no("test")

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).defer("notice__content", "notice__plan", "delivery__head")

    def look_up(self, rows: Rows, term: str) -> Rows:
        if (notice := number("N", term)) is not None:
            return rows.filter(notice=notice)
        return rows.filter(pk=number("E", term))

    @admin.display(description="what the source said")
    def payload_shown(self, fact: Evidence) -> str:
        return as_json(json.loads(payloads.unpack(bytes(fact.payload.body)) or b"{}"))

    @admin.display(description="commitment to it")
    def committed(self, fact: Evidence) -> str:
        return bytes(fact.commitment).hex()


class VersionInline(ReadOnlyInline):
    model = TemplateVersion
    fields = ("language", "number", "subject", "created_at")
    ordering = ("language", "-number")

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).select_related("template")


@admin.register(Template)
class TemplateAdmin(ReadOnlyAdmin):
    list_display = ("slug", "kind")
    fields = ("slug", "kind")
    inlines = (VersionInline,)


@admin.register(TemplateVersion)
class TemplateVersionAdmin(ReadOnlyAdmin):
    list_display = ("template", "language", "number", "subject", "created_at")
    list_display_links = ("subject",)
    list_select_related = ("template",)
    list_filter = ("language", "template")
    fields = ("template", "language", "number", "subject", "body_shown", "created_at")

    @admin.display(description="body")
    def body_shown(self, version: TemplateVersion) -> str:
        return as_text(version.body)
