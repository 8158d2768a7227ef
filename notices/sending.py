"""The only place where anything leaves.

The order matters more than anything else here: claim the rows and commit, call out, then write what came of it. A
crash between call and outcome leaves `calling`, which a sweep turns into `unknown`: never a blind second send.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db import connection, transaction

from notices import composing, recording, tokens
from notices.channels import Channel, UnknownChannelError, get_channel
from notices.channels.base import Message, Outcome
from notices.channels.forms import Form, form_of, leaving
from notices.channels.unconfigured import UnconfiguredChannel
from notices.kinds import NOT_SENT, Kind
from notices.ledger import NewFact
from notices.models import DeliveryState
from notices.rerouting import fall_back
from notices.silence.expecting import expects_report
from notices.suppression import withheld

# Claimed, sent and recorded together. What a crash leaves in doubt is at most this many deliveries.
BATCH = 100


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to send now, as the claim returned it."""

    id: int
    notice_id: int
    channel: str
    tries: int
    first_called: datetime
    message: Message


def send_due(delivery_ids: Sequence[int]) -> int:
    """Send those of `delivery_ids` that are queued and due and that nobody else has. Safe to run twice.

    Returns:
        How many were called for.

    Raises:
        RuntimeError: inside a transaction. The claim has to be on disk before anything leaves.
    """
    called = 0
    for start in range(0, len(delivery_ids), BATCH):
        claimed = claim(delivery_ids[start : start + BATCH])
        for channel, group in groupby(sorted(claimed, key=lambda c: c.channel), key=lambda c: c.channel):
            _send(channel, list(group))
        called += len(claimed)
    return called


def claim(delivery_ids: Sequence[int]) -> list[Claimed]:
    """Take queued, due deliveries: one conditional UPDATE, committed before it returns."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH due AS (
                SELECT id FROM notices_delivery
                WHERE id = ANY(%s) AND state = 'queued' AND due_at <= now()
                ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE notices_delivery d
            SET state = 'calling', called_at = clock_timestamp(), tries = d.tries + 1
            FROM due, notices_notice n
            WHERE d.id = due.id AND n.id = d.notice_id
            RETURNING d.id, d.notice_id, d.channel, d.address, d.head, d.tries, d.created_at, n.content, n.dictionary_id
            """,
            [list(delivery_ids)],
        )
        return [
            Claimed(
                pk,
                notice_id,
                channel,
                tries,
                created_at,
                _message(pk, channel, address, head, content, dictionary_id),
            )
            for pk, notice_id, channel, address, head, tries, created_at, content, dictionary_id in cursor.fetchall()
        ]


def _message(pk: int, channel: str, address: str, head: bytes, content: bytes, dictionary_id: int) -> Message:
    mail = form_of(channel) is Form.MAIL
    return Message(
        delivery_id=pk,
        address=address,
        return_path=tokens.verp(pk) if mail else "",
        envid=tokens.envid(pk),
        message_id=head.rpartition(b"Message-ID: ")[2].strip().decode() if mail else "",
        raw=leaving(channel, head, composing.unpack(content, dictionary_id)),
    )


def _send(channel: str, claimed: list[Claimed]) -> None:
    """Call one channel for a batch and record each outcome, also of those before a failure of ours."""
    outcomes: list[Outcome] = []
    try:
        outcomes.extend(withheld(claimed))
        held = {outcome.delivery_id for outcome in outcomes}
        outcomes.extend(_channel(channel).send([c.message for c in claimed if c.id not in held]))
    finally:
        settle(claimed, outcomes)


def _channel(name: str) -> Channel:
    try:
        return get_channel(name)
    except UnknownChannelError:
        return UnconfiguredChannel(name)


def settle(claimed: Sequence[Claimed], outcomes: Sequence[Outcome]) -> None:
    """Write what came of the calls: states, evidence, and the next address where one failed for good."""
    by_id = {c.id: c for c in claimed}
    now = datetime.now(UTC)
    settled = [_settled(by_id[o.delivery_id], o, now) for o in outcomes]
    if not settled:
        return
    with transaction.atomic():
        # Notices before deliveries: whoever takes both locks takes them in this order.
        recording.lock([by_id[s.outcome.delivery_id].notice_id for s in settled])
        with connection.cursor() as cursor:
            # A sweep may have called it unknown meanwhile; the answer is worth more than the sweep's doubt.
            cursor.execute(
                """
                UPDATE notices_delivery d
                SET state = t.state, due_at = coalesce(t.due_at, d.due_at), settled_at = t.at,
                    provider = t.provider, provider_id = t.provider_id, reply = t.reply,
                    expects_report = t.expects_report
                FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[],
                            %s::text[], %s::bool[])
                     AS t(id, state, due_at, at, provider, provider_id, reply, expects_report)
                WHERE d.id = t.id AND d.state IN ('calling', 'unknown')
                """,
                [
                    [s.outcome.delivery_id for s in settled],
                    [s.state for s in settled],
                    [s.due_at for s in settled],
                    [s.outcome.at for s in settled],
                    [s.outcome.provider[:100] for s in settled],
                    [s.outcome.provider_id[:250] for s in settled],
                    [s.outcome.reply for s in settled],
                    [expects_report(s.outcome) for s in settled],
                ],
            )
        facts = [fact for s in settled for fact in _facts(by_id[s.outcome.delivery_id], s)]
        recording.record(facts, now=now)
        fall_back([f.delivery_id for f in facts if f.kind in NOT_SENT and f.delivery_id], now=now)


@dataclass(frozen=True, slots=True)
class _Settled:
    """An outcome, the state that it leads to, and, where it is deferred, when to try again."""

    outcome: Outcome
    state: str
    due_at: datetime | None = None
    expired: bool = False


def _settled(claimed: Claimed, outcome: Outcome, now: datetime) -> _Settled:
    if outcome.kind == Kind.DEFERRED:
        due_at = next_try(claimed.tries, claimed.first_called, now)
        if due_at is None:
            return _Settled(outcome, DeliveryState.REFUSED.value, expired=True)
        return _Settled(outcome, DeliveryState.QUEUED.value, due_at)
    if outcome.kind == Kind.LOST:
        return _Settled(outcome, DeliveryState.UNKNOWN.value)
    if outcome.kind in NOT_SENT:
        return _Settled(outcome, DeliveryState.REFUSED.value)
    return _Settled(outcome, DeliveryState.ACCEPTED.value)


def next_try(tries: int, since: datetime, now: datetime) -> datetime | None:
    """When to call again after `tries` calls, or None once the time is up.

    Waits grow as NOTICE_RETRY_MINUTES says (its last value repeats), give or take a fifth, so that what was deferred
    together does not come back together. RFC 5321, 4.5.4.1 asks for tries over at least 4 to 5 days from a relay;
    a sender with other channels to try may give up sooner.
    """
    if now - since >= timedelta(hours=settings.NOTICE_RETRY_FOR_HOURS):
        return None
    waits = settings.NOTICE_RETRY_MINUTES
    minutes = waits[min(tries, len(waits)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311  (jitter, not a secret)
    return now + timedelta(minutes=minutes)


def _facts(claimed: Claimed, settled: _Settled) -> list[NewFact]:
    outcome = settled.outcome
    payload = {
        **outcome.detail,
        "reply": outcome.reply,
        "code": outcome.code,
        "provider": outcome.provider,
        "provider_id": outcome.provider_id,
        "try": claimed.tries,
        "message_sha256": hashlib.sha256(claimed.message.raw).hexdigest(),
    }
    test = bool(outcome.detail.get("test_mode"))
    source = outcome.provider or claimed.channel
    facts = [
        NewFact(
            claimed.notice_id,
            outcome.kind,
            source[:60],
            outcome.at,
            claimed.id,
            payload,
            event_id=f"{claimed.id}:{claimed.tries}",
            test=test,
        )
    ]
    if settled.expired:
        facts.append(
            NewFact(
                claimed.notice_id,
                Kind.EXPIRED,
                "sending",
                outcome.at,
                claimed.id,
                {"tries": claimed.tries, "last_reply": outcome.reply},
                event_id=f"{claimed.id}:expired",
            )
        )
    return facts
