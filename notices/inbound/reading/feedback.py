"""Complaints and other reports of mailbox providers (ARF, RFC 5965; RFC 6591 for authentication failures)."""

from __future__ import annotations

import re

from notices.inbound.reading.addresses import in_header, in_text
from notices.inbound.reading.dsn import Block, blocks
from notices.inbound.reading.mime import Part
from notices.inbound.reading.report import Report
from notices.inbound.reading.values import Finding, Ours, line
from notices.kinds import Kind

FEEDBACK_TYPES = frozenset({"message/feedback-report", "text/feedback-report"})

# What a person did, or what a filter did and a person is spared: only these are complaints. Fraud (phishing) is said
# by a person who looked at it, as abuse is.
_COMPLAINTS = frozenset({"abuse", "fraud", "miscategorized", "opt-out", "opt-out-list"})
_KEPT = (
    "feedback-type",
    "user-agent",
    "version",
    "original-mail-from",
    "original-rcpt-to",
    "removal-recipient",
    "arrival-date",
    "received-date",
    "reporting-mta",
    "source-ip",
    "auth-failure",
    "delivery-result",
)
_RECIPIENT = re.compile(
    r"^(?:original-rcpt-to|removal-recipient|x-original-rcpt-to):([^\n]*)", re.IGNORECASE | re.MULTILINE
)
_REPORTERS = ("staff@hotmail.com", "scomp@aol.net", "abuse@aol.com", "feedbackloop@", "fbl@")
MAX_RECIPIENTS = 100


def read(part: Part, returned: Part | None, named: int | None, ours: Ours) -> list[Finding]:
    """What one feedback report says. Without a token of ours it may be about several recipients."""
    text = part.text()
    fields: Block = {}
    for block in blocks(text):
        fields = {**block, **fields}
    kind = fields.get("feedback-type", "").split("(")[0].strip().lower()
    if not kind:
        return []
    delivery = named
    if delivery is None:
        delivery = ours.by_envid(fields.get("original-envelope-id", "").strip()[:200])
    if delivery is None:
        paths = map(ours.by_return_path, in_text(fields.get("original-mail-from", "")[:2000]))
        delivery = next((path for path in paths if path is not None), None)
    detail = {name.replace("-", "_"): line(fields[name]) for name in _KEPT if name in fields}
    means = Kind.COMPLAINED if kind in _COMPLAINTS else Kind.NOTED
    told = [
        address for value in _RECIPIENT.findall(text)[:MAX_RECIPIENTS] for address in in_text(value[:2000])
    ]
    return [
        Finding(means, address, delivery, mailed, "feedback-report", detail)
        for address, mailed in _recipients(told, returned, delivery, ours)
    ]


def _recipients(
    told: list[str], returned: Part | None, delivery: int | None, ours: Ours
) -> list[tuple[str, bool]]:
    """Whose complaint it is, and whether we mailed them. Providers often black the address out."""
    if delivery is not None and (address := ours.address_of(delivery)):
        return [(address, True)]
    told = list(dict.fromkeys(told)) or (in_header(returned.all("to")) if returned else [])
    if delivery is not None:
        return [(told[0] if told else "", False)]
    mailed = ours.mailed(set(told))
    return [(address, True) for address in told if address in mailed] or [(told[0] if told else "", False)]


def loose(report: Report, named: int | None, ours: Ours) -> list[Finding]:
    """A complaint of a provider that reports in a form of its own: the message complained of, and little else."""
    author = report.message.get("from").lower()
    if report.returned is None or not any(name in author for name in _REPORTERS):
        return []
    told = in_text(report.returned.get("x-hmxmroriginalrecipient"))
    detail = {"from": line(author, 300), "said": line(report.words)}
    return [
        Finding(Kind.COMPLAINED, address, named, mailed, "complaint", detail)
        for address, mailed in _recipients(told, report.returned, named, ours)
    ]
