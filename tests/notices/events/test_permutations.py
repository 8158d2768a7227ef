"""Any order, any duplication, any split over requests of the same events gives the same standing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notices.models import Delivery, DeliveryState, Evidence, Notice
from notices.queueing import Contact
from tests.notices.builders import issued
from tests.notices.events.conftest import ISSUED
from tests.notices.events.samples import Case, as_json, sendgrid_event

NAMES = ("processed", "delivered", "hard", "soft", "blocked", "complaint", "opened", "listed")
CHAINS = [[Contact("email", "ana@mail.example", 7), Contact("email", "ana@work.example", 8)]]

Events = Sequence[dict[str, object]]


class Undone(Exception):
    """Ends a transaction whose outcome is known."""


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[str, int]], list[int], list[int]]:
    """Events (name, hours after the sending), an order of them with repetitions, and where requests are cut."""
    events = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 200)), min_size=1, max_size=6))
    order = draw(st.permutations(range(len(events))))
    repeated = draw(st.lists(st.sampled_from(range(len(events))), max_size=4))
    shuffled = draw(st.permutations([*order, *repeated]))
    return events, list(shuffled), draw(st.lists(st.integers(0, len(shuffled)), max_size=3))


def outcome(requests: Sequence[Events], post) -> tuple[object, ...]:
    """The standing after these requests, each posted and interpreted on its own; then all is undone."""
    result: tuple[object, ...] = ()
    try:
        with transaction.atomic():
            for events in requests:
                post("sendgrid", as_json(list(events)))
            notice = Notice.objects.get()
            kinds = sorted(Evidence.objects.values_list("kind", "occurred_at"))
            result = (notice.grade, notice.verdict, notice.served_at, kinds)
            raise Undone
    except Undone:
        return result


@pytest.fixture
def sent(db) -> Case:
    notice = issued(at=ISSUED, chains=CHAINS)
    delivery = Delivery.objects.get(notice=notice)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.ACCEPTED, provider="sendgrid", called_at=ISSUED, tries=1
    )
    return Case(delivery.pk, "m-1", delivery.address)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories())
def test_any_permutation_gives_the_same_verdict(sent, post, history):
    given_events, order, cuts = history
    events = [
        sendgrid_event(
            name, Case(sent.delivery_id, sent.provider_id, sent.address, ISSUED + timedelta(hours=hours))
        )
        for name, hours in given_events
    ]
    edges = [0, *sorted(cuts), len(order)]
    shuffled = [[events[i] for i in order[a:b]] for a, b in itertools.pairwise(edges) if a < b]
    assert outcome(shuffled, post) == outcome([events], post)
