"""SMTP as it should go, and refusals at every stage, against aiosmtpd; what it cannot offer, against ours."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from hypothesis import given, settings
from hypothesis import strategies as st

from notices.channels.smtp import SmtpChannel
from tests.notices.channels.conftest import RAW, message
from tests.notices.channels.servers import CERTIFICATE, OFFERS, Talk, smtp_server

Make = Callable[..., SmtpChannel]


class Mailbox:
    """aiosmtpd's handler: keeps what comes, and answers as `replies` says, by stage and then by address."""

    # ruff: noqa: N802  # aiosmtpd finds these methods by their names

    def __init__(self) -> None:
        self.replies: dict[str, dict[str, str]] = {}
        self.received: list[Envelope] = []
        self.sessions = 0
        self.offers: list[str] = []

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.sessions += 1
        session.host_name = hostname
        return [*responses[:-1], *(f"250-{offer}" for offer in self.offers), responses[-1]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := self.replies.get("mail", {}).get(address):
            return reply
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := self.replies.get("rcpt", {}).get(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if reply := self.replies.get("content", {}).get(envelope.rcpt_tos[0]):
            return reply
        self.received.append(envelope)
        return f"250 2.0.0 Ok: queued as {len(self.received)}A"

    def recipients(self) -> list[str]:
        return [envelope.rcpt_tos[0] for envelope in self.received]


@pytest.fixture(params=[True, False], ids=["pipelining", "plain"])
def mailbox(request: pytest.FixtureRequest) -> Iterator[tuple[Mailbox, int]]:
    handler = Mailbox()
    handler.offers = ["PIPELINING"] if request.param else []
    controller = Controller(handler, hostname="127.0.0.1", port=0, enable_SMTPUTF8=True)
    controller.port = _free_port()
    controller.start()
    yield handler, controller.port
    controller.stop()


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(("role", "kind"), [("relay", "submitted"), ("recipient", "relayed")])
def test_a_message_arrives_as_it_is(
    mailbox: tuple[Mailbox, int], make_channel: Make, role: str, kind: str
) -> None:
    handler, port = mailbox
    (outcome,) = make_channel(port, role=role).send([message(7)])
    assert (outcome.delivery_id, outcome.kind, outcome.code) == (7, kind, 250)
    assert outcome.reply == "250 2.0.0 Ok: queued as 1A"
    assert (outcome.provider, outcome.provider_id) == ("smtp:127.0.0.1", "1A")
    assert outcome.detail["enhanced"] == "2.0.0"
    assert outcome.detail["dsn"] == {"offered": False, "asked": False}
    assert outcome.at.utcoffset() is not None
    (envelope,) = handler.received
    assert envelope.content == RAW
    assert (envelope.mail_from, envelope.rcpt_tos) == (
        "bounce+7-abc@bounces.example.com",
        ["holder7@example.org"],
    )


def test_a_batch_keeps_its_order_over_one_connection(
    mailbox: tuple[Mailbox, int], make_channel: Make
) -> None:
    handler, port = mailbox
    channel = make_channel(port)
    for start in (0, 20):
        batch = [message(number) for number in range(start, start + 20)]
        assert [(each.delivery_id, each.kind) for each in channel.send(batch)] == [
            (number, "submitted") for number in range(start, start + 20)
        ]
    assert handler.recipients() == [f"holder{number}@example.org" for number in range(40)]
    assert handler.sessions == 1


@pytest.mark.parametrize("stage", ["mail", "rcpt", "content"])
@pytest.mark.parametrize(("reply", "kind"), [("550 5.7.1 no", "refused"), ("451 4.3.0 later", "deferred")])
def test_a_refusal_touches_no_other_message(
    mailbox: tuple[Mailbox, int], make_channel: Make, stage: str, reply: str, kind: str
) -> None:
    handler, port = mailbox
    key = "bounce+2-abc@bounces.example.com" if stage == "mail" else "holder2@example.org"
    handler.replies[stage] = {key: reply}
    outcomes = list(make_channel(port).send([message(1), message(2), message(3)]))
    assert [each.kind for each in outcomes] == ["submitted", kind, "submitted"]
    assert (outcomes[1].reply, outcomes[1].code, outcomes[1].detail["stage"]) == (
        reply,
        int(reply[:3]),
        stage,
    )
    assert outcomes[1].detail["enhanced"] == reply.split()[1]
    assert handler.recipients() == ["holder1@example.org", "holder3@example.org"]
    assert handler.sessions == 1


@pytest.mark.parametrize("offers", [OFFERS, OFFERS[1:]], ids=["pipelining", "plain"])
@pytest.mark.parametrize(("reply", "kind"), [("554 5.7.1 no", "refused"), ("452 4.3.1 full", "deferred")])
def test_data_refused(make_channel: Make, offers: tuple[str, ...], reply: str, kind: str) -> None:
    replies = iter([reply, None])

    def script(talk: Talk) -> None:
        talk.serve(lambda verb, line: next(replies) if verb == "DATA" else None, offers)

    with smtp_server(script) as server:
        outcomes = list(make_channel(server.port).send([message(1), message(2)]))
    assert [(each.kind, each.detail["stage"]) for each in outcomes] == [
        (kind, "data"),
        ("submitted", "content"),
    ]
    assert len(server.received) == server.connections == 1


@pytest.mark.parametrize("offers", [OFFERS, OFFERS[1:]], ids=["pipelining", "plain"])
def test_dsn_is_asked_for_and_recorded(make_channel: Make, offers: tuple[str, ...]) -> None:
    with smtp_server(lambda talk: talk.serve(offers=offers)) as server:
        (outcome,) = make_channel(server.port).send([message(1)])
    assert outcome.detail["dsn"] == {"offered": True, "asked": True}
    (received,) = server.received
    assert received.mail == (
        f"MAIL FROM:<bounce+1-abc@bounces.example.com> SIZE={len(RAW)} RET=HDRS ENVID=1-abc"
    )
    assert received.rcpt == (
        "RCPT TO:<holder1@example.org> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;holder1@example.org"
    )


def test_an_internationalised_address_arrives(mailbox: tuple[Mailbox, int], make_channel: Make) -> None:
    handler, port = mailbox
    batch = [message(1, address="用户@例え.example"), message(2, address="anna@bücher.example")]
    assert [each.kind for each in make_channel(port).send(batch)] == ["submitted", "submitted"]
    assert handler.recipients() == ["用户@例え.example", "anna@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "a@example.org>\r\nRCPT TO:<b@example.org"},
        {"return_path": "a@example.org\r\nRSET"},
        {"raw": b"To: x\r\n\r\n\n.\nMAIL FROM:<x@example.com>\r\n"},
    ],
)
def test_injections_reach_no_server(make_channel: Make, changes: dict[str, Any]) -> None:
    with smtp_server() as server:
        (outcome,) = make_channel(server.port).send([message(1, **changes)])
    assert (outcome.kind, outcome.detail["ours"]) == ("refused", True)
    assert server.connections == 0


def test_an_address_beyond_the_server_is_refused_in_our_words(make_channel: Make) -> None:
    with smtp_server(lambda talk: talk.serve(offers=("PIPELINING", "8BITMIME"))) as server:
        batch = [message(1), message(2, address="用户@example.jp"), message(3)]
        outcomes = list(make_channel(server.port).send(batch))
    assert [each.kind for each in outcomes] == ["submitted", "refused", "submitted"]
    assert "does not offer SMTPUTF8" in outcomes[1].reply
    assert outcomes[1].detail["ours"] is True
    assert server.connections == 1


def test_a_caller_who_stops_early_leaves_nothing_half_sent(make_channel: Make) -> None:
    with smtp_server() as server:
        channel = make_channel(server.port)
        outcomes = channel.send([message(1), message(2), message(3)])
        assert next(outcomes).kind == "submitted"
        outcomes.close()  # type: ignore[attr-defined]  # a generator
        assert [each.kind for each in channel.send([message(4)])] == ["submitted"]
    assert [each.rcpt.split()[1] for each in server.received] == [
        "TO:<holder1@example.org>",
        "TO:<holder4@example.org>",
    ]


def test_two_batches_at_once_share_no_connection(make_channel: Make) -> None:
    with smtp_server() as server:
        channel = make_channel(server.port)
        slow = channel.send([message(1), message(2)])
        assert next(slow).kind == "submitted"
        assert [each.kind for each in channel.send([message(3)])] == ["submitted"]
        assert [each.kind for each in slow] == ["submitted"]
    assert server.connections == 2


def test_no_messages_no_connection(make_channel: Make) -> None:
    with smtp_server() as server:
        assert list(make_channel(server.port).send([])) == []
    assert server.connections == 0


def test_a_forked_child_does_not_speak_on_its_parent_s_connection(
    make_channel: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with smtp_server() as server:
        channel = make_channel(server.port)
        assert [each.kind for each in channel.send([message(1)])] == ["submitted"]
        with monkeypatch.context() as child:
            child.setattr("os.getpid", lambda: 1)
            assert [each.kind for each in channel.send([message(2)])] == ["submitted"]
            channel.close()
    assert server.connections == 2


def test_lines_of_any_bytes_arrive_unchanged(make_channel: Make) -> None:
    with smtp_server() as server:
        channel = make_channel(server.port)

        @settings(max_examples=50, deadline=None)
        @given(st.lists(st.one_of(st.sampled_from([b".", b"..", b""]), st.binary(max_size=40))))
        def arrives(lines: list[bytes]) -> None:
            raw = b"To: x\r\n\r\n" + b"".join(
                line.translate(None, b"\r\n") + b"\r\n" for line in [*lines, b"and so on"]
            )
            assert [each.kind for each in channel.send([message(1, raw=raw)])] == ["submitted"]
            assert server.received[-1].content == raw

        arrives()
    assert server.connections == 1


# --- Signing in and TLS ---


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CERTIFICATE)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(("password", "kind"), [("right", "submitted"), ("wrong", "deferred")])
def test_signing_in(make_channel: Make, password: str, kind: str) -> None:
    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=data.password == b"right", handled=False)

    handler = Mailbox()
    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=_free_port(),
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        channel = make_channel(controller.port, username="us", password=password)
        outcomes = list(channel.send([message(1), message(2), message(3)]))
    finally:
        controller.stop()
    assert [each.kind for each in outcomes] == [kind] * 3
    assert [each.detail.get("configuration", False) for each in outcomes] == [password == "wrong"] * 3
    assert handler.sessions == 1  # a wrong password is not tried again and again
    assert not any("wrong" in repr(each) for each in outcomes)


@pytest.mark.parametrize("reply", ["530 5.7.0 authenticate first", "538 5.7.11 encrypt first"])
def test_a_server_that_wants_us_to_sign_in_refuses_us_not_the_message(make_channel: Make, reply: str) -> None:
    with smtp_server(lambda talk: talk.serve(lambda verb, line: reply if verb == "MAIL" else None)) as server:
        outcomes = list(make_channel(server.port).send([message(number) for number in range(5)]))
    assert [each.kind for each in outcomes] == ["deferred"] * 5
    assert (outcomes[0].reply, outcomes[0].detail["configuration"]) == (reply, True)
    assert server.connections == 2


def starttls(talk: Talk) -> None:
    talk.say("220 mx.example ESMTP")
    talk.hear()
    talk.say("250-mx.example\r\n250 STARTTLS")
    assert talk.hear() == "STARTTLS"
    talk.say("220 go ahead")
    talk.encrypt()
    talk.serve(greeted=True)


def test_starttls(make_channel: Make) -> None:
    with smtp_server(starttls) as server:
        outcomes = list(
            make_channel(server.port, host="localhost", tls="starttls", ssl_context=trusting()).send(
                [message(1), message(2)]
            )
        )
    assert [each.kind for each in outcomes] == ["submitted"] * 2
    assert outcomes[0].detail["tls"].startswith("TLSv1")
    assert [each.content for each in server.received] == [RAW, RAW]


def test_implicit_tls_with_a_large_message(make_channel: Make) -> None:
    raw = b"To: x\r\n\r\n" + b"The quick brown fox jumps over the lazy dog.\r\n" * 5_000
    with smtp_server(implicit_tls=True) as server:
        channel = make_channel(server.port, host="localhost", tls="implicit", ssl_context=trusting())
        outcomes = list(channel.send([message(1, raw=raw), message(2, raw=raw)]))
        channel.close()
    assert [each.kind for each in outcomes] == ["submitted"] * 2
    assert [each.content for each in server.received] == [raw, raw]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_an_unknown_certificate_is_for_a_person_to_see(make_channel: Make, tls: str) -> None:
    with smtp_server(starttls if tls == "starttls" else Talk.serve, implicit_tls=tls == "implicit") as server:
        outcomes = list(make_channel(server.port, host="localhost", tls=tls).send([message(1), message(2)]))
    assert [(each.kind, each.detail["configuration"]) for each in outcomes] == [("deferred", True)] * 2
    assert "certificate" in outcomes[0].reply
    assert server.connections == 1


def test_no_starttls_no_message(make_channel: Make) -> None:
    with smtp_server() as server:
        (outcome,) = make_channel(server.port, tls="starttls").send([message(1)])
    assert (outcome.kind, outcome.detail["configuration"]) == ("deferred", True)
    assert "does not offer STARTTLS" in outcome.reply
    assert "MAIL" not in "".join(server.heard)


def test_words_slipped_in_before_tls_are_not_believed(make_channel: Make) -> None:
    def script(talk: Talk) -> None:
        talk.say("220 mx.example ESMTP")
        talk.hear()
        talk.say("250-mx.example\r\n250 STARTTLS")
        talk.hear()
        talk.say("220 go ahead\r\n250 slipped in")
        talk.encrypt()

    with smtp_server(script) as server:
        channel = make_channel(server.port, host="localhost", tls="starttls", ssl_context=trusting())
        (outcome,) = channel.send([message(1)])
    assert (outcome.kind, outcome.detail["stage"]) == ("deferred", "starttls")
