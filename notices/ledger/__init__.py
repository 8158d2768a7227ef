"""The ledger: evidence is appended here and nowhere else, sealed into a Merkle tree, proven and verified."""

from __future__ import annotations

from notices.ledger.appending import append
from notices.ledger.facts import NewFact, canonical
from notices.ledger.keys import sign_note, verifier_keys
from notices.ledger.leaves import leaf
from notices.ledger.proving import InclusionProof, NotSealed, consistency, prove
from notices.ledger.sealing import LedgerBroken, Sealed, latest_checkpoint, seal

__all__ = [
    "InclusionProof",
    "LedgerBroken",
    "NewFact",
    "NotSealed",
    "Sealed",
    "append",
    "canonical",
    "consistency",
    "latest_checkpoint",
    "leaf",
    "prove",
    "seal",
    "sign_note",
    "verifier_keys",
]
