"""Gaps in the reports of a stream: opened, closed by themselves or by a person; and what rests on silence meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from notices import queries, recording, sweeping
from notices.models import Delivery, Notice, Question, StreamGap
from notices.silence import gaps
from notices.silence.holding import holds
from notices.silence.reconciling import reconcile
from tests.notices.silence.builders import BOTH, DEEMED, NOW, a_cut_stream, accepted, every, hours, report

pytestmark = pytest.mark.django_db


def later(number: float) -> Any:
    return NOW + timedelta(hours=number)


def round_at(moment: Any) -> Any:
    return reconcile(now=moment, ask=False)


def a_gap(began_at: Any, stream: str = "postmark") -> StreamGap:
    gap = StreamGap.objects.create(
        stream=stream, began_at=began_at, noticed_at=began_at, expected=60, missing=60, usual=0
    )
    gaps.regrade(now=NOW)
    return gap


# --- Opening -----------------------------------------------------------------------------------------------------


def test_a_cut_stream_opens_one_gap_since_the_first_silent_delivery() -> None:
    _, silent = a_cut_stream()
    assert round_at(NOW).opened == ["postmark"]
    assert round_at(NOW).opened == []
    gap = StreamGap.objects.get()
    assert (gap.stream, gap.began_at, gap.missing, gap.expected) == ("postmark", silent[0].settled_at, 60, 60)


def test_a_cut_that_nobody_looked_at_for_hours_is_dated_to_its_first_silent_delivery() -> None:
    report(accepted(every(2, 400, until=hours(8))))
    silent = accepted(every(3, 130, until=hours(1.1)))
    assert round_at(NOW).opened == ["postmark"]
    gap = StreamGap.objects.get()
    assert (gap.began_at, gap.missing) == (silent[0].settled_at, 130)


def test_a_stream_that_reports_has_none() -> None:
    report(accepted(every(1, 150, until=hours(1.05))))
    assert round_at(NOW).opened == []


def test_few_silent_deliveries_open_none() -> None:
    report(accepted(every(5, 120, until=hours(3))))
    accepted(every(1, 10, until=hours(1.1)))
    assert round_at(NOW).opened == []


def test_streams_are_looked_at_each_by_itself() -> None:
    a_cut_stream("smtp:mx.example")
    report(accepted(every(2, 120, until=hours(1.05))))
    assert round_at(NOW).opened == ["smtp:mx.example"]


def test_a_slow_stream_is_looked_at_by_its_last_deliveries() -> None:
    report(accepted(every(60 * 4, 100, until=hours(24 * 11))))
    accepted(every(60 * 5, 52, until=hours(2)))
    assert round_at(NOW).opened == ["postmark"]


def test_a_webhook_that_was_never_heard_of() -> None:
    accepted(every(1, 60, until=hours(30)))
    assert round_at(NOW).opened == ["postmark"]


# --- Closing -----------------------------------------------------------------------------------------------------


def test_a_gap_stays_open_while_reports_flow_but_the_missing_ones_do_not_come() -> None:
    _, silent = a_cut_stream()
    round_at(NOW)
    report(accepted(every(1, 60, until=later(0.9))))
    assert round_at(later(2)).closed == []
    gap = StreamGap.objects.get()
    assert (gap.ended_at, gap.missing) == (None, 60)
    assert gap.resumed_at == later(1)

    report(silent)
    assert round_at(later(3)).closed == ["postmark"]
    gap.refresh_from_db()
    assert (gap.ended_at, gap.closed, gap.missing) == (later(3), "arrived", 0)
    assert round_at(later(4)).opened == []


def test_a_gap_stays_open_when_part_of_the_missing_comes_and_nothing_flows() -> None:
    _, silent = a_cut_stream()
    round_at(NOW)
    report(silent[:40])
    assert round_at(later(1)).closed == []


def test_late_reports_of_all_close_it() -> None:
    _, silent = a_cut_stream()
    round_at(NOW)
    report(silent)
    assert round_at(later(0.1)).closed == ["postmark"]


def test_a_person_closes_a_gap_with_a_reason_and_it_does_not_open_again() -> None:
    a_cut_stream()
    round_at(NOW)
    gap = StreamGap.objects.get()
    with pytest.raises(gaps.NoReason):
        gaps.close_by_person(gap.pk, who="user:mona", reason=" ", at=NOW)
    assert gaps.close_by_person(gap.pk, who="user:mona", reason="Their status page says so.", at=later(0.5))
    assert not gaps.close_by_person(gap.pk, who="user:mikael", reason="Me too.", at=later(0.6))
    gap.refresh_from_db()
    assert (gap.closed, gap.closed_by, gap.reason) == ("by_person", "user:mona", "Their status page says so.")
    assert round_at(later(1)).opened == []

    accepted(every(1, 60, until=later(2)))  # but what is silent after that is another gap
    assert round_at(later(3.1)).opened == ["postmark"]


# A gap is not removed, moved, ended without saying how, or opened beside another of the same stream.
ATTACKS = (
    "DELETE FROM notices_streamgap",
    "UPDATE notices_streamgap SET began_at = now()",
    "UPDATE notices_streamgap SET ended_at = now()",
    "UPDATE notices_streamgap SET ended_at = now(), closed = 'by_person'",
    (
        "INSERT INTO notices_streamgap (stream, began_at, noticed_at, expected, missing, usual, closed, closed_by, "
        "reason) VALUES ('postmark', now(), now(), 1, 1, 0, '', '', '')"
    ),
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_database_keeps_gaps_whole(attack: str) -> None:
    a_gap(hours(2))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)


# --- Deemed service ----------------------------------------------------------------------------------------------


def deemed_in(days: float) -> Delivery:
    """A notice that two channels took, so that its seven days of silence end in so many days."""
    (delivery,) = accepted([NOW - timedelta(days=7 - days)], chains=BOTH, service_rule=DEEMED)
    return delivery


def standing(delivery: Delivery) -> tuple[Any, bool, Any]:
    notice = Notice.objects.get(pk=delivery.notice_id)
    return notice.served_at, notice.deemed, notice.deemed_due_at


def test_silence_in_a_gap_serves_nobody_until_the_gap_is_closed() -> None:
    delivery = deemed_in(1)
    gap = a_gap(hours(2))
    sweeping.deem_served(now=NOW + timedelta(days=2))
    assert standing(delivery) == (None, False, None)
    assert "a bounce might not have reached us" in (
        queries.standings([delivery.notice_id], now=NOW)[delivery.notice_id].weakest_link
    )

    gaps.close_by_person(gap.pk, who="user:mona", reason="Nothing bounced.", at=NOW + timedelta(days=3))
    gaps.regrade(now=NOW + timedelta(days=3))
    assert standing(delivery) == (NOW + timedelta(days=1), True, None)


def test_a_gap_that_is_noticed_late_takes_back_what_its_silence_served() -> None:
    before, within = deemed_in(-2), deemed_in(-0.5)
    sweeping.deem_served(now=NOW)
    assert standing(before)[1]
    assert standing(within)[1]
    a_gap(NOW - timedelta(days=1))
    assert standing(before)[1]
    assert standing(within) == (None, False, None)


def test_a_bounce_that_comes_after_the_gap_ends_deemed_service() -> None:
    delivery = deemed_in(1)
    gap = a_gap(hours(2))
    report([delivery], "bounced", after=timedelta(days=7))
    gaps.close_by_person(gap.pk, who="user:mona", reason="All came.", at=NOW)
    gaps.regrade(now=NOW + timedelta(days=9))
    assert standing(delivery) == (None, False, None)


def test_a_provider_that_has_no_way_to_tell_us_of_a_bounce_is_blind() -> None:
    (silent,) = accepted([NOW - timedelta(days=9)], chains=BOTH, service_rule=DEEMED, expects=False)
    (mail,) = accepted(
        [NOW - timedelta(days=9)], "smtp:mx.example", chains=BOTH, service_rule=DEEMED, expects=False
    )
    (heard,) = accepted(
        [NOW - timedelta(days=9)], chains=BOTH, service_rule={**DEEMED, "grade": 3}, expects=False
    )
    report([heard])  # its webhook was set up since: of this one we heard
    recording.regrade([d.notice_id for d in (silent, mail, heard)], now=NOW)
    assert [standing(d)[1] for d in (silent, mail, heard)] == [False, True, True]


def test_gaps_cost_no_further_query(django_assert_num_queries: Any) -> None:
    deliveries = accepted([hours(30)] * 5)
    a_gap(hours(40))
    with django_assert_num_queries(2):
        queries.standings([d.notice_id for d in deliveries], now=NOW)


def test_a_verdict_of_the_past_knows_the_gaps_of_then() -> None:
    """A moment before the gap was noticed is judged without it: that is what we knew."""
    delivery = deemed_in(-2)
    StreamGap.objects.create(
        stream="postmark",
        began_at=NOW - timedelta(days=4),
        noticed_at=later(5),
        expected=60,
        missing=60,
        usual=0,
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(recorded_at) FROM notices_evidence")
        learnt = cursor.fetchone()[0]
    if learnt < later(5):  # the database's own clock runs on real time
        then = queries.standings([delivery.notice_id], now=NOW, known_at=learnt)[delivery.notice_id]
        assert then.deemed
    assert not queries.standings([delivery.notice_id], now=NOW)[delivery.notice_id].deemed


# --- In doubt ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "held"), [("relayed", True), ("delivered", True), ("displayed", False), ("acknowledged", False)]
)
def test_only_what_a_missing_bounce_could_take_back_is_held(kind: str, held: bool) -> None:
    (delivery,) = accepted([hours(30)])
    report([delivery], kind)
    assert holds([delivery.notice_id], now=NOW) == {}
    a_gap(hours(2))
    found = holds([delivery.notice_id], now=NOW)
    assert bool(found) is held
    if held:
        assert str(found[delivery.notice_id]) == (
            "The reports of postmark have been missing since 23 November 2026 10:00 UTC; "
            "a bounce may not have reached us."
        )


def test_what_another_stream_reported_is_not_in_doubt() -> None:
    (delivery,) = accepted([hours(30)], "smtp:mx.example")
    report([delivery])
    a_gap(hours(2))
    assert holds([delivery.notice_id], now=NOW) == {}


@pytest.mark.parametrize(
    "order", [("report", "gap", "close"), ("gap", "report", "close"), ("gap", "close", "report")]
)
@pytest.mark.parametrize("kind", ["relayed", "bounced", None])
def test_when_the_gap_is_closed_the_rows_stand_as_if_it_had_never_been(order: Any, kind: str | None) -> None:
    touched, other = deemed_in(-1), deemed_in(-1)
    gap: StreamGap | None = None
    for what in order:
        if what == "gap":
            gap = a_gap(NOW - timedelta(days=3))
        elif what == "close":
            assert gap is not None
            gaps.close_by_person(gap.pk, who="user:mona", reason="Known.", at=NOW)
            gaps.regrade(now=NOW)
        elif kind:
            report([touched], kind)
    if kind:
        report([other], kind)
    recording.regrade([other.notice_id], now=NOW)
    sweeping.deem_served(now=NOW)
    assert standing(touched) == standing(other)
    assert not Question.objects.exists()
