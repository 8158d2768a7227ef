"""The base of the plain admin: everything can be looked at, nothing changed, also when there are millions of rows.

State, evidence, history and notices never have a raw edit form; what changes them is a verb. Lists are ordered by
primary key, counted up to a limit, and searched by exact look-ups over indexes only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

if TYPE_CHECKING:  # these are generic for the type checker alone
    _ModelAdmin = admin.ModelAdmin[Any]
    _Inline = admin.TabularInline[Any, Any]
    _Paginator = Paginator[Any]
else:
    _ModelAdmin, _Inline, _Paginator = admin.ModelAdmin, admin.TabularInline, Paginator

Rows = QuerySet[Any]


class CappedPaginator(_Paginator):
    """Counts no further than `cap`: what lies deeper is found by search, not by leafing."""

    cap = 10_000

    @cached_property
    def _seen(self) -> int:
        rows = self.object_list
        return rows.order_by()[: self.cap + 1].count() if isinstance(rows, QuerySet) else len(rows)

    @property
    def count(self) -> int:
        return min(self._seen, self.cap)

    @property
    def capped(self) -> bool:
        """Whether there is more than the pages show."""
        return self._seen > self.cap


class NoChanges:
    """Neither add nor change nor delete, whatever permissions somebody was given."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(NoChanges, _ModelAdmin):
    """A list and a page of each row, to look at. Subclasses with `search_help_text` say in `look_up` what it finds."""

    actions: Any = None
    ordering = ("-pk",)
    sortable_by = ()  # an order that no index gives would sort millions of rows
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    change_list_template = "admin/readonly_list.html"
    change_form_template = "admin/readonly_form.html"

    def look_up(self, rows: Rows, term: str) -> Rows:
        """The rows that `term` names exactly."""
        return rows.none()

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["pk"] if self.search_help_text else []  # only so that the search box is there

    def get_search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        term = search_term.strip()
        return (self.look_up(queryset, term) if term else queryset), False


class ReadOnlyInline(NoChanges, _Inline):
    """Rows that belong to another, shown on its page."""

    extra = 0
    max_num = 0
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields or ()


def number(prefix: str, term: str) -> int | None:
    """The id in a number as people write it, such as C-1042 for the prefix C; None where it is none."""
    match = re.fullmatch(rf"{prefix}-(\d{{1,18}})", term, re.IGNORECASE)
    return int(match[1]) if match else None


def as_json(value: Any) -> SafeString:
    """A JSON value laid out for reading."""
    return format_html(
        '<pre class="read">{}</pre>', json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
    )


def as_text(value: str) -> SafeString:
    """A text with its line ends."""
    return format_html('<pre class="read">{}</pre>', value)


def json_of(field: str, description: str = "") -> Callable[..., SafeString]:
    """A read-only column that shows the JSON of `field` laid out for reading."""

    @admin.display(description=description or field.replace("_", " "))
    def shown(self: Any, row: Any) -> SafeString:
        return as_json(getattr(row, field))

    return shown


def yes_no(field: str) -> Callable[..., str]:
    """A column that says yes or no. Admin's own red cross for "no" would look like something wrong."""

    @admin.display(description=field.replace("_", " "))
    def shown(self: Any, row: Any) -> str:
        return "yes" if getattr(row, field) else "no"

    return shown


def numbered(prefix: str) -> Callable[..., str]:
    """A column with the number of a row as people write it."""

    @admin.display(description="number")
    def shown(self: Any, row: Any) -> str:
        return f"{prefix}-{row.pk}"

    return shown
