"""Erasing notices: what is personal goes, the facts stand, and no session can do the one without saying so."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from notices import tokens
from notices.frozen_text import frozen_text
from notices.kinds import Kind
from notices.ledger import NewFact
from notices.ledger.erasing import StillUnderWay, erase_notices
from notices.ledger.payloads import unpack
from notices.models import Delivery, Evidence, EvidencePayload, InboundMessage, Notice
from notices.recording import record
from notices.rerouting import NotRepeatable, repeat
from tests.notices.builders import issued

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def told(recipient: str = "u-1") -> Notice:
    """A notice that was sent, with a report on it and the message that brought the report."""
    notice = issued(recipient=recipient)
    delivery = notice.deliveries.get()
    Delivery.objects.filter(pk=delivery.pk).update(state="accepted", reply="250 Ok <ana@mail.example>")
    fact = NewFact(
        notice.pk, Kind.DELIVERED, "dsn", NOW, delivery.pk, {"final_recipient": "rfc822;ana@mail.example"}
    )
    record([fact], now=NOW)
    InboundMessage.objects.create(
        sha256=hashlib.sha256(recipient.encode()).digest()[:16],
        raw=b"raw ana@mail.example",
        outcome="recorded",
        delivery=delivery,
    )
    return notice


def erase(*notices: Notice, reason: str = "asked for by the holder") -> dict[str, int]:
    return erase_notices([n.pk for n in notices], actor="user:mona", reason=reason, now=NOW)


def everything(notice: Notice) -> str:
    """All that the database holds of a notice, as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT to_jsonb(n)::text,
                   (SELECT jsonb_agg(to_jsonb(d))::text FROM notices_delivery d WHERE d.notice_id = n.id),
                   (SELECT jsonb_agg(encode(i.raw, 'escape'))::text FROM notices_inboundmessage i
                    JOIN notices_delivery d ON d.id = i.delivery_id WHERE d.notice_id = n.id)
            FROM notices_notice n WHERE n.id = %s
            """,
            [notice.pk],
        )
        rows = " ".join(str(part) for part in cursor.fetchone())
    payloads = EvidencePayload.objects.filter(evidence__notice=notice).values_list("body", flat=True)
    return rows + " ".join(unpack(bytes(body)).decode() for body in payloads)


def test_what_is_personal_goes_and_the_facts_stand():
    notice, other = told(), told("u-2")
    before = list(
        Evidence.objects.filter(notice=notice).values("pk", "kind", "key", "commitment", "occurred_at")
    )
    erase(notice)
    text = everything(notice)
    for word in ("ana@mail.example", "u-1", "Ana", "Kovač"):
        assert word not in text
    after = list(
        Evidence.objects.filter(notice=notice)
        .order_by("pk")
        .values("pk", "kind", "key", "commitment", "occurred_at")
    )
    assert after[: len(before)] == before
    assert after[-1]["kind"] == Kind.ERASED
    assert "ana@mail.example" in everything(other)
    notice.refresh_from_db()
    assert (notice.grade, notice.verdict, bytes(notice.content)) == (3, "probable", b"")


def test_the_fact_says_who_and_why_and_can_itself_be_checked():
    notice = told()
    erase(notice)
    payload = EvidencePayload.objects.select_related("evidence").get(evidence__kind=Kind.ERASED)
    body = unpack(bytes(payload.body))
    assert body == b'{"by":"user:mona","reason":"asked for by the holder"}'
    assert hashlib.sha256(bytes(payload.salt) + body).digest() == bytes(payload.evidence.commitment)


def test_erasing_again_does_nothing_unless_more_came_in():
    notice = told()
    assert erase(notice)["payloads"] == 1
    assert sum(erase(notice).values()) == 0
    late = NewFact(
        notice.pk, Kind.BOUNCED, "dsn", NOW, notice.deliveries.get().pk, {"said": "ana@mail.example"}
    )
    record([late], now=NOW)
    assert erase(notice)["payloads"] == 1
    assert Evidence.objects.filter(kind=Kind.ERASED).count() == 2


def test_a_notice_that_is_still_to_be_sent_is_not_erased():
    done, waiting = told(), issued(recipient="u-2")
    with pytest.raises(StillUnderWay, match=r"D-\d+ is still to be sent"):
        erase(done, waiting)
    assert not Evidence.objects.filter(kind=Kind.ERASED).exists()
    assert "Ana" in everything(done)


BLANK = {
    "payload": "UPDATE notices_evidencepayload SET salt = '', body = ''",
    "notice": "UPDATE notices_notice SET recipient = 'erased-' || id, recipient_name = '', content = '', plan = NULL",
    "delivery": "UPDATE notices_delivery SET address = '', contact_ref = NULL, head = '', reply = ''",
}


def refused(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # a table with pending checks cannot be truncated at all
        with pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute(sql)


@pytest.mark.parametrize("table", BLANK)
def test_nothing_is_blanked_without_the_fact_that_says_so(table):
    told()
    refused(BLANK[table])


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE notices_evidencepayload SET body = '{}'",
        "UPDATE notices_evidencepayload SET salt = ''",
        "UPDATE notices_evidencepayload SET body = ''",
        "UPDATE notices_evidencepayload SET salt = '', body = '', evidence_id = evidence_id + 1000",
        "UPDATE notices_evidencepayload SET salt = '', body = ''",  # that of the fact itself, too
        "UPDATE notices_notice SET content = ''",
        "UPDATE notices_notice SET recipient = 'u-9', recipient_name = '', content = '', plan = NULL",
        BLANK["notice"] + ", issued_at = now()",
        BLANK["notice"] + ", content_sha256 = 'x'",
        BLANK["delivery"] + ", chain = 7",
        "UPDATE notices_delivery SET address = ''",
        "UPDATE notices_evidence SET kind = 'erased'",
        "DELETE FROM notices_evidencepayload",
        "DELETE FROM notices_delivery",
        "TRUNCATE notices_evidencepayload",
    ],
)
def test_once_the_fact_stands_there_is_still_no_other_change(attack):
    notice = told()
    fact = NewFact(notice.pk, Kind.ERASED, "erasure", NOW, payload={"reason": "a fact alone"})
    record([fact], now=NOW)
    refused(attack)


@pytest.mark.parametrize(
    "refill",
    [
        "UPDATE notices_evidencepayload SET body = '{\"forged\": 1}'",
        "UPDATE notices_notice SET recipient = 'u-1', content = 'forged'",
        "UPDATE notices_notice SET recipient = 'erased-999999'",
        "UPDATE notices_delivery SET address = 'ana@mail.example'",
    ],
)
def test_what_was_blanked_is_never_filled_again(refill):
    erase(told())
    refused(refill)


def test_the_orm_is_refused_like_everybody_else():
    notice = told()
    payload = EvidencePayload.objects.filter(evidence__notice=notice)
    for change in (
        lambda: payload.update(salt=b"", body=b""),
        lambda: payload.get().save(),
        lambda: payload.get().delete(),
        notice.save,
        lambda: Delivery.objects.update(address=""),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_nobody_can_be_shown_or_sent_what_was_erased(client):
    notice = told()
    delivery = notice.deliveries.get()
    Delivery.objects.update(state="unknown")
    erase(notice)
    assert client.post(tokens.link(notice.pk)).status_code == 410
    notice.refresh_from_db()
    assert frozen_text(notice).text == ""
    with pytest.raises(NotRepeatable, match="was erased"):
        repeat(delivery.pk, reason="in doubt", now=NOW)
