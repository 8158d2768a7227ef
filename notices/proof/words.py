"""The words of a summary, by language. What a bundle proves is said by `verify.py`, in its language, English."""

from __future__ import annotations

from collections.abc import Sequence

WORDS: dict[str, dict[str, str | Sequence[str]]] = {
    "en": {
        "title": "Proof of notice {number}",
        "made": "made {made}",
        "footer": "Summary of the proof bundle of {number}, made {made}. The bundle itself is what counts.",
        "weakest": "Weakest link:",
        "notice": "The notice",
        "to": "To",
        "account": "account {recipient}",
        "kind": "Kind",
        "issued": "Issued",
        "policy": "Policy",
        "language": "Language",
        "language_both": "{used} (asked for: {asked})",
        "rule": "Counts as served by",
        "sent_to": "Where it was sent",
        "nowhere": "There was no address to send it to.",
        "delivery_heads": ("Attempt", "Channel", "Address as used", "State", "Handed over (UTC)"),
        "erased": "(erased)",
        "text": "What was sent",
        "no_text": "The text was erased, so that it cannot be shown any more.",
        "text_note": (
            "The account holder's personal link is left out here. The exact bytes lie in the bundle; their SHA-256:"
        ),
        "boxes": "Letters for which the machine that made this summary has no font show as empty boxes here.",
        "facts": "What happened",
        "no_facts": "Nothing has been recorded about this notice yet.",
        "fact_heads": ("When (UTC)", "Fact", "What, and who says so", "Grade"),
        "source": "{source}, {where}recorded {recorded}, ledger entry {index}",
        "on": "on {delivery}, ",
        "stamped": ", time-stamped {at}",
        "facts_note": (
            "Grades: 1 handed over, 2 taken by the recipient's server, 3 reached the mailbox, 4 a person most likely "
            "saw it, 5 shown to the signed-in holder, 6 acknowledged. 0 counts for nothing, or a bounce defeated it."
        ),
        "proven": "What is proven",
        "not_proven": "What is not proven",
        "check": "How to check it",
        "log": "Ledger",
        "checkpoint": "Checkpoint",
        "entries": "{size} entries",
        "root": "Root",
        "key": "Key",
        "stamp": "Time-stamp",
        "no_stamp": "none",
        "how": "This summary is for reading. The proof is the bundle that it lies in, and needs no trust in its maker:",
        "steps": (
            "Compare the key above with the one that the platform publishes for its ledger.",
            "Take the bundle (the ZIP file) as it was handed out, not unpacked and packed again.",
            "On any computer with Python and the package cryptography, offline: python verify.py FILE.zip --key KEY.",
            "verify.py lies in the bundle. To rely on nothing in it, take it from the published source, or read it.",
            "It says ACCEPTED and lists what holds; or REJECTED, and which file fails.",
        ),
    },
}
