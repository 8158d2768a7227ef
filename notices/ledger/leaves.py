"""The exact bytes of a leaf: what the tree says about a fact, and nothing personal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache

COLUMNS = "id, notice_id, delivery_id, kind, source, occurred_at, recorded_at, test, key, commitment"
"""The columns of notices_evidence that a leaf is made of, in the order of `Row`."""

Row = tuple[int, int, int | None, str, str, datetime, datetime, bool, bytes, bytes]


def leaf(row: Row) -> bytes:
    """The leaf of one row of evidence: RFC 8785 JSON of one object; at most 65,535 bytes.

    Its keys: at and recorded (UTC, six digits of a second), commitment and key (hexadecimal), delivery (or null), id,
    kind, notice, source, test, and v, the version of this form. The hash in the tree is SHA-256(0x00 + leaf).
    """
    pk, notice, delivery, kind, source, at, recorded, test, key, commitment = row
    return (
        f'{{"at":"{_moment(at)}","commitment":"{commitment.hex()}",'
        f'"delivery":{"null" if delivery is None else delivery},"id":{pk},"key":"{key.hex()}",'
        f'"kind":{_text(kind)},"notice":{notice},"recorded":"{_moment(recorded)}",'
        f'"source":{_text(source)},"test":{"true" if test else "false"},"v":1}}'
    ).encode()


def _moment(at: datetime) -> str:
    text = at.isoformat(timespec="microseconds")
    if text[26:] != "+00:00":
        text = at.astimezone(UTC).isoformat(timespec="microseconds")
    return text[:26] + "Z"


@lru_cache(maxsize=4096)
def _text(value: str) -> str:
    """A string as RFC 8785 writes it, which is how Python does it without ASCII escapes."""
    return json.dumps(value, ensure_ascii=False)
