"""Events find their delivery, early, late, twice, in any company; what cannot be used waits and is never dropped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from notices import signals, tokens
from notices.events import waiting
from notices.events.interpreting import interpret
from notices.models import Delivery, DeliveryState, Evidence, Notice, ProviderEvent, WebhookRequest
from notices.queueing import Contact
from tests.notices.builders import issued, issued_many
from tests.notices.events import samples
from tests.notices.events.conftest import accepted
from tests.notices.events.samples import Case, Post

pytestmark = pytest.mark.django_db


def kinds() -> list[str]:
    return sorted(Evidence.objects.values_list("kind", flat=True))


def later(**delta: float) -> datetime:
    return datetime.now(UTC) + timedelta(**delta)


def test_delivered_and_bounced_three_days_later_turns_the_verdict_and_stops_the_clock(post):
    case = accepted("postmark")
    post("postmark", samples.postmark("delivered", case))
    notice = Notice.objects.get()
    assert (notice.grade, notice.verdict, notice.served_at) == (2, "not_proven", case.at)
    late = Case(case.delivery_id, case.provider_id, case.address, case.at + timedelta(days=3))
    post("postmark", samples.postmark("hard", late))
    notice = Notice.objects.get()
    assert (notice.grade, notice.verdict, notice.served_at) == (0, "disproven", None)


def test_a_bounce_moves_on_to_the_next_address(post):
    chain = [[Contact("email", "first@mail.example", 1), Contact("email", "second@mail.example", 2)]]
    case = accepted("sendgrid", chains=chain)
    post("sendgrid", samples.sendgrid("hard", case))
    post("sendgrid", samples.sendgrid("hard", case))
    assert Delivery.objects.get(address="second@mail.example").state == "queued"


@pytest.mark.parametrize("state", [DeliveryState.CALLING, DeliveryState.UNKNOWN])
@pytest.mark.parametrize(
    ("name", "settled"), [("delivered", "accepted"), ("hard", "refused"), ("soft", "accepted")]
)
def test_an_event_settles_an_attempt_that_is_in_doubt(post, state, name, settled):
    case = accepted("postmark")
    Delivery.objects.update(state=state, provider="", provider_id="")
    post("postmark", samples.postmark(name, case))
    delivery = Delivery.objects.get(pk=case.delivery_id)
    assert (delivery.state, delivery.provider, delivery.provider_id) == (settled, "postmark", "message-1")


def test_what_seemed_to_fail_and_was_taken_is_not_sent_again(post):
    case = accepted("postmark")
    Delivery.objects.update(state=DeliveryState.QUEUED, due_at=later(minutes=5), provider="", provider_id="")
    post("postmark", samples.postmark("delivered", case))
    assert Delivery.objects.get().state == "accepted"


def test_an_event_before_our_own_commit_is_matched_when_the_message_id_is_here(post, monkeypatch):
    case = accepted("postmark")
    Delivery.objects.update(state=DeliveryState.CALLING, provider="", provider_id="")
    monkeypatch.setattr(Case, "metadata", {})
    post("postmark", samples.postmark("delivered", case))
    assert (kinds(), ProviderEvent.objects.get().state) == ([], "unmatched")
    Delivery.objects.update(state=DeliveryState.ACCEPTED, provider="postmark", provider_id="message-1")
    assert interpret(now=later(seconds=30))["matched"] == 1
    assert (kinds(), ProviderEvent.objects.count()) == (["relayed"], 0)


def test_an_event_about_an_unknown_message_is_tried_again_ever_more_rarely_and_kept(post):
    post("postmark", samples.postmark("delivered", Case(7_000_000, "not-ours")))
    post("postmark", samples.postmark("delivered", Case(7_000_000, "not-ours")))
    event = ProviderEvent.objects.get()
    now = later()
    while event.due_at:
        now = event.due_at
        waiting.take_up(now=now)
        event.refresh_from_db()
    assert event.tries == 1 + len(waiting.UNMATCHED)
    assert later(days=7) < now < later(days=9)
    assert waiting.take_up(now=later(days=400)) == {}


def test_a_token_of_another_installation_is_not_believed(post, settings):
    case = accepted("postmark")
    foreign = samples.postmark(
        "hard", Case(case.delivery_id, "theirs"), Metadata={"delivery": str(case.delivery_id)}
    )
    post("postmark", foreign)
    assert (kinds(), ProviderEvent.objects.count()) == ([], 1)


def test_an_event_about_another_address_is_not_believed(post):
    case = accepted("postmark")
    post("postmark", samples.postmark("hard", Case(case.delivery_id, case.provider_id, "other@mail.example")))
    assert kinds() == []
    assert "recipient" in ProviderEvent.objects.get().reason


def test_an_address_in_other_letters_is_the_same(post):
    case = accepted("postmark", chains=[[Contact("email", "Ana@bücher.example", 7)]])
    post(
        "postmark", samples.postmark("hard", Case(case.delivery_id, "message-1", "ana@XN--bcher-kva.example"))
    )
    assert kinds() == ["bounced"]


def test_an_event_of_another_provider_is_not_believed(post):
    case = accepted("postmark")
    post("sendgrid", samples.sendgrid("hard", case))
    assert (kinds(), ProviderEvent.objects.count()) == ([], 1)


def test_our_message_id_finds_the_delivery_where_mail_went_through_the_provider_s_smtp_door(
    post, monkeypatch
):
    case = accepted("smtp:smtp.brevo.example", "queue-id")
    ours = Case(case.delivery_id, tokens.message_id(case.delivery_id), case.address)
    monkeypatch.setattr(Case, "metadata", {})
    post("brevo", samples.brevo("delivered", ours))
    assert kinds() == ["relayed"]


def test_several_recipients_in_one_request_are_each_their_own(post):
    ids = issued_many(3)
    deliveries = Delivery.objects.in_bulk(ids)
    Delivery.objects.update(state="accepted", provider="sendgrid")
    cases = [Case(pk, f"m-{pk}", deliveries[pk].address) for pk in ids]
    names = ["delivered", "hard", "complaint"]
    post(
        "sendgrid", samples.as_json([samples.sendgrid_event(n, c) for n, c in zip(names, cases, strict=True)])
    )
    assert [Evidence.objects.get(delivery=pk).kind for pk in ids] == ["relayed", "bounced", "complained"]


def test_a_provider_in_test_mode_proves_nothing_whatever_it_reports(post):
    from notices.ledger import NewFact
    from notices.recording import record

    case = accepted("postmark")
    notice = Notice.objects.get()
    fact = NewFact(notice.pk, "submitted", "postmark", case.at, case.delivery_id, {}, event_id="x", test=True)
    record([fact], now=case.at)
    for name in ("delivered", "opened", "complaint", "hard"):
        post("postmark", samples.postmark(name, case))
    notice.refresh_from_db()
    assert (notice.grade, notice.served_at) == (0, None)
    assert Evidence.objects.filter(test=True).count() == 5


def test_simulated_recipients_are_tests(post):
    chain = [[Contact("email", "sink@x.sink.sparkpostmail.com", 1)]]
    post("sparkpost", samples.sparkpost("delivered", accepted("sparkpost", chains=chain)))
    assert Evidence.objects.get().test


@pytest.mark.parametrize("days", [-365, 365])
def test_a_time_that_cannot_be_counts_as_the_time_when_it_came(post, days):
    case = accepted("postmark")
    wrong = Case(case.delivery_id, case.provider_id, case.address, datetime.now(UTC) + timedelta(days=days))
    post("postmark", samples.postmark("delivered", wrong))
    assert abs(Notice.objects.get().served_at - datetime.now(UTC)) < timedelta(minutes=1)


# --- What raises ------------------------------------------------------------------------------------------------------


@pytest.fixture
def raising(monkeypatch):
    """A receiver that cannot bear one notice; the list says which."""
    hated: list[int] = []

    def receiver(*, changes, **_):
        if hated and any(change.notice_id in hated for change in changes):
            raise RuntimeError("a mistake of ours")

    signals.evidence_recorded.connect(receiver)
    yield hated
    signals.evidence_recorded.disconnect(receiver)


def test_a_receiver_that_raises_holds_up_its_own_event_alone(post, raising):
    ids = issued_many(8)
    deliveries = Delivery.objects.in_bulk(ids)
    Delivery.objects.update(state="accepted", provider="sendgrid")
    raising.append(deliveries[ids[5]].notice_id)
    cases = [Case(pk, f"m-{pk}", deliveries[pk].address) for pk in ids]
    sample = samples.as_json([samples.sendgrid_event("delivered", case) for case in cases])
    assert post("sendgrid", sample).status_code == 200
    assert Evidence.objects.count() == 7
    event = ProviderEvent.objects.get()
    assert (event.state, event.tries, event.reason) == ("failed", 1, "RuntimeError: a mistake of ours")
    assert not WebhookRequest.objects.exists()
    raising.clear()
    interpret(now=later(minutes=1))
    assert (Evidence.objects.count(), ProviderEvent.objects.count()) == (8, 0)


def test_an_event_that_cannot_be_read_is_set_apart_from_its_batch(post):
    case = accepted("sendgrid")
    events = [
        samples.sendgrid_event("delivered", case),
        {"no": "event"},
        samples.sendgrid_event("opened", case),
    ]
    assert post("sendgrid", samples.as_json(events)).status_code == 200
    assert kinds() == ["opened", "relayed"]
    left = WebhookRequest.objects.get()
    assert (left.state, left.tries, left.reason) == ("failed", 1, "KeyError: 'event'")
    assert interpret(now=later(days=1)) == {}


def test_a_whole_request_that_cannot_be_read_is_kept_and_can_be_tried_again(post):
    assert post("postmark", Post(b'{"RecordType": ', headers=samples.basic())).status_code == 200
    left = WebhookRequest.objects.get()
    assert left.state == "failed"
    assert waiting.try_again(WebhookRequest, [left.pk], now=later()) == 1
    assert interpret(now=later(seconds=1))["unread"] == 1
    assert WebhookRequest.objects.get().tries == 2


def test_hostile_text_is_recorded_and_not_lost(post):
    case = accepted("postmark")
    hostile = {"Details": "\ud800 \x00 ok", "é": 1.5, "n": 2**70, "deep": {"a": [1e400, None, True]}}
    body = json.dumps(samples.postmark_event("delivered", case, **hostile)).encode()
    assert post("postmark", Post(body, headers=samples.basic())).status_code == 200
    assert kinds() == ["relayed"]


def test_the_work_is_a_fixed_number_of_queries(post):
    def queries(count: int) -> int:
        ids = issued_many(count) if not Delivery.objects.exists() else []
        ids = ids or [
            d.pk
            for d in Delivery.objects.filter(notice__in=[issued(recipient=f"v-{n}").pk for n in range(count)])
        ]
        addresses = dict(Delivery.objects.filter(pk__in=ids).values_list("pk", "address"))
        Delivery.objects.update(state="accepted", provider="sendgrid")
        events = [samples.sendgrid_event("delivered", Case(pk, f"m-{pk}", addresses[pk])) for pk in ids]
        post("sendgrid", samples.as_json(events), interpreted=False)
        with CaptureQueriesContext(connection) as captured:
            interpret(now=later())
        return len(captured)

    assert queries(2) == queries(40)
    assert Evidence.objects.count() == 42


# --- Rules of the database --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE notices_providerevent SET kind = 'relayed'",
        "UPDATE notices_providerevent SET body = ''",
        "DELETE FROM notices_providerevent",
        "TRUNCATE notices_providerevent",
        "UPDATE notices_providerevent SET state = 'dismissed'",
        "UPDATE notices_webhookrequest SET body = ''",
        "UPDATE notices_webhookrequest SET received_at = now()",
        "TRUNCATE notices_webhookrequest",
    ],
)
def test_the_database_refuses(post, sql):
    post("postmark", samples.postmark("hard", Case(7_000_000)))
    post("postmark", samples.postmark("hard", Case(7_000_000)), interpreted=False)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_setting_aside_takes_a_reason_and_stays(post):
    post("postmark", samples.postmark("hard", Case(7_000_000)))
    event = ProviderEvent.objects.get()
    with pytest.raises(waiting.NotDismissed, match="Say why"):
        waiting.dismiss(ProviderEvent, [event.pk], because=" ", actor="user:mod")
    assert waiting.dismiss(ProviderEvent, [event.pk], because="Not our mail.", actor="user:mod") == 1
    assert interpret(now=later(days=30)) == {}
    event.refresh_from_db()
    assert (event.state, event.dismissed_by) == ("dismissed", "user:mod")
