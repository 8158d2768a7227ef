"""The ledger for the world: a page for people, and the files of a tiled log (C2SP tlog-tiles) for programs.

Nothing here asks who is there: no session, no cookie, no sign-in. What is personal is not in the ledger.
"""

from __future__ import annotations

import re

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from notices.ledger import keys
from notices.ledger.leaves import leaf
from notices.ledger.rows import evidence_rows
from notices.ledger.sealing import latest_checkpoint
from notices.ledger.tiles import HASH, read_path
from notices.ledger.told import told
from notices.models import SealQueue
from notices.pages import page

_YEAR = 31_536_000
_forever = cache_control(public=True, max_age=_YEAR, immutable=True)


@require_safe
def ledger(request: HttpRequest) -> HttpResponse:
    """The current head, whose signature to expect under it, and how to check everything."""
    now, checkpoint = timezone.now(), latest_checkpoint()
    context = {
        "checkpoint": checkpoint,
        "waiting": SealQueue.objects.exists(),
        "vkeys": keys.verifier_keys(),
        "origin": settings.LEDGER_ORIGIN,
        "prefix": f"{settings.BASE_URL}/ledger",
        "told": told(),
        "now": now,
    }
    return page(request, "notices/ledger.html", context)


@require_safe
@cache_control(public=True, max_age=5)
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The latest checkpoint as a signed note. 404 as long as nothing was sealed."""
    found = latest_checkpoint()
    if found is None:
        return HttpResponse("Nothing was sealed yet.\n", status=404, content_type="text/plain; charset=utf-8")
    return HttpResponse(found.note, content_type="text/plain; charset=utf-8")


@require_safe
@_forever
def tile(request: HttpRequest, level: str, path: str) -> HttpResponse:
    """The hashes of a tile, or the first of them where the path ends in .p/W. 404 for what the tree has not."""
    if not re.fullmatch(r"[0-9]|[1-5][0-9]|6[0-3]", level):
        raise Http404
    number, width = _asked(path)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substr(hashes, 1, %s) FROM notices_tile "
            "WHERE level = %s AND number = %s AND octet_length(hashes) >= %s",
            [width * HASH, int(level), number, width * HASH],
        )
        row = cursor.fetchone()
    if row is None:
        raise Http404
    return HttpResponse(bytes(row[0]), content_type="application/octet-stream")


@require_safe
@gzip_page
@_forever
def entries(request: HttpRequest, path: str) -> HttpResponse:
    """The leaves of a tile of level 0, each after its length in two bytes."""
    number, width = _asked(path)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ids[1:%s] FROM notices_tile WHERE level = 0 AND number = %s AND cardinality(ids) >= %s",
            [width, number, width],
        )
        row = cursor.fetchone()
    if row is None:
        raise Http404
    leaves = {row[0]: leaf(row) for row in evidence_rows(row[0])}
    bundle = (leaves[pk] for pk in row[0])
    return HttpResponse(
        b"".join(len(one).to_bytes(2, "big") + one for one in bundle), content_type="application/octet-stream"
    )


def _asked(path: str) -> tuple[int, int]:
    """Number and width of the tile that a path names. Raises Http404."""
    found = read_path(path)
    if found is None or found[0] >= 2**55:  # beyond what any tree has, and what PostgreSQL counts to
        raise Http404
    return found
