"""Delivery status notifications (RFC 3464), also internationalised ones (RFC 6533).

Action decides. The status class only explains it, since servers get the class wrong more often than the action; it
decides where a server wrote no action that is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from notices.inbound.reading.addresses import in_header, typed
from notices.inbound.reading.mime import HEADER_TYPES, MESSAGE_TYPES, Part, enclosed
from notices.inbound.reading.values import Finding, Ours, line
from notices.kinds import Kind

STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
MAX_REPORT = 40 << 20  # bytes of one delivery-status part: more than 100,000 recipients
MAX_BLOCKS = 150_000
MAX_FOR_ONE = 20  # recipients' blocks that become facts about one delivery

_ACTIONS = {
    "failed": Kind.BOUNCED,
    "failure": Kind.BOUNCED,
    "fail": Kind.BOUNCED,
    "expired": Kind.BOUNCED,  # this and the next three are not in the standard, but in the mail
    "error": Kind.BOUNCED,
    "bounced": Kind.BOUNCED,
    "undeliverable": Kind.BOUNCED,
    "delayed": Kind.DELAYED,
    "deferred": Kind.DELAYED,
    "delivered": Kind.DELIVERED,
    "relayed": Kind.RELAYED,
    "expanded": Kind.RELAYED,  # handed to a list's members: their server took it, no more is known (RFC 3464, 2.3.3)
}
_RECIPIENTS = (
    "original-recipient",
    "final-recipient",
    "x-actual-recipient",
    "x-orig-recipient",
    "x-original-recipient",
)
_ABOUT_ALL = ("reporting-mta", "arrival-date")
_KEPT = (
    "final-recipient",
    "original-recipient",
    "action",
    "status",
    "remote-mta",
    "diagnostic-code",
    "last-attempt-date",
    "will-retry-until",
)
_LINE = re.compile(r"([!-9;-~]{1,80})[ \t]*:[ \t]*(.*)", re.DOTALL)
_STATUS = re.compile(r"\b([245])\.\d{1,3}\.\d{1,3}\b")

_FIELDS_IN_TEXT = re.compile(
    r"^(?:reporting-mta|original-recipient|final-recipient|action):", re.IGNORECASE | re.MULTILINE
)
_ACTION_IN_TEXT = re.compile(r"^(?:final|original)-recipient:[^\n]*@", re.IGNORECASE | re.MULTILINE)

Block = dict[str, str]


def blocks(text: str) -> list[Block]:
    """The groups of fields in a delivery status: fields in lower case, the first of each name."""
    found: list[Block] = []
    for group in re.split(r"\n(?:[ \t]*\n)+", text):
        block: Block = {}
        name = ""
        for row in group.split("\n"):
            if row[:1] in (" ", "\t") and name:
                if len(block[name]) < 4000:
                    block[name] += f" {row.strip()}"
            elif match := _LINE.fullmatch(row.rstrip()):
                name = match[1].lower()
                if name in block and name in _RECIPIENTS and len(found) < MAX_BLOCKS:
                    found.append(block)  # the blank line between two recipients was forgotten
                    block = {}
                if name in block:
                    name = ""  # said twice: the first counts, and its continuation lines are not the other's
                else:
                    block[name] = match[2]
        if block:
            found.append(block)
        if len(found) > MAX_BLOCKS:
            break
    return found[:MAX_BLOCKS]


def _complete(block: Mapping[str, str]) -> bool:
    return "action" in block and any(name in block for name in _RECIPIENTS)


def is_about_a_recipient(block: Mapping[str, str]) -> bool:
    return any(name in block for name in (*_RECIPIENTS, "action"))


def read(parts: Iterable[Part], returned: Part | None, named: int | None, ours: Ours) -> list[Finding]:
    """What the delivery-status parts say; `returned` is the message that came back, `named` its delivery if known."""
    return read_text([part.text(MAX_REPORT) for part in parts], returned, named, ours)


def names_an_action(parts: Iterable[Part]) -> bool:
    return any("action" in block for part in parts for block in blocks(part.text()))


def in_words(text: str) -> str:
    """The fields of a delivery status that a server wrote into its text instead of a part of its own, or ""."""
    start = _FIELDS_IN_TEXT.search(text)
    return text[start.start() :] if start and _ACTION_IN_TEXT.search(text, start.start()) else ""


def read_text(texts: Iterable[str], returned: Part | None, named: int | None, ours: Ours) -> list[Finding]:
    """As `read()`, of the delivery status as text."""
    about: Block = {}
    told: list[Block] = []
    for text in texts:
        for block in blocks(text):
            if is_about_a_recipient(block):
                # Some servers leave out the blank line between what is about all and the first recipient, and some
                # put one between the fields of one recipient.
                if told and not (told[-1].keys() & block.keys()) and not _complete(told[-1]):
                    told[-1] |= block
                else:
                    told.append(block)
                about |= {
                    name: block[name] for name in ("original-envelope-id", *_ABOUT_ALL) if name in block
                }
            else:
                about |= {name: value for name, value in block.items() if name not in about}
    delivery = named
    if delivery is None:
        delivery = ours.by_envid(about.get("original-envelope-id", "").strip()[:200])
    return about_recipients(told, about, returned, delivery, ours)


def about_recipients(
    told: list[Block], about: Block, returned: Part | None, delivery: int | None, ours: Ours
) -> list[Finding]:
    candidates = [_candidates(block) for block in told]
    sent_to = in_header(returned.all("to")) if returned else []
    if delivery is not None:
        address = ours.address_of(delivery)
        mailed = frozenset((address,)) if address else frozenset()
    else:
        mailed = frozenset(ours.mailed({a for each in candidates for a in each}.union(sent_to)))
    findings = []
    for block, named in zip(told, candidates, strict=True):
        kind = meaning(block)
        if kind is None:
            continue
        recipient = next((a for a in named if a in mailed), "")
        if not recipient and len(told) == 1 and len(sent_to) == 1 and sent_to[0] in mailed:
            recipient = sent_to[0]  # forwarded, and named by where it went on to
        known = bool(recipient)
        detail = {name.replace("-", "_"): line(block[name]) for name in _KEPT if name in block}
        detail |= {name.replace("-", "_"): line(about[name]) for name in _ABOUT_ALL if name in about}
        findings.append(
            Finding(
                kind, recipient or (named[0] if named else ""), delivery, known, "delivery-status", detail
            )
        )
    return _for_one(findings) if delivery is not None else findings


def _for_one(findings: list[Finding]) -> list[Finding]:
    """What a report to the return path of one attempt says about it.

    Where it names the address of the attempt, what it says of other addresses is only noted: an attempt has one
    recipient, and a copy that this one sends on may fail without taking back that the notice arrived.
    """
    if any(f.mailed for f in findings):
        findings = [
            f if f.mailed else Finding(Kind.NOTED, f.recipient, f.delivery, False, f.how, f.detail)
            for f in findings
        ]
        findings.sort(key=lambda f: not f.mailed)
    return findings[:MAX_FOR_ONE]


def _candidates(block: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(a for name in _RECIPIENTS if name in block for a in typed(block[name][:2000])))


def meaning(block: Mapping[str, str]) -> Kind | None:
    """What a recipient's block says, or None where it cannot be told."""
    words = re.split(r"[^a-z]+", block.get("action", "").strip().lower(), maxsplit=1)
    kind = _ACTIONS.get(words[0])
    status = _STATUS.search(block.get("status", ""))
    if kind in (Kind.DELIVERED, Kind.RELAYED) and status and status[1] in "45":
        return None  # it says both that it arrived and that it did not
    if kind is not None:
        return kind
    if block.get("action", "").strip():
        return None
    if status is None:
        status = _STATUS.search(block.get("diagnostic-code", ""))
    if status and status[1] == "5":
        return Kind.BOUNCED
    return Kind.DELAYED if status and status[1] == "4" else None


def returned_message(parts: Iterable[Part]) -> Part | None:
    """The message that a report encloses, or its header lines."""
    for part in parts:
        if part.type in MESSAGE_TYPES or part.type in HEADER_TYPES:
            return enclosed(part)
    return None
