"""The account holder's pages: the link in a notice, the inbox, a notice, and "I have read this".

GET and HEAD write nothing, whoever fetches: mail proxies and link scanners follow every link. What counts as
evidence takes a button, that is, a POST with a token that only the page before it knew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from notices import holder, reading, tokens
from notices.frozen_text import frozen_text
from notices.holder import Holder
from notices.models import Notice
from notices.pages import page

P = ParamSpec("P")


@cache_control(no_store=True)
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """The link in a notice. GET tells only that there is a notice; the button opens the inbox for an hour."""
    notice_id = tokens.read_link(token)
    if notice_id is None:
        raise Http404
    notice = get_object_or_404(Notice.objects.only("recipient", "issued_at"), pk=notice_id)
    now = timezone.now()
    erased = notice.recipient == f"erased-{notice.pk}"  # nobody can be shown this text any more
    if erased or now >= notice.issued_at + timedelta(days=settings.NOTICE_LINK_DAYS):
        return page(request, "notices/link_expired.html", {}, status=410)
    if request.method != "POST":
        return page(request, "notices/link.html", {})
    if request.user.is_authenticated:
        return page(request, "notices/link.html", {}, status=403)
    holder.open_session(request, notice.recipient, at=now)
    return redirect("notices:inbox")


def for_holder(
    view: Callable[Concatenate[HttpRequest, Holder, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Only within the account holder's session; anyone else is told how to open one."""

    @cache_control(no_store=True)
    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        who = holder.holder(request, at=timezone.now())
        if who is None:
            return page(request, "notices/no_session.html", {}, status=403)
        return view(request, who, *args, **kwargs)

    return guarded


@require_safe
@for_holder
def inbox(request: HttpRequest, who: Holder) -> HttpResponse:
    """Every notice to this account holder, newest first."""
    return page(request, "notices/inbox.html", {"listed": holder.inbox(who.recipient)})


@require_POST
@for_holder
def read(request: HttpRequest, who: Holder, notice_id: int) -> HttpResponse:
    """Record that this session is shown the notice, once, and show it."""
    notice = _own(who, notice_id)
    if notice.pk not in who.shown:
        reading.shown(notice, session=who.session, at=timezone.now())
        holder.remember_shown(request, notice.pk)
    return redirect("notices:notice", notice_id=notice.pk)


@require_safe
@for_holder
def notice(request: HttpRequest, who: Holder, notice_id: int) -> HttpResponse:
    """The frozen text of a notice that this session was recorded as being shown."""
    found = _own(who, notice_id)
    if found.pk not in who.shown:
        return redirect("notices:inbox")
    context = {
        "notice": found,
        "text": frozen_text(found),
        "reference": tokens.reference(found.pk),
        "acknowledged_at": holder.acknowledgements([found]).get(found.pk),
    }
    return page(request, "notices/notice.html", context)


@require_POST
@for_holder
def acknowledge(request: HttpRequest, who: Holder, notice_id: int) -> HttpResponse:
    """Record that the holder says: I have read this. Only of a text that this session was shown."""
    found = _own(who, notice_id)
    if found.pk not in who.shown:
        return redirect("notices:inbox")
    reading.acknowledged(found, session=who.session, at=timezone.now())
    return redirect("notices:notice", notice_id=found.pk)


@require_POST
@cache_control(no_store=True)
def leave(request: HttpRequest) -> HttpResponse:
    """End the account holder's session. A member of staff's own sign-in is none of this view's business."""
    if not request.user.is_authenticated:
        holder.close_session(request)
    return redirect("notices:left")


@require_safe
def left(request: HttpRequest) -> HttpResponse:
    return page(request, "notices/left.html", {})


def _own(who: Holder, notice_id: int) -> Notice:
    return get_object_or_404(Notice, pk=notice_id, recipient=who.recipient)
