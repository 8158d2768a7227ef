"""Letters handed to a print shop: together, in order, once; and as often as it takes, the same archive of them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO

from django.db import connection, transaction
from django.db.models import QuerySet

from notices import recording, tokens
from notices.channels.post.channel import PROVIDER
from notices.channels.post.setting import MAX_LINES, address_lines
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.models import Delivery, DeliveryState, Letter, LetterBatch

LIMIT = 1_000  # letters of one batch; about 30 MB
_CHUNK = 100

COLUMNS = (
    "place",
    "letter_number",
    "reference",
    *(f"line_{number}" for number in range(1, MAX_LINES + 1)),
    "pages",
    "file",
    "sha256",
)


def queued() -> int:
    """How many letters wait to be printed."""
    return _waiting().count()


def make_batch(*, actor: str, now: datetime, limit: int = LIMIT) -> LetterBatch | None:
    """Hand the queued letters over, oldest first; what is handed over has left our hands (grade 1).

    Letters of notices that were stood down stay behind. Two at once never get the same letter.

    Args:
        actor: user:name or system:what.
        limit: at most so many.

    Returns:
        The batch, or None where nothing is queued.
    """
    with transaction.atomic():
        found = list(_waiting().order_by("pk").values_list("pk", "delivery__notice_id")[:limit])
        # Notices first: whoever takes several locks takes them in this order. Others may have been faster.
        recording.lock({notice_id for _, notice_id in found})
        still = set(_waiting().filter(pk__in=[pk for pk, _ in found]).values_list("pk", flat=True))
        letters = [(pk, notice_id) for pk, notice_id in found if pk in still]
        if not letters:
            return None
        batch = LetterBatch.objects.create(created_at=now, created_by=actor, count=len(letters))
        ids = [pk for pk, _ in letters]
        _place(batch, ids)
        Delivery.objects.filter(pk__in=ids).exclude(state=DeliveryState.REFUSED).update(
            state=DeliveryState.ACCEPTED, settled_at=now
        )
        recording.record(_facts(batch, dict(letters), now), now=now)
    return batch


def _waiting() -> QuerySet[Letter]:
    # An erasure empties the address, and leaves nothing to print.
    here = Letter.objects.filter(batch__isnull=True, delivery__notice__stood_down_at__isnull=True)
    return here.exclude(delivery__address="")


def _place(batch: LetterBatch, ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notices_letter l SET batch_id = %s, place = t.place "
            "FROM unnest(%s::bigint[]) WITH ORDINALITY AS t(id, place) WHERE l.delivery_id = t.id",
            [batch.pk, ids],
        )


def _facts(batch: LetterBatch, notice_of: dict[int, int], now: datetime) -> list[NewFact]:
    rows = Letter.objects.filter(batch=batch).order_by("place").defer("pdf")
    return [
        NewFact(
            notice_of[letter.pk],
            Kind.SUBMITTED,
            PROVIDER,
            now,
            letter.pk,
            {
                "what": f"handed over for printing and posting, {batch}, place {letter.place}",
                "letter": letter.number,
                "batch": str(batch),
                "place": letter.place,
                "pages": letter.pages,
                "pdf_sha256": bytes(letter.sha256).hex(),
            },
            event_id=f"{letter.pk}:handed_over",
        )
        for letter in rows
    ]


def write_archive(batch: LetterBatch, out: IO[bytes]) -> None:
    """Write the ZIP archive of a batch: each letter as PDF, in print order, and letters.csv. The same bytes each time.

    A letter that was erased meanwhile is left out, and its row says so.
    """
    made = batch.created_at.astimezone(UTC)
    rows: list[list[str]] = []
    with zipfile.ZipFile(out, "w") as archive:
        for letter in _letters(batch):
            if letter.pdf:
                _write(archive, letter.file_name, bytes(letter.pdf), made)
            rows.append(_row(letter))
        _write(archive, "letters.csv", _csv(rows), made)


def _letters(batch: LetterBatch) -> Iterator[Letter]:
    letters = Letter.objects.filter(batch=batch).select_related("delivery").order_by("place")
    return letters.iterator(chunk_size=_CHUNK)


def _row(letter: Letter) -> list[str]:
    lines = address_lines(letter.delivery.address) if letter.pdf else ["(erased)"]
    return [
        str(letter.place),
        letter.number,
        tokens.reference(letter.delivery.notice_id),
        *(_cell(line) for line in lines),
        *[""] * (MAX_LINES - len(lines)),
        str(letter.pages),
        letter.file_name if letter.pdf else "",
        bytes(letter.sha256).hex(),
    ]


def _cell(text: str) -> str:
    """Not to be taken for a formula: addresses are written by their holders, and the file opened in a spreadsheet."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, *rows])
    return text.getvalue().encode("utf-8-sig")  # the mark tells spreadsheets that it is UTF-8


def _write(archive: zipfile.ZipFile, name: str, data: bytes, at: datetime) -> None:
    entry = zipfile.ZipInfo(name, date_time=(at.year, at.month, at.day, at.hour, at.minute, at.second))
    entry.create_system, entry.external_attr = 3, 0o600 << 16  # the same on every system
    archive.writestr(entry, data)
