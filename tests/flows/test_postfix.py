"""Our notices through a real Postfix: what comes back becomes the right evidence about the right delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from notices.channels import close_channels
from notices.inbound.packing import recipient
from notices.models import Delivery, Evidence, InboundMessage
from notices.queueing import Contact
from notices.sending import send_due
from tests.flows import postfix
from tests.flows.counting import free_port
from tests.flows.postfix import Postfix
from tests.flows.processes import our_door
from tests.notices.builders import issued

pytestmark = pytest.mark.django_db(transaction=True)


class NextHop:
    """A mail server that knows nobody but `bob`, and is too busy for `later`."""

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        name = address.partition("@")[0]
        if name == "later":
            return "451 4.3.2 Too busy, come back later"
        if name != "bob":
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        await asyncio.sleep(0)
        return "250 2.0.0 Ok: queued as NEXTHOP1"


@pytest.fixture
def next_hop() -> Iterator[int]:
    port = free_port()
    controller = Controller(NextHop(), hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


@pytest.fixture
def relay(next_hop: int, settings: Any) -> Iterator[Postfix]:
    """Postfix as our smarthost, which also brings what comes to our bounce domain to our own door."""
    with our_door() as door:
        hops = {
            "far.example": f"smtp:[127.0.0.1]:{next_hop}",
            settings.NOTICE_BOUNCE_DOMAIN: f"lmtp:inet:{door}",
        }
        with postfix.running(hops) as running:
            settings.NOTICE_CHANNELS = {
                "email": {
                    **settings.NOTICE_CHANNELS["email"],
                    "host": "127.0.0.1",
                    "port": running.port,
                    "role": "relay",
                },
                "inapp": {},
            }
            close_channels()
            yield running
            close_channels()


def sent_to(*addresses: str) -> dict[str, Delivery]:
    """Send one notice to each address, the way any notice is sent."""
    found = {}
    for number, address in enumerate(addresses):
        notice = issued(
            datetime.now(UTC), recipient=f"u-{number}", chains=[[Contact("email", address, number)]]
        )
        found[address] = Delivery.objects.get(notice=notice)
    send_due([delivery.pk for delivery in found.values()])
    return found


def reports(delivery: Delivery) -> list[str]:
    return list(
        Evidence.objects.filter(delivery=delivery, source="dsn").order_by("pk").values_list("kind", flat=True)
    )


def test_success_refusal_and_delay_come_back_as_evidence(relay):
    sent = sent_to("ana@mailbox.example", "bob@far.example", "nobody@far.example", "later@far.example")
    expected = {
        "ana@mailbox.example": "delivered",  # into the mailbox, by Postfix itself
        "bob@far.example": "relayed",  # to a server that makes no reports
        "nobody@far.example": "bounced",
        "later@far.example": "delayed",
    }
    for address, delivery in sent.items():
        submitted = Evidence.objects.get(delivery=delivery, kind="submitted")
        assert submitted.source.startswith("smtp:"), address
        relay.wait_until(lambda d=delivery: bool(reports(d)), f"a report about {address} is here")
    assert {address: reports(delivery)[:1] for address, delivery in sent.items()} == {
        address: [kind] for address, kind in expected.items()
    }
    assert len(relay.mailbox()) == 1

    verdicts = {address: (d.notice.grade, d.notice.verdict) for address, d in _again(sent).items()}
    assert verdicts == {
        "ana@mailbox.example": (3, "probable"),
        "bob@far.example": (2, "not_proven"),
        "nobody@far.example": (0, "disproven"),
        "later@far.example": (1, "not_proven"),
    }
    messages = InboundMessage.objects.all()
    assert {message.outcome for message in messages} == {"recorded"}
    assert {recipient(message.raw).partition("+")[0] for message in messages} == {"bounce"}


def _again(sent: dict[str, Delivery]) -> dict[str, Delivery]:
    return {address: Delivery.objects.select_related("notice").get(pk=d.pk) for address, d in sent.items()}
