"""From the database to a bundle: seal what waits, collect what is known about one notice, assemble it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from notices import composing, ledger, queries, tokens
from notices.channels.forms import Form, form_of, leaving
from notices.frozen_text import frozen_text, without_links
from notices.kinds import Kind
from notices.ledger import LedgerBroken, NotSealed, payloads
from notices.ledger.tiles import NoTile
from notices.models import Checkpoint, CheckpointStamp, Delivery, Evidence, EvidencePayload, Notice
from notices.proof import verify
from notices.proof.assembling import Material, SealedFact, assemble
from notices.proof.summary import Text

_ATTEMPTS, _PAUSE = 20, 0.25  # another sealer may be at work; its batch takes a moment


class NotProvable(Exception):
    """There is no bundle to be had of this notice now; the message is a sentence that says why, and what to do."""


def build(notice_id: int, *, now: datetime, reduced: bool = False) -> bytes:
    """The proof bundle of a notice: a ZIP, accepted by its own verify.py.

    Seals first, so that all facts are in the tree. Called twice at the same `now` with nothing learnt in between, it
    gives the same bytes.

    Args:
        now: the moment as of which deemed service is judged; stated in the bundle.
        reduced: also where personal data were erased: then without message, addresses and words, but with every fact.

    Raises:
        Notice.DoesNotExist: there is no such notice.
        NotProvable: its data were erased and `reduced` is not set, the ledger has no checkpoint that holds it, or
            somebody changed what it rests on.
    """
    notice = Notice.objects.get(pk=notice_id)
    if is_erased(notice) and not reduced:
        raise NotProvable(
            f"The personal data of {notice.number} were erased{_when(notice)}, its text and addresses with them. What "
            "stands is every fact with its kind, source and time, and that the ledger holds it: ask for a reduced "
            "bundle (--reduced)."
        )
    for _ in range(_ATTEMPTS):
        try:
            ledger.seal(now=now)
            return assemble(_material(notice, now), ledger.sign_note)
        except NotSealed:
            time.sleep(_PAUSE)
        except (LedgerBroken, NoTile, payloads.NotReadable, verify.Rejected) as error:
            raise NotProvable(
                f"What the database holds about {notice.number} does not fit together: {error} See `manage.py ledger "
                "verify`: somebody changed it."
            ) from None
    raise NotProvable(
        f"Some facts about {notice.number} are not sealed yet, and another process holds the sealer. Try again; if "
        "that does not help, see `manage.py ledger seal`."
    )


def is_erased(notice: Notice) -> bool:
    """Whether the notice's text was destroyed by an erasure."""
    return not bytes(notice.content)


def _material(notice: Notice, now: datetime) -> Material:
    """All that is known, as of one moment of the database. Raises NotSealed, NotProvable."""
    with transaction.atomic():
        head = ledger.latest_checkpoint()
        if head is None:
            raise NotProvable("The ledger is empty: there is no checkpoint that a bundle could rest on.")
        rows = list(Evidence.objects.filter(notice=notice).order_by("pk"))
        proofs = ledger.prove([row.pk for row in rows], size=head.size)
        stamps = _stamps(head, [proof.index for proof in proofs.values()])
        sizes = {pk: _size(proof.index, stamps, head.size) for pk, proof in proofs.items()}
        older = sorted({size for size in sizes.values() if size != head.size})
        for size in older:
            at_size = [pk for pk, own in sizes.items() if own == size]
            proofs.update(ledger.prove(at_size, size=size))
        opened = _opened(rows)
        messages, deliveries = _deliveries(notice, now)
        text = verify.TEXT if verify.TEXT in messages else ""
        notes = dict(Checkpoint.objects.filter(size__in=[*older, head.size]).values_list("size", "note"))
        return Material(
            notice={**_stated(notice, deliveries), "text": text},
            made=now,
            checkpoints={size: note.encode() for size, note in notes.items()},
            facts=[
                SealedFact(pk, proof.leaf, proof.index, proof.hashes, sizes[pk], *opened[pk])
                for pk, proof in proofs.items()
            ],
            keys=ledger.verifier_keys(),
            messages=messages,
            text=_text(notice),
            consistency={size: ledger.consistency(size, head.size) for size in older},
            stamps={size: stamps[size] for size in (*older, head.size) if size in stamps},
        )


def _stamps(head: Checkpoint, indices: Sequence[int]) -> dict[int, list[bytes]]:
    """The time-stamps, by size of their checkpoint, that say the earliest when a fact lay in the ledger."""
    wanted: dict[int, list[bytes]] = {}
    stamped = CheckpointStamp.objects.filter(checkpoint__size__lte=head.size).order_by("checkpoint__size")
    sizes = list(stamped.values_list("checkpoint__size", flat=True).distinct())
    needed = {min(after) for index in indices if (after := [size for size in sizes if size > index])}
    for row in stamped.filter(checkpoint__size__in=needed).select_related("checkpoint"):
        wanted.setdefault(row.checkpoint.size, []).append(bytes(row.token))
    return wanted


def _size(index: int, stamps: dict[int, list[bytes]], latest: int) -> int:
    """The checkpoint to prove a fact in: the earliest stamped one that holds it, else the latest."""
    return min((size for size in stamps if size > index), default=latest)


def _opened(rows: Sequence[Evidence]) -> dict[int, tuple[bytes | None, bytes | None]]:
    """Payload and salt of each fact; None and None where they were erased."""
    opened: dict[int, tuple[bytes | None, bytes | None]] = {row.pk: (None, None) for row in rows}
    for kept in EvidencePayload.objects.filter(evidence__in=rows):
        body = payloads.unpack(bytes(kept.body))
        if body:
            opened[kept.evidence_id] = body, bytes(kept.salt)
    return opened


def _deliveries(notice: Notice, now: datetime) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """The messages by file name, and what is stated about each delivery."""
    content = b"" if is_erased(notice) else composing.unpack(bytes(notice.content), notice.dictionary_id)
    blind = {each.id: each.blind_from for each in queries.attempts(notice.pk, now=now)}
    files: dict[str, bytes] = {}
    stated: list[dict[str, Any]] = []
    for delivery in Delivery.objects.filter(notice=notice).select_related("letter").order_by("pk"):
        message, letter, start = "", "", 0
        if content:
            head, form = bytes(delivery.head), form_of(delivery.channel)
            start = {Form.MAIL: len(head), Form.CONTENT: 0, Form.TEXT: -1}[form]
            message = f"messages/D-{delivery.pk}.{'txt' if form is Form.TEXT else 'eml'}"
            files[message] = leaving(delivery.channel, head, content)
        if content and (printed := getattr(delivery, "letter", None)):
            letter = f"messages/D-{delivery.pk}.pdf"
            files[letter] = bytes(printed.pdf)
        stated.append(
            {
                "id": delivery.pk,
                "channel": delivery.channel,
                "address": delivery.address,
                "state": delivery.state,
                "created_at": verify.written(delivery.created_at),
                "message": message,
                "letter": letter,
                "content_from": start,
                "blind_from": verify.written(at) if (at := blind.get(delivery.pk)) else "",
                "repeats": f"D-{delivery.retry_of_id}" if delivery.retry_of_id else "",
                "reason": delivery.retry_reason,
            }
        )
    if content and all(one["content_from"] < 0 for one in stated):
        files[verify.TEXT] = content  # no message has the notice's text in it, as a short text has not
    return files, stated


def _stated(notice: Notice, deliveries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "number": notice.number,
        "reference": tokens.reference(notice.pk),
        "recipient": notice.recipient,
        "recipient_name": notice.recipient_name,
        "kind": notice.kind,
        "policy_version": notice.policy_version,
        "language": notice.language_used,
        "language_asked": notice.language_asked,
        "platform": settings.NOTICE_PLATFORM,
        "content_sha256": bytes(notice.content_sha256).hex(),
        "issued_at": verify.written(notice.issued_at),
        "issued_by": notice.issued_by,
        "service_rule": notice.service_rule,
        "deliveries": deliveries,
    }


def _text(notice: Notice) -> Text | None:
    """The text for the summary, without the link by which its reader acts as the account holder."""
    if is_erased(notice):
        return None
    found = frozen_text(notice)
    return Text(found.subject, without_links(found.text))


def _when(notice: Notice) -> str:
    """ " on 2026-05-12", where it is on record when personal data of the notice were first erased; else ""."""
    rows = Evidence.objects.filter(notice=notice, kind=Kind.ERASED).order_by("occurred_at")
    at = rows.values_list("occurred_at", flat=True).first()
    return f" on {at:%Y-%m-%d}" if at else ""
