"""Messages against the evidence of their calls, erased notices, and the triggers themselves."""

from __future__ import annotations

import pytest
from django.db import connection

from notices.channels.base import Outcome
from notices.ledger import seal
from notices.ledger.erasing import erase_notices
from notices.ledger.verifying import verify
from notices.models import Delivery, EvidencePayload, Tile
from notices.queueing import Contact
from notices.sending import claim, settle
from tests.notices.builders import issued
from tests.notices.ledger.builders import NOW, as_superuser, found, sealed

pytestmark = pytest.mark.django_db


def sent():
    """Two notices, called for by a channel that takes everything; all sealed."""
    for name in ("u-1", "u-2"):
        issued(NOW, recipient=name)
    deliveries = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    claimed = claim(deliveries)
    settle(claimed, [Outcome(c.id, "submitted", at=NOW) for c in claimed])
    seal(now=NOW)
    return sorted(c.notice_id for c in claimed), deliveries


def test_an_erased_notice_is_fine():
    (erased, _), _ = sent()
    erase_notices([erased], actor="system:test", reason="asked for", now=NOW)
    assert EvidencePayload.objects.filter(evidence__notice=erased, body=b"").exists()
    assert verify().ok
    seal(now=NOW)
    assert verify().ok


def test_messages_that_were_sent_are_fine():
    sent()
    assert verify().ok


def test_each_channel_s_message_is_known_by_what_left_on_it():
    """A text message is not a mail: of a notice by SMS only the text leaves."""
    issued(NOW, chains=[[Contact("sms", "+447700900123")], [Contact("inapp", "u-1")]])
    claimed = claim(list(Delivery.objects.values_list("pk", flat=True)))
    settle(claimed, [Outcome(c.id, "submitted", at=NOW) for c in claimed])
    seal(now=NOW)
    assert verify().ok


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        ("UPDATE notices_notice SET content = '?' WHERE id = {notice}", "notice_changed"),
        ("UPDATE notices_notice SET content_sha256 = sha256('x') WHERE id = {notice}", "notice_changed"),
        ("UPDATE notices_notice SET content = '' WHERE id = {notice}", "notice_changed"),
        ("DELETE FROM notices_notice WHERE id = {notice}", "notice_deleted"),
    ],
)
def test_a_notice_that_was_changed_is_named(attack, code):
    (notice, _), _ = sent()
    with as_superuser() as cursor:
        cursor.execute(attack.format(notice=notice))
    assert found() == [(code, f"N-{notice}")]


def test_a_text_changed_together_with_its_hash_is_not_the_one_that_was_sent():
    (one, other), (delivery, _) = sent()
    with as_superuser() as cursor:
        cursor.execute(
            "UPDATE notices_notice n SET content = o.content, content_sha256 = o.content_sha256 "
            "FROM notices_notice o WHERE n.id = %s AND o.id = %s",
            [one, other],
        )
    assert found() == [("message_changed", f"D-{delivery}")]


def test_a_delivery_that_was_deleted_is_named():
    _, (delivery, _) = sent()
    with as_superuser() as cursor:
        cursor.execute("DELETE FROM notices_delivery WHERE id = %s", [delivery])
    assert found() == [("delivery_deleted", f"D-{delivery}")]


def test_a_message_whose_head_was_changed_is_named():
    _, deliveries = sent()
    with as_superuser() as cursor:
        cursor.execute("UPDATE notices_delivery SET head = 'To: other' WHERE id = %s", [deliveries[1]])
    assert found() == [("message_changed", f"D-{deliveries[1]}")]


def test_the_rules_themselves_are_looked_at():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE notices_evidence DISABLE TRIGGER ALL")
        names = {where for code, where in found() if code == "rule_off"}
        assert "notices_evidence.queue_for_sealing" in names
        cursor.execute("ALTER TABLE notices_evidence ENABLE TRIGGER ALL")
    assert verify().ok


def test_progress_is_told():
    sealed(300)
    seen = []
    verify(on_progress=lambda what, done, total: seen.append((what, done, total)))
    assert ("sealed facts", 300, 300) in seen
    assert Tile.objects.count() == 3
