"""Deliveries as rows, and the hint to the workers after the commit."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction

from notices import composing, tokens
from notices.bulk import copy_rows, next_ids
from notices.channels.forms import Form, form_of
from notices.channels.sms.texts import text_of
from notices.models import Delivery, DeliveryState, Notice

log = logging.getLogger(__name__)

HINT_SIZE = 200
LEAVE_ALONE_SECONDS = 10.0


@dataclass(slots=True)
class _Broker:
    """What this process remembers of the broker: until when not to bother it (by `time.monotonic()`)."""

    leave_alone_until: float = 0.0


_broker = _Broker()


@dataclass(frozen=True, slots=True)
class Contact:
    """One address to try: channel name, address, and the caller's own id of the contact point.

    `wait_hours`: tried also when, so long after the attempt before it in its chain left, the notice is not served
    yet. None: only when the one before fails for good. The first of a chain waits for nothing.
    """

    channel: str
    address: str
    ref: int | None = None
    wait_hours: float | None = None

    def as_json(self) -> list[Any]:
        """As a notice's plan keeps it; the wait is left out where there is none."""
        core: list[Any] = [self.channel, self.address, self.ref]
        return core if self.wait_hours is None else [*core, self.wait_hours]


@dataclass(frozen=True, slots=True)
class Planned:
    """A delivery to be made.

    Attributes:
        first: the delivery that it repeats, if it repeats one: they share a Message-ID.
        next_hours: after so many hours without service the next address may be due; None: it never is by silence.
    """

    notice_id: int
    name: str
    contact: Contact
    chain: int = 0
    position: int = 0
    first: int | None = None
    retry_of: int | None = None
    retry_reason: str = ""
    next_hours: float | None = None


def queue(planned: Sequence[Planned], *, due_at: datetime) -> list[int]:
    """Write the deliveries, due at `due_at`, and hint at them after the commit. Returns their ids in order."""
    ids = next_ids(Delivery, len(planned))
    texts = _texts(planned)
    copy_rows(
        Delivery,
        _COLUMNS,
        _TYPES,
        (
            (
                pk,
                plan.notice_id,
                plan.contact.channel,
                plan.contact.address,
                plan.contact.ref,
                plan.chain,
                plan.position,
                plan.retry_of,
                plan.retry_reason,
                _head(plan, pk, texts),
                DeliveryState.QUEUED.value,
                due_at,
                _later(due_at, plan.next_hours),
                0,
                "",
                "",
                "",
            )
            for pk, plan in zip(ids, planned, strict=True)
        ),
    )
    hint_on_commit(ids)
    return ids


_COLUMNS = (
    "id notice_id channel address contact_ref chain position retry_of_id retry_reason head state due_at next_at tries "
    "provider provider_id reply"
).split()
_TYPES = (
    "int8 int8 varchar varchar int8 int2 int2 int8 varchar bytea varchar timestamptz timestamptz int2 varchar varchar "
    "text"
).split()


def _head(plan: Planned, pk: int, texts: Mapping[int, bytes]) -> bytes:
    """What belongs to this attempt alone: the header lines of one recipient, or a short text; else nothing."""
    match form_of(plan.contact.channel):
        case Form.MAIL:
            return composing.head(plan.name, plan.contact.address, tokens.message_id(plan.first or pk))
        case Form.TEXT:
            return texts[plan.notice_id]
        case Form.CONTENT:
            return b""


def _texts(planned: Sequence[Planned]) -> dict[int, bytes]:
    """The short texts of those notices that need one, by notice id; in UTF-8, as they leave."""
    ids = {plan.notice_id for plan in planned if form_of(plan.contact.channel) is Form.TEXT}
    if not ids:
        return {}
    rows = Notice.objects.filter(pk__in=ids).values_list("pk", "language_used", "content", "dictionary_id")
    return {
        pk: text_of(
            settings.NOTICE_PLATFORM,
            composing.subject(composing.unpack(bytes(content), dictionary_id)),
            tokens.link(pk),
            language,
        ).encode()
        for pk, language, content, dictionary_id in rows
    }


def _later(at: datetime, hours: float | None) -> datetime | None:
    return None if hours is None else at + timedelta(hours=hours)


def hint_on_commit(delivery_ids: Sequence[int]) -> None:
    """Name these deliveries to the workers once the transaction is committed."""
    for start in range(0, len(delivery_ids), HINT_SIZE):
        transaction.on_commit(partial(_hint, list(delivery_ids[start : start + HINT_SIZE])))


def _hint(delivery_ids: list[int]) -> None:
    """Send one task. Only a hint: the rows are the truth, and the sweep finds what a broker forgets or refuses.

    After a failure the broker is left alone for a while, so that a wave does not wait for it batch by batch.
    """
    if time.monotonic() < _broker.leave_alone_until:
        return
    try:
        current_app.send_task("notices.tasks.send", args=[delivery_ids], retry=False)
    except Exception as error:  # noqa: BLE001  (each transport has its own, and no hint is worth failing for)
        log.warning(
            "The broker did not take a hint of %d deliveries (%s); the sweep will find them.",
            len(delivery_ids),
            type(error).__name__,
        )
        _broker.leave_alone_until = time.monotonic() + LEAVE_ALONE_SECONDS
