"""Bounces that follow no standard, as the library flufl.bounce (GNU Mailman's) knows them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from email import message_from_bytes, policy

from flufl.bounce import all_failures

from notices.inbound.reading.addresses import in_text

# It goes over each line some twenty times; servers say what they have to say at the beginning.
LOOK_AT = 64 << 10  # bytes
MAX_LINES = 2000
MAX_LINE = 1000  # bytes

# It tells each of its steps, and the traceback of each detector that a message broke.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)


def failures(raw: bytes) -> tuple[list[str], list[str]]:
    """The addresses that failed for now, and those that failed for good, in compared form.

    The library looks at every word of a message that may be anybody's: who calls this must compare the addresses
    with those that were mailed, and see that a mail system wrote the message.
    """
    clipped = b"\n".join(row[:MAX_LINE] for row in raw[:LOOK_AT].splitlines()[:MAX_LINES])
    if clipped.lower().count(b"boundary=") > 20:  # its parser follows nesting by recursion
        return [], []
    try:
        delayed, failed = all_failures(message_from_bytes(clipped, policy=policy.compat32))
    except Exception:  # noqa: BLE001  (a library's guesses at hostile text: whatever goes wrong, it has found nothing)
        return [], []
    return _addresses(delayed), _addresses(failed)


def _addresses(found: Iterable[bytes | str]) -> list[str]:
    texts = sorted(a.decode("utf-8", "replace") if isinstance(a, bytes) else str(a) for a in found)
    return list(dict.fromkeys(address for text in texts for address in in_text(text[:400])[:1]))
