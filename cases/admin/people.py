"""Staff, and the accounts with their addresses."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from cases.answers import find
from cases.models import Account, Case, ContactPoint, User
from notices.readonly import ReadOnlyAdmin, ReadOnlyInline, Rows

# Roles are groups, and come with their permissions; until then superusers give permissions to persons.
admin.site.unregister(Group)


def accounts_named(term: str) -> list[int]:
    """The ids of the accounts that a search term names, as the question page understands it."""
    return [account.pk for account in find(term).accounts]


@admin.register(User)
class StaffAdmin(UserAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    """Only superusers see and change staff. Who has ever signed in is deactivated, not deleted: history names them."""

    list_display = ("username", "email", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    actions = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return self._is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return self._is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return self._is_superuser(request) and (obj is None or obj.last_login is None)

    @staticmethod
    def _is_superuser(request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


class ContactPointInline(ReadOnlyInline):
    model = ContactPoint
    fields = ("channel", "address", "rank", "source", "verified_at", "valid_from", "valid_to")
    ordering = ("channel", "rank", "valid_from")


class CaseInline(ReadOnlyInline):
    model = Case
    fields = ("policy", "state", "resolution", "opened_at")
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).select_related("policy")


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ("external_id", "display_name", "language", "timezone", "described_at")
    fields = ("external_id", "display_name", "language", "timezone", "described_at", "created_at")
    inlines = (ContactPointInline, CaseInline)
    search_help_text = "External id, or an e-mail address that the account has or had."

    def look_up(self, rows: Rows, term: str) -> Rows:
        return rows.filter(pk__in=accounts_named(term))


@admin.register(ContactPoint)
class ContactPointAdmin(ReadOnlyAdmin):
    list_display = ("address", "account", "channel", "rank", "source", "valid_from", "valid_to")
    list_select_related = ("account",)
    fields = (
        "account",
        "channel",
        "address",
        "canonical",
        "rank",
        "source",
        "verified_at",
        "valid_from",
        "valid_to",
    )
    search_help_text = "E-mail address, or the external id of an account."

    def look_up(self, rows: Rows, term: str) -> Rows:
        return rows.filter(account__in=accounts_named(term))
