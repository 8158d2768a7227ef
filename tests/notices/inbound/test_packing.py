"""How messages lie in the database: small where they repeat what we sent, and byte for byte as they came."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from notices import composing, tokens
from notices.inbound import Inbound, forms, receive
from notices.inbound.packing import pack, recipient, unpack
from notices.models import Delivery, InboundMessage, ReportForm
from notices.queueing import Contact
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
    assert unpack(pack(raw, recipient="bounce+x@b.example"), 3) == raw[:3]


def test_the_recipient_is_packed_too():
    packed = pack(b"a\0b", recipient="bounce+é@b.example")
    assert (recipient(packed), unpack(packed)) == ("bounce+é@b.example", b"a\0b")


def test_a_bare_stream_of_zlib_is_read_too():
    assert unpack(zlib.compress(b"as it was"), 5) == b"as it"


def test_of_what_was_erased_nothing_is_left():
    assert (recipient(b""), unpack(b"")) == ("", b"")


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
    raw, _ = report()
    with pytest.raises(zstandard.ZstdError):
        unpack(
            pack(raw, delivery=1 << 40, header=b"To: somebody else of whom there is nothing\r\n" + raw[-200:])
        )


def reports(server: str, count: int) -> list[bytes]:
    """Reports of one server to different addresses, all received, as they came."""
    raws = []
    for number in range(count):
        notice = issued(
            recipient=f"{server}-{number}",
            name=f"Zoe{number} Quill",
            chains=[[Contact("email", f"Zoe{number}.Quill@mail{number}.example", number)]],
        )
        delivery = notice.deliveries.get()
        Delivery.objects.filter(pk=delivery.pk).update(state="accepted")
        content = composing.unpack(bytes(notice.content), notice.dictionary_id)
        header = (bytes(delivery.head) + content).partition(b"\r\n\r\n")[0]
        words = f"Greetings from {server}. The parcel of words reached Zoe{number}.Quill@mail{number}.example.\r\n"
        raw = STATUS.replace("mx.example", server).encode() + header + b"\r\n\r\n" + words.encode() * 3
        receive([Inbound(raw, tokens.verp(delivery.pk))], now=NOW)
        raws.append(raw)
    return raws


@pytest.mark.django_db
def test_reports_of_a_server_are_packed_against_what_its_first_ones_had_in_common():
    raws = reports("mx7.example", forms.ENOUGH + 1)
    rows = list(InboundMessage.objects.order_by("pk"))
    assert [unpack(row.raw) for row in rows] == raws
    assert len(rows[-1].raw) < len(rows[0].raw) * 0.8
    assert {row.recipient for row in rows} == {""}
    assert all(recipient(row.raw).startswith("bounce+") for row in rows)


@pytest.mark.django_db
def test_a_form_names_nobody():
    reports("mx8.example", forms.ENOUGH)
    form = bytes(ReportForm.objects.get(server="mx8.example").dictionary.data)
    assert b"The parcel of words" in form
    assert not any(name in form for name in (b"Zoe", b"Quill", b"mail1", b"Ana"))


@pytest.mark.django_db
def test_servers_beyond_the_most_do_without_a_form(monkeypatch):
    monkeypatch.setattr(forms, "MOST", 0)
    reports("mx9.example", forms.ENOUGH)
    assert not ReportForm.objects.exists()
