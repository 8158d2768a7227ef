"""Pages: rendered in the language that their words are in, and kept by no browser or proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import pgettext


def page_language() -> str:
    """The tag of the language in which our own words appear to this visitor.

    Django has catalogues of its own for many languages; ours may lack them. A page whose sentences are English says
    so, and writes its dates in English, whatever the browser asked for. A catalogue translates the tag itself.
    """
    return pgettext("tag of this page's language", "en")


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page about people: in one language throughout, never stored on the way."""
    with translation.override(page_language()):
        response = render(request, template, {"platform": settings.NOTICE_PLATFORM, **context}, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response
