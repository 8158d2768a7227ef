"""Policies and ladders. They change through policies files (`manage.py load_policies`), as new versions."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from cases.models import Ladder, Policy, PolicyVersion, Rung
from notices.readonly import ReadOnlyAdmin, ReadOnlyInline, Rows, as_text, json_of


class VersionInline(ReadOnlyInline):
    model = PolicyVersion
    fields = ("number", "in_force_from")
    ordering = ("number",)

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).select_related("policy")


class LadderInline(ReadOnlyInline):
    model = Ladder
    fields = ("number", "created_at")
    ordering = ("number",)

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).select_related("policy")


class RungInline(ReadOnlyInline):
    model = Rung
    fields = ("position", "kind", "template", "window_days", "approvals", "on_deadline")
    ordering = ("position",)

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).select_related("template")


@admin.register(Policy)
class PolicyAdmin(ReadOnlyAdmin):
    list_display = ("slug", "title", "default_language")
    fields = ("slug", "default_language", "titles_shown")
    inlines = (VersionInline, LadderInline)
    titles_shown = json_of("titles")

    @admin.display(description="title")
    def title(self, policy: Policy) -> str:
        return str(policy.titles.get(policy.default_language, ""))


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "in_force_from")
    list_select_related = ("policy",)
    list_filter = ("policy",)
    fields = ("policy", "number", "in_force_from", "titles_shown", "texts_shown")
    titles_shown = json_of("titles")

    @admin.display(description="texts")
    def texts_shown(self, version: PolicyVersion) -> str:
        return as_text(
            "\n\n".join(f"[{language}]\n{text.strip()}" for language, text in version.texts.items())
        )


@admin.register(Ladder)
class LadderAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "created_at")
    list_select_related = ("policy",)
    list_filter = ("policy",)
    fields = ("policy", "number", "created_at")
    inlines = (RungInline,)


@admin.register(Rung)
class RungAdmin(ReadOnlyAdmin):
    list_display = ("ladder", "position", "kind", "template", "window_days", "approvals", "on_deadline")
    list_select_related = ("ladder__policy", "template")
    list_filter = ("kind",)
    fields = (
        "ladder",
        "position",
        "kind",
        "template",
        "window_days",
        "service_rule_shown",
        "channels_shown",
        "approvals",
        "on_deadline",
    )
    service_rule_shown = json_of("service_rule")
    channels_shown = json_of("channels")
