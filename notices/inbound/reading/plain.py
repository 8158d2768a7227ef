"""Reports in words: what flufl.bounce finds, and our own look at phrases where it finds nothing.

Conservative: a mail system wrote it, it says that something failed (or is late), and it names an address that we
mailed or came to the return path of one attempt. Where it says both, that it failed and that it arrived, it is left
to a person.
"""

from __future__ import annotations

import re

from notices.inbound.reading import foreign
from notices.inbound.reading.addresses import in_header, in_text
from notices.inbound.reading.phrases import (
    ARRIVED_ANYWAY,
    DELAY_SUBJECT,
    FAILED,
    REFUSAL,
    STILL_TRYING,
    STOPPED,
    folded,
)
from notices.inbound.reading.report import Report
from notices.inbound.reading.values import Finding, Ours, line
from notices.kinds import Kind

MAX_RECIPIENTS = 100
_ANSWER = re.compile(
    r"(?:re|fwd?|aw|wg|sv|vs|tr|rv|antw|odp|ynt|回复|答复|转发)(?:\[\d+\])?\s*[:：]", re.IGNORECASE
)
# An address at the head of a line is what the line is about: `<ana@mail.example>: host ... said: 550 ...`
_HEADED = re.compile(
    r"^[ \t*-]*(?:[45]\d\d[ -])?<?(\S{1,64}@[^\s<>:,;()]{3,255}?)>?(?:\.\.\.|:|,|;|\.?[ \t]*$|[ \t]+[(\[])",
    re.MULTILINE,
)
_MESSAGE_ID = re.compile(r"message-id:[ \t]*(<[^<>\n]{3,300}>)", re.IGNORECASE)


def read(report: Report, raw: bytes, named: int | None, ours: Ours) -> list[Finding]:
    """What a report without a delivery status says; nothing where it cannot be told."""
    if not report.by_a_system:
        return []
    late, dead = foreign.failures(raw)
    kind = _meaning(report, late=bool(late), dead=bool(dead))
    if kind is None:
        return []
    how = "flufl" if late or dead else "phrases"
    detail = {"said": line(report.words), "subject": line(report.message.get("subject"), 300)}
    if named is not None:
        address = ours.address_of(named)
        return [Finding(kind, address, named, bool(address), how, detail)]
    recipients = _recipients(report, [*dead, *late], ours)
    found = []
    for recipient in recipients[:MAX_RECIPIENTS]:
        each = kind
        if late and dead and recipient in late and recipient not in dead:
            each = Kind.DELAYED
        elif late and dead and recipient in dead:
            each = Kind.BOUNCED
        found.append(Finding(each, recipient, None, True, how, detail))
    return found


def read_unsigned(report: Report, ours: Ours) -> list[Finding]:
    """A report whose author does not look like a mail system: a gateway that writes under a name of its own.

    Its subject has to be a report's and no answer's, and its own words have to name the address beside the failure.
    """
    message = report.message
    if not report.report_subject or _ANSWER.match(report.subject) or message.has("in-reply-to"):
        return []
    kind = _meaning(report, late=False, dead=False) if FAILED.search(report.folded) else None
    named = set(in_text(report.words))
    mailed = ours.mailed(named)
    if kind is None or not mailed or set(mailed) & set(report.senders) or len(mailed) == len(named) > 1:
        return []
    detail = {"said": line(report.words), "subject": line(message.get("subject"), 300)}
    return [Finding(kind, a, None, True, "phrases", detail) for a in sorted(mailed)[:MAX_RECIPIENTS]]


def _meaning(report: Report, *, late: bool, dead: bool) -> Kind | None:
    text = f"{report.folded} {report.subject}" if report.from_a_daemon else report.folded
    if not FAILED.search(text) and not REFUSAL.search(text) and not late and not dead:
        text = folded(report.words + "\n" + report.rest[:8000])
    if ARRIVED_ANYWAY.search(text):
        return None
    stopped = bool(STOPPED.search(text))
    trying = bool(STILL_TRYING.search(text))
    if trying and not stopped:
        return Kind.DELAYED
    if late and not dead and not stopped:
        return Kind.DELAYED
    if trying and DELAY_SUBJECT.search(report.subject):
        return Kind.DELAYED
    if dead or FAILED.search(text) or REFUSAL.search(text):
        return Kind.BOUNCED
    return None


def _message_ids(report: Report) -> list[str]:
    return in_text(" ".join(_MESSAGE_ID.findall(f"{report.words}\n{report.rest[:20_000]}")))


def _recipients(report: Report, foreign_finds: list[str], ours: Ours) -> list[str]:
    """The addresses that the report is about: the first place in it that names some that we mailed."""
    to = in_header(report.returned.all("to")) if report.returned else []
    words = in_text(report.words)
    places = [
        report.failed_recipients,
        foreign_finds,
        in_text("\n".join(_HEADED.findall(report.words))),
        [a for a in words if a in to],
        words,
        in_text(report.message.get("subject")),
        to if len(to) == 1 else [],
        in_text(report.rest[:20_000]),
    ]
    named = {address for place in places for address in place}
    mailed = frozenset(ours.mailed(named))
    # Never those whom the report itself went to or came from, nor what only looks like an address.
    mailed = mailed.difference(report.receivers, report.senders, _message_ids(report)) or mailed
    if 0 < len(mailed) < len(named):
        places.pop(3)  # who was mailed tells enough
    for place in places:
        if found := [address for address in place if address in mailed]:
            return list(dict.fromkeys(found))
    return []
