"""What the reports of one mail server have in common, learnt from the first few, so that the others take little room.

A form is kept for good (messages are packed against it), so it must hold nothing personal: it is one report with every
word blotted out that does not stand in the others too, or that stands in the address or name of one who was written to.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

from notices.models import ContentDictionary, ReportForm

ENOUGH = 4  # reports to different addresses, of which a form is made
MOST = 1000  # forms; later servers do without
_SERVERS = 50  # whose reports are remembered until there are enough
_LONGEST = 32_768  # bytes of a report that is learnt from
_FORM = 16_384  # bytes

_REPORTING = re.compile(
    rb"^Reporting-MTA:[ \t]*(?:dns|x-local-hostname)[ \t]*;[ \t]*([!-~]{1,200})", re.I | re.M
)
_WORDS = re.compile(rb"[0-9A-Za-z\x80-\xff]+")
_FRAME = {b"To", b"utf", b"8", b"q", b"b"}  # words of a header line and of its encoding (RFC 2047)


@dataclass(frozen=True, slots=True)
class Report:
    """A report that became evidence: as it came, the address that was written to, the header of what was sent there."""

    raw: bytes
    address: str
    header: bytes


_remembered: OrderedDict[str, dict[str, Report]] = OrderedDict()
_lock = threading.Lock()


def server(raw: bytes) -> str:
    """The server that says that it wrote a report, in lower case; "" where none does."""
    found = _REPORTING.search(raw, 0, _LONGEST)
    return found[1].decode("ascii").lower() if found else ""


def known(servers: Collection[str]) -> dict[str, int]:
    """The dictionary of each server's form, where it has one; one query."""
    if not servers:
        return {}
    rows = ReportForm.objects.filter(server__in=servers)
    return dict(rows.values_list("server", "dictionary_id"))


def learn(name: str, report: Report) -> int:
    """Remember a report of a server without a form; with enough of them make it one. Returns its dictionary, or 0.

    What is remembered is this process's and small. Call it inside a transaction, for servers in one order (of names):
    two processes that make a form of one server wait for each other.
    """
    enough = _remember(name, report)
    if not enough or ReportForm.objects.count() >= MOST:
        return 0
    data = common(enough)
    dictionary, _ = ContentDictionary.objects.get_or_create(
        sha256=hashlib.sha256(data).digest(), defaults={"data": data}
    )
    form, _ = ReportForm.objects.get_or_create(server=name, defaults={"dictionary": dictionary})
    return form.dictionary_id


def _remember(name: str, report: Report) -> list[Report]:
    if len(report.raw) > _LONGEST or not report.address:
        return []
    with _lock:
        of_server = _remembered.setdefault(name, {})
        _remembered.move_to_end(name)
        of_server[report.address.lower()] = report
        if len(of_server) >= ENOUGH:
            return list(_remembered.pop(name).values())
        if len(_remembered) > _SERVERS:
            _remembered.popitem(last=False)
    return []


def common(reports: list[Report]) -> bytes:
    """The first of some reports, with noughts for the words that are not in all of them, or that name a recipient.

    As many as the word had letters: what stands between changing words is then found at the distance of the last find,
    which zstd writes shortest.
    """
    first, *others = reports
    shared = set.intersection(*(set(_WORDS.findall(other.raw)) for other in others))
    for report in reports:
        # A header begins with To and Message-ID; what is in them is that one recipient's.
        to = report.header.partition(b"\r\nMessage-ID:")[0]
        name, _, domain = report.address.rpartition("@")
        # A domain that is in all of them names nobody.
        shared -= (
            set(_WORDS.findall(to + b" " + name.encode())) - set(_WORDS.findall(domain.encode())) - _FRAME
        )
    return _WORDS.sub(lambda word: word[0] if word[0] in shared else b"0" * len(word[0]), first.raw)[:_FORM]
