"""Letters, the batches in which they went to a print shop, and the carriers' reports that told nothing.

Who prints letters holds in their hands what each account holder reads, links included: that takes a permission of its
own, for making a batch as for downloading one.
"""

from __future__ import annotations

import tempfile
from typing import IO, Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from notices.channels.post.batches import LIMIT, make_batch, queued, write_archive
from notices.channels.post.tracking import COLUMNS, TrackingFileError, import_tracking
from notices.models import Letter, LetterBatch, TrackingReject
from notices.models.letters import read_letter_number
from notices.readonly import ReadOnlyAdmin, Rows, as_text, number, numbered

_LARGEST = 20_000_000  # bytes of a tracking file
_SHOWN = 20


class TrackingForm(forms.Form):
    file = forms.FileField(
        label="Carriers' reports",
        help_text=f"A CSV file with the columns {', '.join(COLUMNS)}. Importing a file again changes nothing.",
    )


@admin.register(LetterBatch)
class LetterBatchAdmin(ReadOnlyAdmin):
    number = numbered("B")
    list_display = ("number", "created_at", "created_by", "count", "archive")
    fields = ("created_at", "created_by", "count", "archive")
    search_help_text = "Batch (B-12)."
    change_list_template = "admin/notices/letterbatch/list.html"

    def look_up(self, rows: Rows, term: str) -> Rows:
        return rows.filter(pk=number("B", term))

    @admin.display(description="archive")
    def archive(self, batch: LetterBatch) -> SafeString:
        return format_html(
            '<a href="{}">{}.zip</a>', reverse("admin:notices_letterbatch_archive", args=[batch.pk]), batch
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("make/", view(require_POST(self.make)), name="notices_letterbatch_make"),
            path("tracking/", view(require_POST(self.tracking)), name="notices_letterbatch_tracking"),
            path("<int:pk>/archive/", view(require_safe(self.download)), name="notices_letterbatch_archive"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may = _may_print(request)
        extra = {"may_print": may, "queued": queued() if may else 0, "limit": LIMIT, "form": TrackingForm()}
        return super().changelist_view(request, {**(extra_context or {}), **extra})

    def make(self, request: HttpRequest) -> HttpResponse:
        """Hand the queued letters over; the archive is then a link in the list."""
        _needs_permission(request)
        batch = make_batch(actor=f"user:{request.user.get_username()}", now=timezone.now())
        if batch is None:
            messages.warning(request, "No letter is waiting to be printed.")
        else:
            messages.success(
                request, f"Batch {batch} is handed over, letters: {batch.count}. Download its archive below."
            )
        return _list()

    def tracking(self, request: HttpRequest) -> HttpResponse:
        """Import a file of carriers' reports."""
        _needs_permission(request)
        form = TrackingForm(request.POST, request.FILES)
        file = form.cleaned_data["file"] if form.is_valid() else None
        if file is None:
            messages.error(request, "Choose a file that is not empty.")
        elif file.size > _LARGEST:
            messages.error(
                request, f"The file is larger than {_LARGEST // 1_000_000} MB: use import_tracking."
            )
        else:
            _import(request, file.read(), file.name)
        return _list()

    def download(self, request: HttpRequest, pk: int) -> FileResponse:
        _needs_permission(request)
        batch = get_object_or_404(LetterBatch, pk=pk)
        out = tempfile.TemporaryFile()  # noqa: SIM115  (the response closes it once it is sent)
        write_archive(batch, cast(IO[bytes], out))
        out.seek(0)
        return FileResponse(out, as_attachment=True, filename=f"{batch}.zip", content_type="application/zip")


def _import(request: HttpRequest, data: bytes, name: str) -> None:
    try:
        report = import_tracking(data, file=name, now=timezone.now())
    except TrackingFileError as error:
        messages.error(request, f"Not imported: {name}. {error}")
        return
    messages.success(request, f"Imported {name}: {report.recorded} recorded, {report.known} known already.")
    for line, reason in report.rejected[:_SHOWN]:
        messages.error(request, f"Line {line} of {name}: {reason}.")
    if len(report.rejected) > _SHOWN:
        messages.error(
            request, f"... and {len(report.rejected) - _SHOWN} more; all are kept as tracking rejects."
        )


def _may_print(request: HttpRequest) -> bool:
    return request.user.has_perm("notices.print_letters")


def _needs_permission(request: HttpRequest) -> None:
    if not _may_print(request):
        raise PermissionDenied


def _list() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:notices_letterbatch_changelist"))


@admin.register(Letter)
class LetterAdmin(ReadOnlyAdmin):
    """The letters' data. Their text is the notice's; the PDF, which holds its link, comes only with a batch."""

    list_display = (
        "number",
        "delivery",
        "pages",
        "state",
        "batch",
        "place",
        "carrier",
        "tracking_number",
        "created_at",
    )
    list_select_related = ("delivery", "batch")
    list_filter = (("batch", admin.EmptyFieldListFilter),)
    fields = (
        "number",
        "delivery",
        "pages",
        "hash",
        "state",
        "batch",
        "place",
        "carrier",
        "tracking_number",
        "created_at",
    )
    search_help_text = "Letter (L-…), delivery (D-12), batch (B-12) or tracking number."

    def get_queryset(self, request: HttpRequest) -> Rows:
        return super().get_queryset(request).defer("pdf", "delivery__head")

    def look_up(self, rows: Rows, term: str) -> Rows:
        if (batch := number("B", term)) is not None:
            return rows.filter(batch=batch)
        pk = read_letter_number(term) or number("D", term)
        return rows.filter(tracking_number=term.strip().upper()) if pk is None else rows.filter(pk=pk)

    @admin.display(description="SHA-256 of the PDF")
    def hash(self, letter: Letter) -> str:
        return bytes(letter.sha256).hex()


@admin.register(TrackingReject)
class TrackingRejectAdmin(ReadOnlyAdmin):
    list_display = ("file", "line", "reason", "rejected_at")
    fields = ("file", "line", "reason", "rejected_at", "row_shown")

    @admin.display(description="row as it stood in the file")
    def row_shown(self, reject: TrackingReject) -> str:
        return as_text(reject.row)
