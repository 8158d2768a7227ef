"""What mail programs report about what became of a message in the mailbox (MDN, RFC 8098)."""

from __future__ import annotations

from notices.inbound.reading.addresses import typed
from notices.inbound.reading.dsn import Block, blocks
from notices.inbound.reading.mime import Part
from notices.inbound.reading.values import Finding, Ours, line
from notices.kinds import Kind

DISPOSITION_TYPES = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
_KEPT = (
    "reporting-ua",
    "final-recipient",
    "original-recipient",
    "original-message-id",
    "disposition",
    "error",
    "failure",
)


def read(part: Part, named: int | None, ours: Ours) -> list[Finding]:
    """What one disposition notification says.

    `displayed` counts only where it names our Message-ID, which nobody knows who did not have the message; all other
    dispositions (deleted unseen, denied, processed by a rule) are noted.
    """
    fields: Block = {}
    for block in blocks(part.text()):
        fields = {**block, **fields}
    if "disposition" not in fields:
        return []
    message = ours.by_message_id(fields.get("original-message-id", "").strip()[:400])
    delivery = named if named is not None else message
    told = [
        a for name in ("original-recipient", "final-recipient") for a in typed(fields.get(name, "")[:2000])
    ]
    mailed = {ours.address_of(delivery)} if delivery is not None else set(ours.mailed(told))
    recipient = next((address for address in told if address in mailed), "")
    kind, _, modifier = fields["disposition"].rpartition(";")[2].strip().lower().partition("/")
    displayed = kind.strip() == "displayed" and not modifier.strip().startswith(("error", "warning"))
    detail = {name.replace("-", "_"): line(fields[name]) for name in _KEPT if name in fields}
    means = Kind.DISPLAYED if displayed and message is not None else Kind.NOTED
    return [
        Finding(
            means, recipient or (told[0] if told else ""), delivery, bool(recipient), "disposition", detail
        )
    ]
