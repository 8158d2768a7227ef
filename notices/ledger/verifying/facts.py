"""Evidence against the leaves that the tree has of it, and payloads against their commitments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection

from notices.kinds import Kind
from notices.ledger import payloads
from notices.ledger.leaves import COLUMNS, Row, leaf
from notices.ledger.merkle import leaf_hash
from notices.ledger.rows import in_binary
from notices.ledger.verifying.findings import LIMIT, Findings

_WITH_PAYLOADS = f"""
    SELECT {", ".join("e." + column for column in COLUMNS.split(", "))}, p.salt, p.body
    FROM notices_evidence e LEFT JOIN notices_evidencepayload p ON p.evidence_id = e.id
    WHERE e.id = ANY(%b::bigint[])
"""  # noqa: S608  (columns named by a constant of ours)


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of evidence as it is now: its columns, the hash of its leaf, and what opens its commitment, if anything."""

    row: Row
    hash: bytes
    opened: bytes


def load(evidence_ids: Sequence[int], findings: Findings) -> dict[int, Fact]:
    """The facts with these ids that are there, their payloads looked at. Two queries."""
    facts: dict[int, Fact] = {}
    blank = []
    for *columns, salt, body in in_binary(_WITH_PAYLOADS, [list(evidence_ids)]):
        row: Row = tuple(columns)
        opened = b"" if body is None else _commitment(salt, body)
        facts[row[0]] = Fact(row, leaf_hash(leaf(row)), opened)
        if body is None:
            findings.add("payload_missing", f"E-{row[0]}", f"E-{row[0]}: its payload and salt are gone.")
        elif not salt and not body:
            blank.append(row)
        elif opened != row[9]:
            findings.add(
                "payload_changed",
                f"E-{row[0]}",
                f"E-{row[0]}: its payload or its salt is not the one that it was recorded with.",
            )
    _check_erased(blank, findings)
    return facts


def _commitment(salt: bytes, body: bytes) -> bytes:
    """What salt and packed payload commit to; b"" where the payload cannot be unpacked."""
    try:
        return hashlib.sha256(salt + payloads.unpack(body)).digest()
    except payloads.NotReadable:
        return b""


def _check_erased(blank: Sequence[Row], findings: Findings) -> None:
    """An empty payload is fine where the evidence says that its notice was erased."""
    erased = erased_notices([row[1] for row in blank]) if blank else set()
    for row in blank:
        if row[1] not in erased or row[3] == Kind.ERASED:
            findings.add(
                "payload_changed",
                f"E-{row[0]}",
                f"E-{row[0]}: its payload was emptied, and no fact says that N-{row[1]} was erased.",
            )


def erased_notices(notice_ids: Sequence[int]) -> set[int]:
    """Those of these notices of which the evidence says that they were erased."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT notice_id FROM notices_evidence WHERE kind = 'erased' AND notice_id = ANY(%s)",
            [list(notice_ids)],
        )
        return {pk for (pk,) in cursor.fetchall()}


def explain(
    index: int, pk: int, wanted: bytes, facts: Mapping[int, Fact], named: str, findings: Findings
) -> None:
    """Say why leaf `index`, which the tile called `named` says is E-pk, has not the hash `wanted`."""
    other = next((fact.row[0] for fact in facts.values() if fact.hash == wanted), None)
    if other is not None:
        findings.add(
            "order_changed",
            f"leaf {index}",
            f"Leaf {index} was sealed as E-{other}, and {named} now says that it is E-{pk}: the order was changed.",
        )
    elif pk not in facts:
        findings.add(
            "evidence_deleted",
            f"E-{pk}",
            f"E-{pk} (leaf {index}) was sealed, and is no longer in the evidence.",
        )
    elif findings.counts["evidence_changed"] >= LIMIT:
        findings.add("evidence_changed", "", "")  # counted only; to find out what was changed takes its time
    else:
        findings.add(
            "evidence_changed", f"E-{pk}", f"E-{pk} (leaf {index}): {_difference(facts[pk], wanted)}"
        )


def _difference(fact: Fact, wanted: bytes) -> str:
    """Which column was changed, where the old value can be found by trying."""
    row = fact.row
    for kind in Kind.values:
        if leaf_hash(leaf((*row[:3], kind, *row[4:]))) == wanted:
            return f"its kind differs from what was sealed: it was {kind}, and is now {row[3]}."
    if leaf_hash(leaf((*row[:7], not row[7], *row[8:]))) == wanted:
        was, now = ("not in test mode", "in it") if row[7] else ("in test mode", "not in it")
        return f"its test mark differs from what was sealed: the provider was {was}, and is now said to be {now}."
    if fact.opened and leaf_hash(leaf((*row[:9], fact.opened))) == wanted:
        return "its commitment differs from what was sealed; its payload is the one that was."
    return (
        "its notice, delivery, source, one of its times, its key or its commitment differs from what was sealed, "
        "or more than one column does."
    )
