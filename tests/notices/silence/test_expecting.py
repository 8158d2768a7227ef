"""Which carriers report, and what follows where a report does not come: a fact that says so, and no grade."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from notices import queries, recording
from notices.channels import close_channels
from notices.channels.base import Outcome
from notices.history import histories
from notices.models import Evidence, Notice, Watermark
from notices.sending import send_due
from notices.silence.expecting import expects_report, mark_overdue
from tests.notices.builders import issued_many
from tests.notices.channels.servers import smtp_server
from tests.notices.silence.builders import NOW, accepted, every, hours, report


def outcome(provider: str, kind: str = "submitted", **detail: Any) -> Outcome:
    return Outcome(1, kind, provider=provider, detail=detail, at=datetime.now(UTC))


DSN = {"dsn": {"offered": True, "asked": True}}


@pytest.mark.parametrize(
    ("given", "anymail", "expected"),
    [
        (outcome("smtp:mx.example", **DSN), {}, True),
        (outcome("smtp:mx.example", dsn={"offered": False, "asked": False}), {}, False),
        (outcome("smtp:mx.example", "relayed", **DSN), {}, False),
        (outcome("smtp:mx.example", "deferred", **DSN), {}, False),
        (outcome("postmark", esp="Postmark"), {"WEBHOOK_SECRET": "a:b"}, True),
        (outcome("postmark", esp="Postmark"), {"POSTMARK_SERVER_TOKEN": "t"}, False),
        (outcome("postmark", esp="Postmark", test_mode=True), {"WEBHOOK_SECRET": "a:b"}, False),
        (outcome("mailgun", esp="Mailgun"), {"MAILGUN_WEBHOOK_SIGNING_KEY": "k"}, True),
        (outcome("mailgun", esp="Mailgun"), {"MANDRILL_WEBHOOK_KEY": "k"}, False),
        (outcome("inapp", "posted"), {"WEBHOOK_SECRET": "a:b"}, False),
        (outcome("sms:gateway", reports=True), {}, True),
    ],
)
def test_who_is_expected_to_report(settings: Settings, given: Outcome, anymail: Any, expected: bool) -> None:
    settings.ANYMAIL = anymail
    assert expects_report(given) is expected


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("offers", "expected"), [(("DSN",), True), ((), False)])
def test_sending_notes_whether_a_report_is_to_come(settings: Settings, offers: Any, expected: bool) -> None:
    (pk,) = issued_many(1)
    with smtp_server(lambda talk: talk.serve(offers=offers)) as server:
        settings.NOTICE_CHANNELS = {
            "email": {"transport": "smtp", "host": "127.0.0.1", "port": server.port, "pipelining": False}
        }
        send_due([pk])
        close_channels()
    assert Notice.objects.get().deliveries.get().expects_report is expected


@pytest.mark.django_db
def test_overdue_is_said_once_and_changes_no_standing(settings: Settings) -> None:
    silent, heard = accepted([hours(30), hours(30)])
    report([heard])
    (young,) = accepted([hours(5)])
    ids = [silent.notice_id, heard.notice_id, young.notice_id]
    before = queries.standings(ids, now=NOW)

    assert mark_overdue(now=NOW) == {"postmark": 1}
    assert mark_overdue(now=NOW) == {}
    Watermark.objects.all().delete()  # as if the sweep had died before it noted how far it came
    assert mark_overdue(now=NOW) == {"postmark": 0}

    fact = Evidence.objects.get(kind="overdue")
    assert (fact.delivery_id, fact.occurred_at, fact.source) == (silent.pk, hours(6), "reconcile")
    after = queries.standings(ids, now=NOW)
    assert {pk: (s.grade, s.verdict, s.served_at) for pk, s in after.items()} == {
        pk: (s.grade, s.verdict, s.served_at) for pk, s in before.items()
    }


@pytest.mark.django_db
def test_the_words_say_that_no_data_is_neither() -> None:
    (silent,) = accepted([hours(30)])
    mark_overdue(now=NOW)
    history = histories([silent.notice], now=NOW)[silent.notice_id]
    assert history.standing.weakest_link == (
        "It was handed over for delivery; nothing shows that it arrived. Its report is overdue since "
        "23 November 2026 06:00 UTC; no data is neither delivered nor not delivered."
    )
    overdue = next(fact for fact in history.facts if fact.kind == "overdue")
    assert (overdue.grade, overdue.what) == (0, "the report that its carrier should have sent is overdue")
    assert overdue.words.startswith("The report of postmark is overdue since 23 November 2026 06:00 UTC")

    report([silent])  # it comes after all: nothing is overdue any more
    assert "overdue" not in histories([silent.notice], now=NOW)[silent.notice_id].standing.weakest_link


@pytest.mark.django_db
def test_what_comes_of_age_later_is_found_by_a_later_sweep() -> None:
    accepted([hours(30), hours(20)])
    assert mark_overdue(now=NOW) == {"postmark": 1}
    assert mark_overdue(now=NOW + timedelta(hours=5)) == {"postmark": 1}
    assert Evidence.objects.filter(kind="overdue").count() == 2


@pytest.mark.django_db
def test_a_dry_run_counts_and_writes_nothing() -> None:
    accepted([hours(30)])
    assert mark_overdue(now=NOW, dry_run=True) == {"postmark": 1}
    assert not Evidence.objects.filter(kind="overdue").exists()
    assert mark_overdue(now=NOW) == {"postmark": 1}


@pytest.mark.django_db
def test_nothing_is_expected_of_who_was_not_to_report() -> None:
    accepted([hours(30)], "smtp:mx.example", expects=False)
    assert mark_overdue(now=NOW) == {}


@pytest.mark.django_db
def test_a_sweep_is_a_handful_of_statements_whatever_was_reported(django_assert_max_num_queries: Any) -> None:
    report(accepted(every(1, 60, until=hours(25))))
    with django_assert_max_num_queries(10):
        assert mark_overdue(now=NOW) == {}


@pytest.mark.django_db
@pytest.mark.parametrize("late", ["relayed", "delivered", "bounced", "complained"])
def test_overdue_before_or_after_the_report_amounts_to_the_same(late: str) -> None:
    """The sweep and the report may come in either order; the standing is that of the report alone."""
    first, second, alone = accepted([hours(30)] * 3)
    mark_overdue(now=NOW)
    report([first, second, alone], late)
    recording.regrade([first.notice_id, second.notice_id, alone.notice_id], now=NOW)
    standings = queries.standings([first.notice_id, second.notice_id, alone.notice_id], now=NOW)
    assert len({(s.grade, s.verdict, s.served_at, s.weakest_link) for s in standings.values()}) == 1
