from __future__ import annotations

from datetime import UTC

from notices.channels.inapp import InAppChannel
from tests.notices.channels.conftest import message


def test_a_notice_lies_in_the_inbox_at_once() -> None:
    outcomes = list(InAppChannel().send([message(1), message(2)]))
    assert [(each.delivery_id, each.kind, each.provider) for each in outcomes] == [
        (1, "posted", "inapp"),
        (2, "posted", "inapp"),
    ]
    assert outcomes[0].at.tzinfo is UTC
