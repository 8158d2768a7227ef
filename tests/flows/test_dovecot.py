"""A mailbox behind a real IMAP server is worked off, and nothing is put away before it is stored."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from notices.inbound import imap
from notices.models import Evidence, InboundMessage
from tests.flows import dovecot
from tests.flows.dovecot import Dovecot
from tests.flows.processes import command
from tests.notices.inbound.test_receiving import report, sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings: Any) -> Iterator[Dovecot]:
    with dovecot.running() as running:
        settings.IMAP_URL = f"imap://bounces:secret@127.0.0.1:{running.port}/INBOX?tls=no&done=Done"
        yield running


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.05)


def take(**options: Any) -> str:
    out = io.StringIO()
    call_command("receive_imap", once=True, stdout=out, **options)
    return out.getvalue()


def test_mail_is_taken_once_and_put_away(server):
    server.deliver(report(sent()))
    server.deliver(b"Subject: hello\r\n\r\nHow are you?\r\n")
    assert take() == "1 recorded, 1 unclassified\n"
    assert (len(server.inbox()), len(server.folder("Done"))) == (0, 2)
    assert take() == ""


def test_without_a_folder_to_move_to_a_message_is_marked(server, settings):
    settings.IMAP_URL = settings.IMAP_URL.partition("&")[0]
    server.deliver(report(sent()))
    assert (take(), take()) == ("1 recorded\n", "")
    assert len(server.inbox()) == 1


def test_what_could_not_be_stored_stays_where_it_is(server, monkeypatch):
    def away(*_: Any, **__: Any) -> None:
        raise DatabaseError("away")

    server.deliver(report(sent()))
    with monkeypatch.context() as patched:
        patched.setattr(imap, "receive", away)
        with pytest.raises(DatabaseError):
            take()
    assert len(server.inbox()) == 1
    assert take() == "1 recorded\n"


def test_it_goes_on_as_mail_comes_also_after_the_server_was_away(server, settings):
    first, second = sent(recipient="u-1"), sent(recipient="u-2")
    with command("receive_imap", "--poll", "1", IMAP_URL=settings.IMAP_URL):
        server.deliver(report(first))
        until(lambda: Evidence.objects.filter(kind="delivered").count() == 1, "the first report is evidence")
        server.stop()
        server.start()
        server.deliver(report(second))
        until(lambda: Evidence.objects.filter(kind="delivered").count() == 2, "the second one is")
        until(lambda: not server.inbox(), "both are put away")
    assert InboundMessage.objects.count() == 2


def test_a_wrong_password_is_told(server, settings):
    settings.IMAP_URL = settings.IMAP_URL.replace("secret", "wrong")
    with pytest.raises(CommandError, match=r"127\.0\.0\.1"):
        take()
