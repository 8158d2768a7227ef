"""Events that are not evidence yet: kept, tried again with growing waits, set aside by a person. Never dropped.

An event can be here before our own commit: the provider is quick, and its message id is stored only when its answer
to us is written down. So the first tries come soon; later ones are for the case that a database was restored.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from notices.events.matching import Match, NoMatch, match
from notices.events.readings import Reading
from notices.events.recording import Failure, record
from notices.events.requests import deflate, inflate
from notices.ledger import canonical
from notices.models import ProviderEvent, WebhookRequest

__all__ = ["deflate", "dismiss", "keep", "take_up", "try_again"]

BATCH = 2_000
# Seconds until the next try, by the number of tries so far; after the last, only a person starts another.
UNMATCHED = (5, 15, 60, 300, 900, 3_600, 6 * 3_600, 86_400, 2 * 86_400, 4 * 86_400)
FAILED = (30, 300, 3_600, 6 * 3_600, 86_400)


class NotDismissed(Exception):
    """It cannot be set aside; the message says why."""


def keep(unmatched: Sequence[NoMatch], failed: Sequence[Failure], *, now: datetime) -> None:
    """Store events that could not become evidence. One that is here already stays as it is."""
    rows = [
        _row(each.reading, ProviderEvent.State.UNMATCHED, each.reason, UNMATCHED, now) for each in unmatched
    ]
    rows += [
        _row(each.match.reading, ProviderEvent.State.FAILED, each.reason, FAILED, now) for each in failed
    ]
    # In one order for all, so that two tasks with the same events do not wait for each other.
    rows.sort(key=lambda row: bytes(row.key))
    ProviderEvent.objects.bulk_create(rows, ignore_conflicts=True)


def _row(reading: Reading, state: str, reason: str, waits: Sequence[int], now: datetime) -> ProviderEvent:
    return ProviderEvent(
        esp=reading.esp,
        key=reading.key(),
        event_id=reading.event_id,
        kind=reading.kind,
        occurred_at=reading.at,
        received_at=reading.received_at,
        test=reading.test,
        suppresses=reading.suppresses,
        delivery_id_said=reading.delivery_id,
        provider_id=reading.provider_id,
        recipient=reading.recipient,
        body=zlib.compress(canonical(dict(reading.payload))),
        state=state,
        reason=reason,
        tries=1,
        due_at=now + timedelta(seconds=waits[0]),
    )


def _reading(row: ProviderEvent) -> Reading:
    return Reading(
        esp=row.esp,
        event_id=row.event_id,
        kind=row.kind,
        at=row.occurred_at,
        received_at=row.received_at,
        test=row.test,
        suppresses=row.suppresses,
        delivery_id=row.delivery_id_said,
        provider_id=row.provider_id,
        recipient=row.recipient,
        payload=json.loads(inflate(row.body)),
    )


def take_up(*, now: datetime) -> Counter[str]:
    """Try the events again whose time has come, together. Returns how many were matched, failed, left unmatched."""
    with transaction.atomic():
        due = ProviderEvent.objects.filter(due_at__lte=now).order_by("due_at")
        rows = {bytes(row.key): row for row in due.select_for_update(skip_locked=True)[:BATCH]}
        if not rows:
            return Counter()
        matched, unmatched = match([_reading(row) for row in rows.values()])
        failed = record(matched, now=now)
        at_fault = {each.match.reading.key() for each in failed}
        _delete([each for each in matched if each.reading.key() not in at_fault])
        State = ProviderEvent.State  # noqa: N806  (a class)
        again = [_later(rows[e.reading.key()], State.UNMATCHED, e.reason, UNMATCHED, now) for e in unmatched]
        again += [_later(rows[e.match.reading.key()], State.FAILED, e.reason, FAILED, now) for e in failed]
        ProviderEvent.objects.bulk_update(again, ["state", "reason", "tries", "due_at"], batch_size=500)
    return Counter(matched=len(matched) - len(failed), failed=len(failed), unmatched=len(unmatched))


def _delete(matched: Sequence[Match]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM notices_providerevent WHERE key = ANY(%s)",
            [[each.reading.key() for each in matched]],
        )


def _later(row: ProviderEvent, state: str, reason: str, waits: Sequence[int], now: datetime) -> ProviderEvent:
    row.state, row.reason = state, reason
    row.due_at = now + timedelta(seconds=waits[row.tries]) if row.tries < len(waits) else None
    row.tries = min(row.tries + 1, 32_000)
    return row


Waiting = ProviderEvent | WebhookRequest


def dismiss(
    model: type[ProviderEvent] | type[WebhookRequest], ids: Sequence[int], *, because: str, actor: str
) -> int:
    """Set events or requests aside for good; they stay to be looked at. Returns how many.

    Raises:
        NotDismissed: no reason was given.
    """
    if not because.strip():
        raise NotDismissed("Say why these are set aside.")
    open_rows = model._default_manager.filter(pk__in=ids).exclude(state__in=["dismissed", "waiting"])
    changes = {"state": "dismissed", "dismissed_by": actor, "dismissed_because": because.strip()}
    if model is ProviderEvent:
        return open_rows.update(due_at=None, **changes)
    return open_rows.update(**changes)


def try_again(model: type[ProviderEvent] | type[WebhookRequest], ids: Sequence[int], *, now: datetime) -> int:
    """Have events or failed requests tried once more, soon. Returns how many."""
    rows = model._default_manager.filter(pk__in=ids).exclude(state__in=["dismissed", "waiting"])
    return rows.update(due_at=now, **({"state": "waiting"} if model is WebhookRequest else {}))
