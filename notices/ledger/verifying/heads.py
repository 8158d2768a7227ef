"""Signed heads of the tree: our own checkpoints, one after the other, and earlier ones that were kept elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from notices.ledger.notes import BadNote, Head, Verifier, open_note
from notices.ledger.verifying.findings import Findings
from notices.models import Checkpoint

_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Claim:
    """That the tree had this root at this size. `who` says it: a noun phrase that begins a sentence."""

    size: int
    root: bytes
    who: str
    code: str


def own(verifiers: Sequence[Verifier], findings: Findings) -> Iterator[Claim]:
    """The checkpoints in our table, smallest first; those that were removed or forged become findings."""
    last_id, last_size = 0, 0
    while page := list(Checkpoint.objects.filter(size__gt=last_size).order_by("size")[:_PAGE]):
        for checkpoint in page:
            where = f"checkpoint {checkpoint.pk}"
            if checkpoint.pk != last_id + 1:
                _gap(last_id, checkpoint.pk, checkpoint.size, findings)
            last_id, last_size = checkpoint.pk, checkpoint.size
            who = f"Checkpoint {checkpoint.pk} ({checkpoint.size} leaves, signed at {_moment(checkpoint)})"
            try:
                head = read(checkpoint.note, verifiers)
            except BadNote as error:
                findings.add("checkpoint_forged", where, f"{who} is not ours as it stands: {error}")
                continue
            if (head.size, head.root) != (checkpoint.size, bytes(checkpoint.root)):
                findings.add(
                    "checkpoint_forged",
                    where,
                    f"{who} has a signed note of another size or root than its row: the row was changed.",
                )
            yield Claim(head.size, head.root, who, "fork")


def _gap(last: int, found: int, size: int, findings: Findings) -> None:
    if found <= last:
        sentence = f"Checkpoint {found} ({size} leaves) has a smaller number than the one before it."
    elif found - last == 2:
        sentence = f"Checkpoint {last + 1} was removed: {last or 'the beginning'} is followed by {found}."
    else:
        sentence = f"Checkpoints {last + 1} to {found - 1} were removed."
    findings.add("checkpoint_removed", f"checkpoint {last + 1}", sentence)


def kept_elsewhere(
    notes: Mapping[str, str], verifiers: Sequence[Verifier], findings: Findings
) -> list[Claim]:
    """Earlier checkpoints by the name that they are called by, smallest first."""
    claims = []
    for name, note in notes.items():
        try:
            head = read(note, verifiers)
        except BadNote as error:
            findings.add("against_unreadable", name, f"{name}: {error} Nothing could be compared with it.")
            continue
        if head.size == 0:
            continue  # every tree begins with the empty one
        claims.append(
            Claim(head.size, head.root, f"The checkpoint in {name} ({head.size} leaves)", "rewritten")
        )
    return sorted(claims, key=lambda claim: claim.size)


def read(note: str, verifiers: Sequence[Verifier]) -> Head:
    """The head that a note states, signed by one of `verifiers` for the log that has its name. Raises BadNote."""
    text, signers = open_note(note, verifiers)
    head = Head.read(text)
    if head.origin not in {signer.name for signer in signers}:
        raise BadNote(f"It is a checkpoint of {head.origin}, and whoever signed it has another name.")
    return head


def _moment(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.signed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
