"""Asking Postmark about deliveries of which nothing was heard: its answers are evidence, everything else is none."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import pytest
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from django.core.management import call_command
from django.db import transaction
from pytest_django import Settings

from notices import queries
from notices.events.matching import match
from notices.events.readings import read
from notices.events.recording import record
from notices.ledger import payloads
from notices.models import Delivery, Evidence, Question, StreamGap
from notices.silence import asking, postmark
from notices.silence.expecting import mark_overdue
from notices.silence.reconciling import reconcile
from tests.notices.silence.builders import NOW, a_cut_stream, accepted, every, hours, report

pytestmark = pytest.mark.django_db(transaction=True)

Answer = tuple[int, Any] | str


@dataclass
class Api:
    """A local stand-in for Postmark's API: answers by path; `asked` are the paths, in order."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    otherwise: Answer = (404, {"ErrorCode": 701, "Message": "This message was not found."})
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)


@contextlib.contextmanager
def api() -> Iterator[Api]:
    made, over = Api(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.asked.append(self.path)
            made.tokens.add(self.headers["X-Postmark-Server-Token"])
            answer = made.answers.get(self.path, made.otherwise)
            if isinstance(answer, str):
                if answer == "silence":
                    over.wait(30)
                self.close_connection = True
                return
            status, body = answer
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def there(settings: Settings) -> Iterator[Api]:
    with api() as made:
        settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "secret", "POSTMARK_API_URL": made.url}
        yield made


def details(*events: dict[str, Any]) -> Answer:
    """As Postmark's documentation shows a message, with its body, which is none of our business here."""
    return 200, {
        "TextBody": "Dear Ana",
        "Status": "Sent",
        "Sandboxed": False,
        "Score": 1.5,
        "MessageEvents": events,
    }


def event(kind: str, at: str = "2026-11-22T01:13:10.8054242-05:00", **more: Any) -> dict[str, Any]:
    return {"Recipient": "Ana@mail.example", "Type": kind, "ReceivedAt": at, "Details": more}


DELIVERED = event(
    "Delivered",
    DeliveryMessage="smtp;250 2.0.0 OK l10si21599969igu.63 - gsmtp",
    DestinationServer="mx.mail.example (192.0.2.7)",
    DestinationIP="192.0.2.7",
)


def path(delivery: Delivery) -> str:
    return f"/messages/outbound/{delivery.provider_id}/details"


def overdue(count: int = 1) -> list[Delivery]:
    deliveries = accepted([hours(30)] * count)
    mark_overdue(now=NOW)
    return deliveries


def kinds(delivery: Delivery) -> list[str]:
    found = Evidence.objects.filter(delivery=delivery).exclude(kind__in=["submitted", "overdue"])
    return sorted(found.values_list("kind", flat=True))


def test_what_the_provider_tells_becomes_evidence_that_says_it_was_asked_for(there: Api) -> None:
    (delivery,) = overdue()
    there.answers[path(delivery)] = details(event("Transient"), DELIVERED, event("Opened", Summary="proxy"))
    (counts,) = asking.ask_due(now=NOW).values()
    assert (counts.asked, counts.answered, counts.troubles) == (1, 1, [])
    assert kinds(delivery) == ["delayed", "opened", "relayed"]
    fact = Evidence.objects.select_related("payload").get(kind="relayed")
    payload = json.loads(payloads.unpack(bytes(fact.payload.body)))
    assert (fact.source, payload["asked"], payload["reply"]) == (
        "postmark",
        True,
        "smtp;250 2.0.0 OK l10si21599969igu.63 - gsmtp",
    )
    assert "Dear Ana" not in payloads.unpack(bytes(fact.payload.body)).decode()
    assert fact.occurred_at.isoformat() == "2026-11-22T06:13:10.805424+00:00"
    assert there.tokens == {"secret"}
    assert asking.ask_due(now=NOW + timedelta(days=1)) == {}  # answered: nobody asks again


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("HardBounce", "bounced"),
        ("SoftBounce", "bounced"),
        ("Transient", "delayed"),
        ("AutoResponder", "auto_replied"),
        ("SpamComplaint", "complained"),
        ("SpamNotification", "noted"),
        ("SomethingNew", "noted"),
    ],
)
def test_a_bounce_is_what_the_bounce_api_says_it_is(there: Api, kind: str, expected: str) -> None:
    (delivery,) = overdue()
    there.answers[path(delivery)] = details(event("Bounced", BounceID="374814878", Summary="smtp;550"))
    there.answers["/bounces/374814878"] = (
        200,
        {"ID": 374814878, "Type": kind, "BouncedAt": "2026-11-22T11:20:15Z", "Details": "smtp;550 5.1.1"},
    )
    asking.ask_due(now=NOW)
    assert kinds(delivery) == [expected]


NOTHING: list[Answer] = [
    (404, {"ErrorCode": 701}),
    (422, {"ErrorCode": 701, "Message": "This message was not found"}),
    (200, {"MessageEvents": []}),
    (200, {"Status": "Sent"}),
    (200, "no JSON"),
    (200, [1, 2]),
    (401, {"ErrorCode": 10}),
    (429, {"ErrorCode": 429}),
    (500, "oops"),
    (302, ""),
    details({**DELIVERED, "Recipient": "somebody@else.example"}),
    details(event("SubscriptionChanged")),
    details({**DELIVERED, "ReceivedAt": "yesterday"}),
    details({**DELIVERED, "ReceivedAt": "2026-11-22T11:20:15"}),
    details(event("Bounced", Summary="without an id")),
    details(event("Bounced", BounceID="../deliverystats")),
    "hang up",
]


@pytest.mark.parametrize("answer", NOTHING)
def test_no_answer_is_evidence_of_nothing_and_asked_for_again_later(there: Api, answer: Answer) -> None:
    (delivery,) = overdue()
    before = queries.standings([delivery.notice_id], now=NOW)
    there.otherwise = answer
    (counts,) = asking.ask_due(now=NOW).values()
    assert (counts.asked, counts.answered) == (1, 0)
    assert kinds(delivery) == []
    assert queries.standings([delivery.notice_id], now=NOW) == before
    question = Question.objects.get()
    assert (question.times, question.answered_at, question.next_at) == (1, None, NOW + timedelta(minutes=15))
    assert asking.ask_due(now=NOW + timedelta(minutes=14)) == {}


def test_a_provider_that_does_not_answer_is_waited_for_a_bounded_time(there: Api) -> None:
    (delivery,) = overdue()
    there.otherwise = "silence"
    asked = [asking.Asked(delivery.pk, delivery.notice_id, delivery.provider_id, delivery.address)] * 3
    answers = list(postmark.PostmarkInquiry("secret", there.url, timeout=0.2).ask(asked))
    assert [(a.events, a.stop) for a in answers] == [((), True)]  # the others would fare the same
    assert "ReadTimeout" in answers[0].trouble


@pytest.mark.parametrize(("answer", "asked"), [((429, ""), 1), ((404, ""), 3)])
def test_who_says_not_now_is_asked_no_more_in_this_run(there: Api, answer: Answer, asked: int) -> None:
    overdue(3)
    there.otherwise = answer
    asking.ask_due(now=NOW)
    assert len(there.asked) == asked
    assert Question.objects.filter(next_at__gt=NOW).count() == 3


def test_waits_grow_and_end(there: Api) -> None:
    overdue()
    moment, waits = NOW, []
    while True:
        asking.ask_due(now=moment)
        question = Question.objects.get()
        if question.next_at is None:
            break
        waits.append((question.next_at - moment) / timedelta(hours=1))
        moment = question.next_at
    assert waits == list(asking.WAITS)


def test_what_was_reported_meanwhile_is_not_asked_for(there: Api) -> None:
    report(overdue())
    assert asking.ask_due(now=NOW) == {}
    assert there.asked == []


def webhook(delivery: Delivery, kind: str, number: int) -> Callable[[], None]:
    """The same event as Postmark's webhook brings it, read and recorded as any of its requests is."""

    def bring() -> None:
        at = (NOW - timedelta(hours=29)).isoformat()
        said: dict[str, Any] = {"MessageID": delivery.provider_id, "Metadata": {}}
        if kind == "relayed":
            said |= {"RecordType": "Delivery", "Recipient": delivery.address, "DeliveredAt": at}
        else:
            said |= {
                "RecordType": "Bounce",
                "Type": "HardBounce",
                "ID": number,
                "Email": delivery.address,
                "BouncedAt": at,
            }
        event = PostmarkTrackingWebhookView.esp_to_anymail_event(PostmarkTrackingWebhookView, said)
        with transaction.atomic():
            matches, unmatched = match([read("postmark", event, NOW)])
            assert not unmatched
            assert not record(matches, now=NOW)

    return bring


@pytest.mark.parametrize("asked_first", [True, False])
@pytest.mark.parametrize("kind", ["relayed", "bounced"])
def test_asked_or_told_or_both_in_any_order_amounts_to_the_same(
    there: Api, kind: str, asked_first: bool
) -> None:
    asked, told = overdue(2)
    at = (NOW - timedelta(hours=29)).isoformat()
    if kind == "relayed":
        there.answers[path(asked)] = details({**DELIVERED, "ReceivedAt": at})
    else:
        there.answers[path(asked)] = details(event("Bounced", at, BounceID="7"))
        there.answers["/bounces/7"] = (200, {"ID": 7, "Type": "HardBounce", "BouncedAt": at})
    deeds = [lambda: asking.ask_due(now=NOW), webhook(asked, kind, 7)]
    for deed in deeds if asked_first else reversed(deeds):
        deed()
    webhook(told, kind, 8)()
    found = queries.standings([asked.notice_id, told.notice_id], now=NOW)
    assert len({(s.grade, s.verdict, s.served_at, s.weakest_link) for s in found.values()}) == 1
    if kind == "bounced":  # the bounce has an id of its own: told twice, it is one fact
        assert kinds(asked) == ["bounced"]


def test_a_bounce_that_was_asked_for_moves_on_to_the_next_address(there: Api) -> None:
    from notices.queueing import Contact

    chain = [[Contact("email", "ana@mail.example", 7), Contact("email", "ana@home.example", 8)]]
    (delivery,) = accepted([hours(30)], chains=chain)
    mark_overdue(now=NOW)
    there.answers[path(delivery)] = details(event("Bounced", BounceID="7"))
    there.answers["/bounces/7"] = (200, {"ID": 7, "Type": "HardBounce", "BouncedAt": "2026-11-22T11:20:15Z"})
    asking.ask_due(now=NOW)
    assert Delivery.objects.filter(address="ana@home.example", state="queued").exists()


def test_a_gap_is_filled_by_asking_but_closes_only_when_reports_flow_again(there: Api) -> None:
    _, silent = a_cut_stream()
    there.answers = {path(delivery): details(DELIVERED) for delivery in silent}
    done = reconcile(now=NOW, ask=True)
    assert (done.opened, done.asked["postmark"].answered, done.closed) == (["postmark"], 60, [])
    assert reconcile(now=NOW + timedelta(minutes=5), ask=True).closed == []

    report(accepted(every(1, 60, until=NOW + timedelta(minutes=50))))
    there.asked.clear()
    done = reconcile(now=NOW + timedelta(hours=2), ask=True)
    # They flow. What was said while they did not may have been followed by a bounce, so all are asked about again.
    assert (done.closed, there.asked) == ([], [])
    done = reconcile(now=NOW + timedelta(hours=2, minutes=5), ask=True)
    assert (len(there.asked), done.closed) == (60, ["postmark"])
    assert StreamGap.objects.get().closed == "arrived"


# --- manage.py reconcile -----------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("reconcile", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_how_each_stream_stands(
    there: Api, monkeypatch: pytest.MonkeyPatch, time_machine: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    monkeypatch.setenv("COLUMNS", "160")
    _, silent = a_cut_stream()
    accepted([hours(3)], "smtp:mx.example", expects=False)
    there.answers = {path(delivery): details(DELIVERED) for delivery in silent[:40]}
    table = run("--ask")
    lines = {line.split()[0]: line.split() for line in table.splitlines() if line.strip()}
    assert lines["postmark"][:8] == ["postmark", "180", "160", "of", "180", "0", "23", "November"]
    assert lines["postmark"][-2:] == ["60", "40"]
    assert "nothing is expected of it" in table
    assert "A gap in the reports of postmark was opened." in table
    found = json.loads(run("--json"))
    assert [(s["stream"], s["reported"], s["note"]) for s in found["streams"]] == [
        ("postmark", 160, ""),
        ("smtp:mx.example", 0, "nothing is expected of it"),
    ]


def test_providers_that_cannot_be_asked_are_named(settings: Settings, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    settings.ANYMAIL = {}
    accepted([hours(30)], "sendgrid")
    accepted([hours(30)], "postmark")
    found = {s["stream"]: s for s in json.loads(run("--ask", "--json"))["streams"]}
    assert found["sendgrid"]["note"] == "cannot be asked"
    assert found["postmark"]["note"] == "can be asked, but the settings have no key for its API"
    assert found["sendgrid"]["newly_overdue"] == 1


def test_a_dry_run_writes_nothing_and_asks_nobody(there: Api, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    a_cut_stream()
    accepted([hours(30)])
    said = run("--ask", "--dry-run")
    assert "would be opened" in said
    assert "Nobody was asked" in said
    assert (there.asked, StreamGap.objects.count(), Question.objects.count()) == ([], 0, 0)
    assert not Evidence.objects.filter(kind="overdue").exists()


def test_an_empty_site_says_so() -> None:
    assert run() == "Nothing was sent in the last seven days, and no gap is open.\n"
