"""Some account holders read their notices: over HTTP, through the links in their messages, as people do."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from django.conf import settings

from notices import tokens
from notices.models import Notice

READERS = 300
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def a_link() -> str:
    """The link of a notice whose holder has not read it yet, for the person at the demo."""
    notice = Notice.objects.filter(grade__gte=2, grade__lte=3).order_by(
        "pk"
    ).first() or Notice.objects.earliest("pk")
    return tokens.link(notice.pk)


def an_account() -> str:
    """The external id of an account that was warned."""
    return Notice.objects.earliest("pk").recipient


def read_their_notices(bars: Any) -> None:
    """Every thirtieth account or so opens its notice; two of three of these acknowledge it."""
    reached = Notice.objects.filter(grade__gte=1).order_by("pk")
    ids = list(reached.values_list("pk", flat=True))
    chosen = ids[:: max(1, len(ids) // READERS)]
    bar = bars.add_task("holders reading their notices", total=len(chosen), note="")
    with ThreadPoolExecutor(max_workers=4) as people:
        for _ in people.map(_read, chosen):
            bars.advance(bar)


def _read(notice_id: int) -> None:
    person = build_opener(HTTPCookieProcessor(CookieJar()))
    base = settings.BASE_URL

    def get(path: str) -> str:
        with person.open(f"{base}{path}", timeout=20) as page:
            return str(page.read().decode())

    def press(path: str, page: str) -> str:
        found = _TOKEN.search(page)
        if not found:
            raise URLError(f"no form on the page before {path}")
        data = urlencode({"csrfmiddlewaretoken": found[1]}).encode()
        with person.open(f"{base}{path}", data=data, timeout=20) as answer:
            return str(answer.read().decode())

    link = tokens.link(notice_id).removeprefix(base)
    inbox = press(link, get(link))
    page = press(f"/my/{notice_id}/read", inbox)
    if notice_id % 3:
        press(f"/my/{notice_id}/acknowledge", page)
