"""A provider's request as bytes, and as the Django request that Anymail's views read. No limit but the door's own.

Django's own limits on form fields are meant for what people type; a mail in a form field is larger.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from io import BytesIO
from typing import Any

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict

# The only headers that interpretation needs: Resend's id of the event.
KEPT_HEADERS = ("svix-id",)

_SMALL = 2_000  # octets, below which PostgreSQL keeps a row in one piece anyway


def read_limited(request: HttpRequest, limit: int) -> bytes | None:
    """The body, or None where it is longer than `limit` octets (of which no more is then read than one).

    Raises:
        OSError: the client went away in the middle of it.
    """
    try:
        said = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        said = 0
    if said > limit:
        return None
    body = request.read(limit + 1)
    return None if len(body) > limit else body


def give_body(request: HttpRequest, body: bytes, *, form: bool = True) -> None:
    """Let `request` have this body; `form`: also the fields of a multipart form, which take a while to read."""
    given: Any = request
    given._body = body
    given._read_started = True
    given._stream = BytesIO(body)
    if form and request.content_type == "multipart/form-data":
        given._post, given._files = _form(request, body)


def rebuild(content_type: str, headers: Mapping[str, str], body: bytes) -> HttpRequest:
    """The request again, as far as parsing looks at it."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(),
    }
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    request = WSGIRequest(environ)
    give_body(request, body)
    return request


def _form(request: HttpRequest, body: bytes) -> tuple[QueryDict, MultiValueDict[str, InMemoryUploadedFile]]:
    """Form fields and files of a multipart body (RFC 7578), by the standard library's reader of MIME."""
    head = f"Content-Type: {request.META.get('CONTENT_TYPE', '')}\r\n\r\n".encode("ascii", "replace")
    encoding = request.encoding or "utf-8"
    fields = QueryDict(mutable=True, encoding=encoding)
    files: MultiValueDict[str, InMemoryUploadedFile] = MultiValueDict()
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    for part in form.iter_parts() if form.is_multipart() else ():
        disposition = part["Content-Disposition"]
        name = disposition.params.get("name") if disposition else None
        if not name:
            continue
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        filename = part.get_filename()
        if filename is None:
            fields.appendlist(name, data.decode(encoding, "replace"))
        else:
            file = InMemoryUploadedFile(
                BytesIO(data), name, filename, part.get_content_type(), len(data), None
            )
            files.appendlist(name, file)
    return fields, files


def deflate(body: bytes) -> bytes:
    """As kept for the short time until interpretation: quick rather than small, and what is small as it is."""
    return b"\x00" + body if len(body) < _SMALL else zlib.compress(body, 1)


def inflate(body: bytes | memoryview) -> bytes:
    kept = bytes(body)
    return kept[1:] if kept[:1] == b"\x00" else zlib.decompress(kept)
