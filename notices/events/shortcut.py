"""The short way to the door of the webhooks: past sessions, languages and sign-in, which providers have none of.

These cost more than taking a request in. What protects the site stays before it (HTTPS, in SecurityMiddleware) or is
done here (the Host header).
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import resolve

PREFIX = "/hooks/"


class Shortcut:
    """Middleware: answers what begins with /hooks/ itself, and hands everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        request.get_host()  # refuses hosts that are not ours (DisallowedHost, answered with 400)
        match = resolve(request.path_info, "notices.events.urls")
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return response
