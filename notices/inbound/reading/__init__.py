"""What a mail that came to us says. Pure: bytes in, findings out; no clock, no database, no exception.

In this order: the delivery that its return path names (VERP); feedback reports (ARF); delivery status (DSN);
dispositions (MDN); filters that ask back; reports in words (flufl.bounce, then our own phrases), which count only for
an address that we mailed; automatic replies; persons' replies. What is none of these is left to a person.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace

from notices.inbound.reading import disposition, dsn, feedback, mime, plain, replies
from notices.inbound.reading.addresses import in_header, in_text
from notices.inbound.reading.mime import Part
from notices.inbound.reading.report import Report
from notices.inbound.reading.values import Finding, Known, Ours, Reading, line
from notices.kinds import Kind

__all__ = ["Finding", "Known", "Ours", "Reading", "envelope_delivery", "read"]

log = logging.getLogger(__name__)

# Where mail servers note the envelope's recipient (RFC 9228 and common practice).
_RECIPIENT_HEADERS = ("delivered-to", "x-original-to", "envelope-to", "to")
_TOKEN = re.compile(rb"[\w+]{0,8}[0-9a-z]{1,13}-[0-9a-f]{14}@[\w.-]{1,255}", re.IGNORECASE)
_LOOK_FOR_TOKENS = 512 << 10  # bytes
_ENVELOPE = 4096  # bytes, where mail servers note the recipient
_NOT_A_REPORT = (
    "Not a report that can be read, nor an answer to one of our messages: a person has to read it."
)


def read(raw: bytes, *, recipient: str = "", ours: Ours) -> Reading:
    """Read one message. Never raises: what cannot be read comes back with the trouble in words.

    Args:
        raw: the message as it came, any bytes.
        recipient: the address of the envelope that it came to, where the mail server tells it.
        ours: what is ours.
    """
    try:
        return _read(raw, recipient, ours)
    except (
        Exception
    ) as error:  # a message that breaks this must not stop the mail behind it; it is kept whole
        log.exception("A message of %d bytes could not be read", len(raw))
        return Reading(
            trouble=f"Reading it failed: {type(error).__name__}. It is kept whole; tell the developers."
        )


def _read(raw: bytes, recipient: str, ours: Ours) -> Reading:
    message = mime.parse(raw)
    path = by_return_path(message, recipient, ours)
    leaves = tuple(mime.leaves(message))
    findings, trouble = _findings(message, leaves, raw, path, ours)
    named = next((f.delivery for f in findings if f.delivery is not None), path)
    return Reading(
        findings=tuple(findings),
        delivery=named,
        trouble="" if findings else trouble,
        sender=line(message.get("from"), 300),
        subject=line(message.get("subject"), 300),
    )


def _findings(
    message: Part, leaves: tuple[Part, ...], raw: bytes, path: int | None, ours: Ours
) -> tuple[list[Finding], str]:
    by_type: dict[str, list[Part]] = {}
    for leaf in leaves:
        by_type.setdefault(leaf.type, []).append(leaf)

    def parts(types: frozenset[str]) -> list[Part]:
        return [part for kind in by_type if kind in types for part in by_type[kind]]

    returned = dsn.returned_message(leaves)
    named = path
    if complaint := parts(feedback.FEEDBACK_TYPES):
        named = path if path is not None else _by_token(raw, ours)
        return feedback.read(complaint[0], returned, named, ours), "A feedback report that names no type."
    trouble = _NOT_A_REPORT
    if status := parts(dsn.STATUS_TYPES):
        findings = dsn.read(status, returned, path, ours)
        if findings and path is None and findings[0].delivery is None:
            named = _by_token(raw, ours)
            findings = dsn.read(status, returned, named, ours) if named is not None else findings
        if findings:
            if len(findings) == 1 and findings[0].delivery is None and not findings[0].mailed:
                findings = [_by_words(findings[0], Report(message, leaves), ours)]
            return _unless_challenge(findings, message, leaves, named, ours), ""
        trouble = "A delivery status that names no action, or contradicts itself."
        if dsn.names_an_action(status):
            return [], trouble  # its words would only be another reading of what cannot be believed
    if told := parts(disposition.DISPOSITION_TYPES):
        return disposition.read(told[0], path, ours), "A disposition notification that names no disposition."
    report = Report(message, leaves)
    return _in_words(report, raw, path, ours), trouble


def _by_words(finding: Finding, report: Report, ours: Ours) -> Finding:
    """A status that names none whom we mailed, in a report whose words name exactly one: it was about that one."""
    mailed = ours.mailed(set(in_text(report.words)))
    return replace(finding, recipient=next(iter(mailed)), mailed=True) if len(mailed) == 1 else finding


def _unless_challenge(
    findings: list[Finding], message: Part, leaves: tuple[Part, ...], named: int | None, ours: Ours
) -> list[Finding]:
    """Filters that ask the sender back, and put that in the form of a failure (Boxbe does), have not refused it."""
    if not any(f.kind == Kind.BOUNCED and f.detail.get("status", "")[1:3] == ".7" for f in findings):
        return findings
    report = Report(message, leaves)
    asked = replies.is_challenge(report)
    return (replies.read_challenge(report, named, ours) or findings) if asked else findings


def _in_words(report: Report, raw: bytes, path: int | None, ours: Ours) -> list[Finding]:
    if replies.is_challenge(report) and not report.failed_recipients:
        return replies.read_challenge(report, path, ours)
    automatic = replies.is_automatic(report) and not (report.from_a_daemon or report.failed_recipients)
    if automatic:
        return replies.read_automatic(report, path, ours)
    if report.by_a_system:
        named = path if path is not None else _by_token(raw, ours)
        status = dsn.in_words(f"{report.words}\n{report.rest}")
        if status and (found := dsn.read_text([status], report.returned, named, ours)):
            return found
        if found := plain.read(report, raw, named, ours):
            return found
        return feedback.loose(report, named, ours)
    if found := feedback.loose(report, path if path is not None else _by_token(raw, ours), ours):
        return found
    return replies.read_person(report, path, ours) or plain.read_unsigned(report, ours)


def envelope_delivery(raw: bytes, recipient: str, ours: Ours) -> int | None:
    """The delivery that a message's envelope names: a quick look, before it is read, for many at a time."""
    if recipient and (delivery := ours.by_return_path(recipient)) is not None:
        return delivery
    for match in _TOKEN.finditer(raw[:_ENVELOPE]):
        if (delivery := ours.by_return_path(match[0].decode("utf-8", "replace"))) is not None:
            return delivery
    return None


def by_return_path(message: Part, recipient: str, ours: Ours) -> int | None:
    """The delivery whose return path the message came to (VERP)."""
    if recipient and (delivery := ours.by_return_path(recipient)) is not None:
        return delivery
    for name in _RECIPIENT_HEADERS:
        for address in in_header(message.all(name)[:20]):
            if (delivery := ours.by_return_path(address)) is not None:
                return delivery
    return None


def _by_token(raw: bytes, ours: Ours) -> int | None:
    """The delivery that a Message-ID or return path of ours names anywhere in a report: it gives our message back."""
    for match in _TOKEN.finditer(raw[:_LOOK_FOR_TOKENS]):
        token = match[0].decode("utf-8", "replace")
        delivery = ours.by_message_id(token)
        if delivery is None:
            delivery = ours.by_return_path(token)
        if delivery is not None:
            return delivery
    return None
