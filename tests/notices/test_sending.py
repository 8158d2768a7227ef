"""From queued rows to recorded outcomes: what a server answers becomes the right state, evidence and next step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from notices import sending, sweeping
from notices.channels import close_channels
from notices.channels.base import Outcome
from notices.ledger import payloads
from notices.models import Delivery, Evidence, Notice
from notices.queueing import Contact
from notices.rerouting import NotRepeatable, repeat
from tests.flows.counting import Counting, counting_server
from tests.notices.builders import issued, issued_many

pytestmark = pytest.mark.django_db(transaction=True)

TWO_ADDRESSES = [[Contact("email", "first@mail.example", 1), Contact("email", "second@mail.example", 2)]]
MAIL_AND_INBOX = [[Contact("email", "ana@mail.example", 1)], [Contact("inapp", "u-1")]]


@pytest.fixture
def server(settings: Any) -> Iterator[Counting]:
    with counting_server() as (handler, port):
        settings.NOTICE_CHANNELS = {
            "email": {**settings.NOTICE_CHANNELS["email"], "host": "127.0.0.1", "port": port},
            "inapp": {},
        }
        yield handler
        close_channels()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the e-mail channel answer what the test says, by address; the channels' own tests try real servers."""

    def answer(**kinds: str) -> None:
        class Channel:
            name = "email"

            def send(self, messages: Any) -> Iterator[Outcome]:
                for m in messages:
                    kind = kinds[m.address.partition("@")[0]]
                    yield Outcome(
                        m.delivery_id, kind, at=datetime.now(UTC), reply=f"said {kind}", provider="smtp:test"
                    )

        monkeypatch.setattr(sending, "get_channel", lambda name: Channel())

    return answer


def send_all() -> int:
    return sending.send_due(list(Delivery.objects.order_by("pk").values_list("pk", flat=True)))


def kinds() -> list[str]:
    return list(Evidence.objects.order_by("pk").values_list("kind", flat=True))


def test_a_notice_goes_out_once_and_the_server_s_words_are_kept(server):
    notice = issued()
    assert send_all() == 1
    assert send_all() == 0  # a hint that comes twice
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.provider_id) == ("accepted", "1")
    assert server.recipients == {"ana@mail.example": 1}
    fact = Evidence.objects.get()
    assert (fact.kind, fact.notice_id) == ("submitted", notice.pk)
    assert b"Ok: queued as 1" in payloads.unpack(bytes(fact.payload.body))
    assert Notice.objects.get().grade == 1


def test_the_recipient_s_own_server_is_worth_more_than_a_relay(server, settings):
    settings.NOTICE_CHANNELS["email"]["role"] = "recipient"
    issued()
    send_all()
    assert kinds() == ["relayed"]
    assert Notice.objects.get().served_at is not None


def test_hundreds_go_out_in_batches_each_to_its_own_address(server):
    ids = issued_many(250)
    assert sending.send_due(ids) == 250
    assert set(server.recipients.values()) == {1}
    assert Delivery.objects.filter(state="accepted").count() == Evidence.objects.count() == 250


def test_nothing_leaves_inside_a_transaction(server):
    issued()
    with pytest.raises(RuntimeError), transaction.atomic():
        send_all()
    assert not server.received


def test_the_inbox_and_the_mail_are_independent_channels(server):
    issued(chains=MAIL_AND_INBOX)
    send_all()
    assert sorted(kinds()) == ["posted", "submitted"]


def test_a_refusal_moves_on_to_the_next_address(answers):
    answers(first="refused", second="submitted")
    issued(chains=TWO_ADDRESSES)
    send_all()
    assert Delivery.objects.get(address="second@mail.example").state == "queued"
    send_all()
    states = dict(Delivery.objects.values_list("address", "state"))
    assert states == {"first@mail.example": "refused", "second@mail.example": "accepted"}


def test_when_every_address_refuses_it_is_disproven(answers):
    answers(first="refused", second="suppressed")
    issued(chains=TWO_ADDRESSES)
    send_all()
    send_all()
    assert send_all() == 0
    assert Notice.objects.get().verdict == "disproven"


def test_a_deferral_waits_and_is_tried_again(answers, settings):
    settings.NOTICE_RETRY_MINUTES = [5, 60]
    answers(ana="deferred")
    issued()
    send_all()
    delivery = Delivery.objects.get()
    wait = delivery.due_at - datetime.now(UTC)
    assert delivery.state == "queued"
    assert timedelta(minutes=3.9) < wait < timedelta(minutes=6.1)
    assert send_all() == 0  # not due yet
    Delivery.objects.update(due_at=datetime.now(UTC))
    answers(ana="submitted")
    send_all()
    assert kinds() == ["deferred", "submitted"]
    assert Delivery.objects.get().tries == 2


def test_deferral_ends_and_the_next_address_is_tried(answers, settings):
    settings.NOTICE_RETRY_FOR_HOURS = 0.0
    answers(first="deferred", second="submitted")
    issued(chains=TWO_ADDRESSES)
    send_all()
    assert kinds() == ["deferred", "expired"]
    assert Delivery.objects.get(address="first@mail.example").state == "refused"
    assert Delivery.objects.get(address="second@mail.example").state == "queued"


def test_a_lost_answer_is_unknown_and_nothing_is_sent_again(answers):
    answers(ana="lost")
    issued()
    send_all()
    assert Delivery.objects.get().state == "unknown"
    assert (sweeping.find_unsent(now=datetime.now(UTC)), send_all()) == (0, 0)


def test_what_is_unknown_is_repeated_only_as_a_linked_attempt_with_the_same_message_id(answers):
    answers(ana="lost")
    issued()
    send_all()
    old = Delivery.objects.get()
    new = Delivery.objects.get(pk=repeat(old.pk, reason="a colleague asked", now=datetime.now(UTC)))
    assert (new.retry_of, bytes(new.head), new.retry_reason) == (old, bytes(old.head), "a colleague asked")
    with pytest.raises(NotRepeatable, match="repeated already"):
        repeat(old.pk, reason="again", now=datetime.now(UTC))


def test_only_what_is_in_doubt_is_repeated(answers):
    answers(ana="submitted")
    issued()
    send_all()
    with pytest.raises(NotRepeatable, match="not unknown"):
        repeat(Delivery.objects.get().pk, reason="why not", now=datetime.now(UTC))


def test_by_default_no_doubt_is_ever_repeated_by_itself(answers, settings):
    answers(ana="lost")
    issued()
    send_all()
    later = datetime.now(UTC) + timedelta(days=30)
    assert sweeping.repeat_unknown(now=later) == 0
    settings.NOTICE_RESEND_UNKNOWN = "after_seconds:60"
    assert [sweeping.repeat_unknown(now=later) for _ in range(2)] == [1, 0]


def test_a_call_that_never_returned_becomes_unknown_with_a_fact_that_says_so(settings):
    issued()
    sending.claim([Delivery.objects.get().pk])  # and then the worker was killed
    now = datetime.now(UTC)
    assert sweeping.mark_stuck(now=now) == 0  # it may still be at it
    assert sweeping.mark_stuck(now=now + timedelta(seconds=settings.NOTICE_CALLING_TIMEOUT_SECONDS + 1)) == 1
    assert Delivery.objects.get().state == "unknown"
    assert kinds() == ["lost"]


def test_a_late_answer_settles_what_a_sweep_had_doubted(settings):
    issued()
    claimed = sending.claim([Delivery.objects.get().pk])
    sweeping.mark_stuck(now=datetime.now(UTC) + timedelta(days=1))
    answer = Outcome(claimed[0].id, "submitted", at=datetime.now(UTC), reply="250 Ok", provider="smtp:test")
    sending.settle(claimed, [answer])
    assert Delivery.objects.get().state == "accepted"


def test_two_workers_never_claim_the_same_delivery():
    ids = issued_many(5)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert len(sending.claim(ids)) == 5
    assert sending.claim(ids) == []


def test_a_hint_that_the_broker_lost_is_found_again(settings):
    issued()  # the tests have a broker, and no worker
    now = datetime.now(UTC)
    assert sweeping.find_unsent(now=now) == 0
    assert sweeping.find_unsent(now=now + timedelta(seconds=settings.NOTICE_SWEEP_GRACE_SECONDS + 1)) == 1


def test_an_error_of_ours_in_mid_batch_keeps_the_answers_that_came(monkeypatch):
    issued_many(3)

    class Breaks:
        name = "email"

        def send(self, messages: Any) -> Iterator[Outcome]:
            yield Outcome(messages[0].delivery_id, "submitted", at=datetime.now(UTC), provider="smtp:test")
            raise ZeroDivisionError

    monkeypatch.setattr(sending, "get_channel", lambda name: Breaks())
    with pytest.raises(ZeroDivisionError):
        send_all()
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["accepted", "calling", "calling"]


def test_deemed_service_comes_with_time_alone(server):
    rule = {"grade": 3, "deemed": {"channels": 2, "days": 7}}
    issued(chains=MAIL_AND_INBOX, service_rule=rule)
    send_all()
    due_at = Notice.objects.get().deemed_due_at
    assert due_at is not None
    assert sweeping.deem_served(now=due_at - timedelta(seconds=1)) == 0
    assert sweeping.deem_served(now=due_at) == 1
    notice = Notice.objects.get()
    assert (notice.served_at, notice.deemed, notice.deemed_due_at) == (due_at, True, None)


def test_without_an_address_the_notice_is_there_and_disproven(server):
    assert issued(chains=[]).verdict == "disproven"
    assert send_all() == 0
