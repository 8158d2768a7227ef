"""How messages lie in the database: small where they repeat what we sent, and byte for byte as they came."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices import composing, tokens
from notices.inbound import Inbound, receive
from notices.inbound.packing import pack, unpack
from notices.models import Delivery, InboundMessage
from tests.notices.builders import issued

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

STATUS = (
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
    "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
    "Final-Recipient: rfc822; ana@mail.example\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n--b\r\n"
    "Content-Type: text/rfc822-headers\r\n\r\n"
)


@given(st.binary())
def test_whatever_came_comes_back(raw):
    assert unpack(pack(raw)) == raw


def report() -> tuple[bytes, Delivery]:
    """A report that came back with the header of our message, and the delivery."""
    notice = issued()
    delivery = notice.deliveries.get()
    Delivery.objects.filter(pk=delivery.pk).update(state="accepted")
    content = composing.unpack(bytes(notice.content), notice.dictionary_id)
    header = (bytes(delivery.head) + content).partition(b"\r\n\r\n")[0]
    raw = STATUS.encode() + header + b"\r\n\r\n--b--\r\n"
    receive([Inbound(raw, tokens.verp(delivery.pk))], now=NOW)
    return raw, delivery


@pytest.mark.django_db
def test_a_report_is_deflated_against_the_message_that_it_is_about():
    raw, delivery = report()
    message = InboundMessage.objects.get()
    assert (message.outcome, message.delivery_id) == ("recorded", delivery.pk)
    assert unpack(message.raw) == raw
    assert unpack(message.raw, 20) == raw[:20]
    assert len(message.raw) < len(pack(raw)) * 0.75


@pytest.mark.django_db
def test_a_message_is_not_read_against_another_than_its_own():
    report()
    packed = bytes(InboundMessage.objects.get().raw)
    with pytest.raises(zlib.error):
        unpack(packed[:1] + (1 << 40).to_bytes(8, "big") + packed[9:])
