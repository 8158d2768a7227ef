"""Whether our own mail server found a signature of the sender's domain (RFC 8601, DKIM by RFC 6376)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_COMMENT = re.compile(r"\([^()]*\)")
_DKIM = re.compile(r"dkim\s*=\s*pass\b", re.IGNORECASE)
_SIGNER = re.compile(r"header\.(d|i)\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


def signed_by(results: Sequence[str], authserv_id: str, domain: str) -> bool:
    """Whether the topmost Authentication-Results is ours and says that a DKIM signature of `domain` holds.

    `results` are the values of that header field from the top. Only the topmost is looked at: a sender can write such
    a field too, and it then lies below ours. Our server must remove those that bear its name (RFC 8601, 5). The
    signing domain has to be the very domain of the author, not one above it.
    """
    if not results or not authserv_id or not domain:
        return False
    text = results[0][:8000]
    for _ in range(10):
        text, found = _COMMENT.subn(" ", text)
        if not found:
            break
    name, _, rest = text.partition(";")
    if name.split()[:1] != [authserv_id]:
        return False
    return any(
        _DKIM.match(result.strip()) and _signer(result) == domain.lower() for result in rest.split(";")
    )


def _signer(result: str) -> str:
    found: dict[str, str] = {key.lower(): value for key, value in _SIGNER.findall(result)}
    return (found.get("d") or found.get("i", "").rpartition("@")[2]).lower().rstrip(".")
