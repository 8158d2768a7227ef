"""The frozen messages: does their text have the hash that was frozen with it, and that the evidence of calls names?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import zstandard
from django.db import connection

from notices import composing
from notices.channels.forms import leaving
from notices.ledger import payloads
from notices.ledger.rows import in_binary
from notices.ledger.verifying.facts import erased_notices
from notices.ledger.verifying.findings import Findings, Progress
from notices.models import ContentDictionary, Notice

_PAGE = 500


@dataclass(frozen=True, slots=True)
class _Text:
    """A notice's frozen bytes, or None where they cannot be had."""

    content: bytes | None
    erased: bool


def check(findings: Findings, tell: Progress) -> int:
    """Look at every notice, and at what the evidence says about its messages.

    Returns:
        How many notices there are.
    """
    total, done = Notice.objects.count(), 0
    for page in _pages():
        ids = [row[0] for row in page]
        erased = erased_notices(ids)
        texts = {row[0]: _text(row, row[0] in erased, findings) for row in page}
        _check_calls(ids, texts, findings)
        done += len(page)
        tell("notices", done, total)
    _check_removed(findings)
    return total


_Row = tuple[int, bytes, int, bytes]


def _pages() -> Iterator[list[_Row]]:
    after = 0
    while page := in_binary(
        "SELECT id, content, dictionary_id, content_sha256 FROM notices_notice WHERE id > %b ORDER BY id LIMIT %b",
        [after, _PAGE],
    ):
        yield page
        after = page[-1][0]


def _text(row: _Row, erased: bool, findings: Findings) -> _Text:
    pk, packed, dictionary_id, sha256 = row
    if erased and not packed:
        return _Text(None, erased=True)
    try:
        content = composing.unpack(packed, dictionary_id) if packed else None
    except (zstandard.ZstdError, ContentDictionary.DoesNotExist):
        content = None
    if content is None or hashlib.sha256(content).digest() != sha256:
        findings.add(
            "notice_changed", f"N-{pk}", f"N-{pk}: its text is not the one that its hash was made of."
        )
    return _Text(content, erased)


def _check_calls(notice_ids: Sequence[int], texts: Mapping[int, _Text], findings: Findings) -> None:
    """Each call for a delivery recorded the SHA-256 of the bytes that it sent. Two queries."""
    heads = {
        pk: (notice, channel, head)
        for pk, notice, channel, head in in_binary(
            "SELECT id, notice_id, channel, head FROM notices_delivery WHERE notice_id = ANY(%b::bigint[])",
            [list(notice_ids)],
        )
    }
    made: dict[int, str] = {}
    for pk, delivery, body in in_binary(
        """
        SELECT e.id, e.delivery_id, p.body
        FROM notices_evidence e JOIN notices_evidencepayload p ON p.evidence_id = e.id
        WHERE e.notice_id = ANY(%b::bigint[]) AND e.delivery_id IS NOT NULL
        """,
        [list(notice_ids)],
    ):
        named = _named(body)
        if not named or delivery not in heads:
            continue
        notice, channel, head = heads[delivery]
        text = texts[notice]
        if text.content is None or (text.erased and not head):
            continue
        if delivery not in made:
            made[delivery] = hashlib.sha256(leaving(channel, head, text.content)).hexdigest()
        if made[delivery] != named:
            findings.add(
                "message_changed",
                f"D-{delivery}",
                f"D-{delivery} (N-{notice}): E-{pk} says that another message was sent than the one that is kept.",
            )


def _named(body: bytes) -> str:
    """The SHA-256 of the message that a payload names, in hexadecimal; "" if it names none or cannot be read."""
    try:
        plain = payloads.unpack(body)
        return str(json.loads(plain).get("message_sha256", "")) if b'"message_sha256"' in plain else ""
    except ValueError:
        return ""  # said where commitments are looked at


def _check_removed(findings: Findings) -> None:
    """Notices and deliveries that evidence speaks of, and that are gone."""
    for what, letter, table, column in (
        ("notice", "N", "notices_notice", "notice_id"),
        ("delivery", "D", "notices_delivery", "delivery_id"),
    ):
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT DISTINCT e.{column} FROM notices_evidence e LEFT JOIN {table} t ON t.id = e.{column}
                WHERE e.{column} IS NOT NULL AND t.id IS NULL ORDER BY 1 LIMIT 10000
                """  # noqa: S608  (names of our own tables)
            )
            for (pk,) in cursor.fetchall():
                findings.add(
                    f"{what}_deleted", f"{letter}-{pk}", f"{letter}-{pk} is gone, and evidence speaks of it."
                )
