"""The history of a notice: every attempt and every fact, in order, with the standing that they amount to.

As of any moment: what we knew, and had tried, by then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notices.grading import ServiceRule, Standing
from notices.kinds import GRADES, Kind
from notices.ledger import payloads
from notices.models import Delivery, DeliveryState, Evidence, Notice
from notices.queries import standings


@dataclass(frozen=True, slots=True)
class Happening:
    """One fact as people read it: when it happened, when we learnt it, what, who says so, in which words."""

    at: datetime
    recorded_at: datetime
    kind: str
    what: str
    grade: int
    source: str
    words: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AttemptHistory:
    """One delivery with its facts, oldest first. `repeats` is the delivery that it repeats, if any.

    `contact_ref` is the caller's id of the contact point, `called_at` the last call, if there was one by then.
    """

    id: int
    notice_id: int
    number: str
    channel: str
    contact_ref: int | None
    called_at: datetime | None
    address: str
    state: str
    queued_at: datetime
    repeats: str
    reason: str
    facts: tuple[Happening, ...]


@dataclass(frozen=True, slots=True)
class NoticeHistory:
    """All about one notice. `by_holder` are facts of no single delivery: views and acknowledgements."""

    notice: Notice
    standing: Standing
    rule: ServiceRule
    attempts: tuple[AttemptHistory, ...]
    by_holder: tuple[Happening, ...]

    @property
    def facts(self) -> list[Happening]:
        """Every fact, oldest first."""
        return sorted([f for a in self.attempts for f in a.facts] + list(self.by_holder), key=lambda f: f.at)

    @property
    def erased_at(self) -> datetime | None:
        """When its text, addresses and payloads were first erased, or None."""
        return next((fact.at for fact in self.facts if fact.kind == Kind.ERASED), None)


def histories(
    notices: Sequence[Notice], *, now: datetime, known_at: datetime | None = None
) -> dict[int, NoticeHistory]:
    """The histories of these notices, by id; a handful of queries for all.

    Args:
        known_at: as of this moment, in the past; None: as of now.
    """
    ids = [notice.pk for notice in notices]
    moment = known_at or now
    standing = standings(ids, now=moment, known_at=known_at)
    facts: dict[tuple[int, int | None], list[Happening]] = {}
    evidence = Evidence.objects.filter(notice__in=ids).select_related("payload").order_by("occurred_at", "pk")
    deliveries = Delivery.objects.filter(notice__in=ids).order_by("pk")
    if known_at is not None:
        evidence, deliveries = (
            evidence.filter(recorded_at__lte=known_at),
            deliveries.filter(created_at__lte=known_at),
        )
    for fact in evidence:
        facts.setdefault((fact.notice_id, fact.delivery_id), []).append(_happening(fact))
    attempts: dict[int, list[AttemptHistory]] = {pk: [] for pk in ids}
    for delivery in deliveries:
        of_delivery = tuple(facts.get((delivery.notice_id, delivery.pk), ()))
        attempts[delivery.notice_id].append(
            AttemptHistory(
                id=delivery.pk,
                notice_id=delivery.notice_id,
                number=str(delivery),
                channel=delivery.channel,
                contact_ref=delivery.contact_ref,
                called_at=delivery.called_at if delivery.called_at and delivery.called_at <= moment else None,
                address=delivery.address,
                state=delivery.state if known_at is None else _state_from(of_delivery),
                queued_at=delivery.created_at,
                repeats=f"D-{delivery.retry_of_id}" if delivery.retry_of_id else "",
                reason=delivery.retry_reason,
                facts=of_delivery,
            )
        )
    return {
        notice.pk: NoticeHistory(
            notice=notice,
            standing=standing[notice.pk],
            rule=ServiceRule.from_json(notice.service_rule),
            attempts=tuple(attempts[notice.pk]),
            by_holder=tuple(facts.get((notice.pk, None), ())),
        )
        for notice in notices
    }


def _state_from(facts: Sequence[Happening]) -> str:
    """The state that a delivery had, from the facts known at a past moment."""
    state = DeliveryState.QUEUED
    for fact in facts:
        if fact.kind == Kind.LOST:
            state = DeliveryState.UNKNOWN
        elif fact.kind in {Kind.REFUSED, Kind.SUPPRESSED, Kind.EXPIRED}:
            state = DeliveryState.REFUSED
        elif fact.kind != Kind.DEFERRED and fact.grade:
            state = DeliveryState.ACCEPTED
    return state


def _happening(fact: Evidence) -> Happening:
    payload = json.loads(payloads.unpack(bytes(fact.payload.body)) or b"{}")
    return Happening(
        at=fact.occurred_at,
        recorded_at=fact.recorded_at,
        kind=fact.kind,
        what=Kind(fact.kind).label + (" (provider in test mode: worth nothing)" if fact.test else ""),
        grade=0 if fact.test else GRADES.get(fact.kind, 0),
        source=fact.source,
        words=_words(payload),
        payload=payload,
    )


def _words(payload: dict[str, Any]) -> str:
    """What the source said, in its own words: the server's reply, or the report's diagnosis."""
    if payload.get("reply"):
        return str(payload["reply"])
    if "action" in payload:
        by = payload.get("remote_mta") or payload.get("reporting_mta") or ""
        said = payload.get("diagnostic_code") or payload.get("status") or ""
        return ", ".join(part for part in (payload["action"], said, by) if part)
    return str(payload.get("what") or payload.get("last_reply") or "")
