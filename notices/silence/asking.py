"""Asking a provider about deliveries of which no report came. Its answers become evidence; its silence is none.

No answer, an error, a refusal to answer now, "no such message": each is counted, and asked again later with growing
waits. None of them says anything about the delivery.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db import connection, transaction

from notices.events.matching import match
from notices.events.meaning import Meaning
from notices.events.readings import Reading
from notices.events.recording import record
from notices.grading import REPORTS
from notices.models import StreamGap

BATCH = 50
AT_ONCE = 500  # questions by one run to one provider
SECONDS = 60.0  # for one run; the rest comes with the next

# Hours between one question about a delivery and the next; after the last wait nobody asks any more.
WAITS = (0.25, 1.0, 4.0, 12.0, 24.0, 24.0, 48.0, 48.0, 72.0, 72.0)

_KINDS = sorted(kind.value for kind in REPORTS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A delivery to ask about, as its provider knows it."""

    delivery_id: int
    notice_id: int
    provider_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Told:
    """One event of which the provider tells.

    Attributes:
        what: what it is evidence of, by `events.meaning`, as for the webhook's events.
        at: when it happened, by the provider's clock, aware.
        recipient: the address that it is about.
        payload: what it said, JSON without floats.
        event_id: the id under which the webhook's event is kept, where there is one: then both are one fact.
    """

    what: Meaning
    at: datetime
    recipient: str
    payload: Mapping[str, Any]
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question. No events and trouble in words where nothing was learnt.

    `stop` says that the provider is not to be asked now: the other questions would fare the same.
    """

    delivery_id: int
    events: tuple[Told, ...] = ()
    trouble: str = ""
    stop: bool = False


class Inquiry(Protocol):
    """A provider's API that can be asked what became of a message."""

    def ask(self, deliveries: Sequence[Asked]) -> Iterator[Answer]:
        """One answer each, in order, up to the first with `stop`; troubles become answers, never exceptions."""


@dataclass(slots=True)
class Counts:
    """Of one run, for one stream: deliveries asked about, answers that said something, and the last trouble."""

    asked: int = 0
    answered: int = 0
    troubles: list[str] = field(default_factory=list)


def _postmark() -> Inquiry | None:
    from notices.silence import postmark

    return postmark.from_settings()


# By stream. A maker gives None where the settings lack what asking takes.
INQUIRIES: dict[str, Callable[[], Inquiry | None]] = {"postmark": _postmark}


def can_ask(stream: str) -> str:
    """ "" where the provider can be asked, else why not, in words."""
    if stream not in INQUIRIES:
        return "cannot be asked"
    return "" if INQUIRIES[stream]() is not None else "can be asked, but the settings have no key for its API"


def note(stream: str, delivery_ids: Sequence[int], *, now: datetime) -> None:
    """Put down questions about these deliveries of a stream, where its provider can be asked."""
    if stream not in INQUIRIES:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO notices_question (delivery_id, stream, times, next_at, trouble, again)
            SELECT id, %s, 0, %s, '', false FROM unnest(%s::bigint[]) AS t(id) ON CONFLICT DO NOTHING
            """,
            [stream, now, list(delivery_ids)],
        )


def note_gap(gap: StreamGap, *, now: datetime) -> None:
    """Put down questions about every delivery of an open gap that has no report yet."""
    if gap.stream not in INQUIRIES:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.id FROM notices_delivery d
            WHERE d.expects_report AND d.provider = %s AND d.settled_at >= %s AND d.settled_at <= %s
              AND NOT EXISTS (
                  SELECT 1 FROM notices_evidence e
                  WHERE e.notice_id = d.notice_id AND e.delivery_id = d.id AND e.kind = ANY(%s)
              )
              AND NOT EXISTS (SELECT 1 FROM notices_question q WHERE q.delivery_id = d.id)
            """,
            [gap.stream, gap.began_at, gap.resumed_at or now - timedelta(hours=1), _KINDS],
        )
        found = [pk for (pk,) in cursor.fetchall()]
    note(gap.stream, found, now=now)


def ask_due(*, now: datetime) -> dict[str, Counts]:
    """Ask every provider that can be asked the questions that are due. Never inside a transaction.

    Returns:
        What came of it, by stream.
    """
    counts: dict[str, Counts] = {}
    until = time.monotonic() + SECONDS
    for stream, make in INQUIRIES.items():
        inquiry = make()
        if inquiry is None:
            continue
        run = counts.setdefault(stream, Counts())
        _drop_settled(stream)
        while run.asked < AT_ONCE and time.monotonic() < until:
            asked = _claim(stream, now=now)
            if not asked or not _ask(stream, inquiry, asked, run, now=now):
                break
    return {stream: run for stream, run in counts.items() if run.asked}


def _drop_settled(stream: str) -> None:
    """No more questions about what was reported in the meantime."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE notices_question q SET next_at = NULL FROM notices_delivery d
            WHERE q.stream = %s AND q.next_at IS NOT NULL AND NOT q.again AND d.id = q.delivery_id AND EXISTS (
                SELECT 1 FROM notices_evidence e
                WHERE e.notice_id = d.notice_id AND e.delivery_id = d.id AND e.kind = ANY(%s)
            )
            """,
            [stream, _KINDS],
        )


def _claim(stream: str, *, now: datetime) -> list[Asked]:
    """Take due questions, so that nobody else asks them now; a crash leaves them for the next run but one."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH due AS (
                SELECT delivery_id FROM notices_question WHERE stream = %s AND next_at <= %s
                ORDER BY next_at, delivery_id LIMIT %s FOR UPDATE SKIP LOCKED
            )
            UPDATE notices_question q SET asked_at = %s, next_at = %s
            FROM due, notices_delivery d
            WHERE q.delivery_id = due.delivery_id AND d.id = q.delivery_id
            RETURNING d.id, d.notice_id, d.provider_id, d.address
            """,
            [stream, now, BATCH, now, now + timedelta(hours=WAITS[0])],
        )
        return sorted((Asked(*row) for row in cursor.fetchall()), key=lambda each: each.delivery_id)


def _ask(stream: str, inquiry: Inquiry, asked: Sequence[Asked], run: Counts, *, now: datetime) -> bool:
    """Ask, record, and note when to ask again. Returns whether to go on."""
    by_id = {each.delivery_id: each for each in asked}
    answers = list(inquiry.ask(asked))
    readings = [
        _reading(stream, by_id[answer.delivery_id], told, asked_at=now)
        for answer in answers
        for told in answer.events
    ]
    with transaction.atomic():
        # From here on it is as if the webhook had brought them: evidence, the next address, suppression.
        matches, _ = match(readings)
        failures = {each.match.target.id for each in record(matches, now=now)}
        told_of = {each.target.id for each in matches} - failures
        _note_answers(answers, told_of, now=now)
    run.asked += len(answers)
    run.answered += len(told_of)
    run.troubles += [answer.trouble for answer in answers if answer.trouble]
    return not any(answer.stop for answer in answers)


def _reading(stream: str, asked: Asked, told: Told, *, asked_at: datetime) -> Reading:
    return Reading(
        esp=stream,
        # When we asked is no part of the key: the same event, told twice, is one fact.
        event_id=told.event_id or f"asked:{asked.delivery_id}:{told.what.kind}:{told.at.isoformat()}",
        kind=told.what.kind.value,
        at=told.at,
        received_at=asked_at,
        test=told.what.test,
        suppresses=told.what.suppresses,
        delivery_id=asked.delivery_id,
        provider_id=asked.provider_id,
        recipient=told.recipient,
        payload={**told.payload, "asked": True},
    )


def _note_answers(answers: Sequence[Answer], told_of: set[int], *, now: datetime) -> None:
    with connection.cursor() as cursor:
        # A question that was answered is done; one that brought nothing waits longer each time, and not for ever.
        cursor.execute(
            """
            UPDATE notices_question q
            SET times = q.times + 1, trouble = t.trouble,
                answered_at = CASE WHEN t.told THEN %s ELSE q.answered_at END,
                next_at = CASE WHEN NOT t.told
                               THEN %s + make_interval(secs => 3600 * (%s::float8[])[q.times + 1]) END
            FROM unnest(%s::bigint[], %s::bool[], %s::text[]) AS t(id, told, trouble)
            WHERE q.delivery_id = t.id
            """,
            [
                now,
                now,
                list(WAITS),
                [answer.delivery_id for answer in answers],
                [answer.delivery_id in told_of for answer in answers],
                [answer.trouble[:300] for answer in answers],
            ],
        )
