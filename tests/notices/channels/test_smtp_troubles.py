"""Servers and connections that fail: nothing twice, nothing silently lost."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable

import pytest

from notices.channels.base import Message, Outcome
from notices.channels.smtp import SmtpChannel
from tests.notices.channels.conftest import message
from tests.notices.channels.servers import CERTIFICATE, OFFERS, Gone, Server, Talk, smtp_server

Make = Callable[..., SmtpChannel]
SILENCE = {"timeout": 0.2, "final_timeout": 0.2}


def batch(count: int = 3) -> list[Message]:
    return [message(number) for number in range(1, count + 1)]


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [each.kind for each in outcomes]


def recipients(server: Server) -> list[str]:
    return [each.rcpt.split("<")[1].split("@")[0] for each in server.received]


def at(verb: str, nth: int, do: Callable[[Talk], None]) -> Callable[[Talk], None]:
    """A script: a good server that does `do` instead of answering the nth `verb` of the connection."""

    def script(talk: Talk) -> None:
        count = 0

        def answer(said: str, line: str) -> str | None:
            nonlocal count
            if said == verb:
                count += 1
                if count == nth:
                    do(talk)
                    return ""
            return None

        talk.serve(answer)

    return script


def reads_some_then_drops(talk: Talk) -> None:
    """Accepts DATA, reads a little of the content, and hangs up."""
    talk.say("354 go on")
    talk.hear_octets(10)
    talk.hang_up()


def says_421(talk: Talk) -> None:
    talk.say("421 4.3.2 closing")
    talk.hang_up()


# --- After the content was handed over: lost, and only that one ---


@pytest.mark.parametrize("end", [at("DATA", 2, reads_some_then_drops), at(".", 2, Talk.hang_up)])
def test_a_drop_with_the_content_under_way_loses_that_message_only(
    make_channel: Make, end: Callable[[Talk], None]
) -> None:
    with smtp_server(end, Talk.serve) as server:
        outcomes = list(make_channel(server.port).send(batch(4)))
    assert kinds(outcomes) == ["submitted", "lost", "submitted", "submitted"]
    assert (outcomes[1].detail["stage"], outcomes[1].detail["ours"]) == ("reply", True)
    assert sorted({*recipients(server)} | {"holder2"}) == ["holder1", "holder2", "holder3", "holder4"]
    assert len(recipients(server)) == len(set(recipients(server)))


def test_a_reset_after_the_dot_is_lost(make_channel: Make) -> None:
    with smtp_server(at(".", 1, lambda talk: talk.hang_up(reset=True))) as server:
        (outcome,) = make_channel(server.port).send([message(1)])
    assert outcome.kind == "lost"
    assert recipients(server) == ["holder1"]


def test_silence_after_the_dot_is_lost_and_soon_stops_the_batch(make_channel: Make) -> None:
    with smtp_server(at(".", 1, Talk.stay_silent)) as server:
        outcomes = list(make_channel(server.port, timeout=20.0, final_timeout=0.2).send(batch(5)))
    assert kinds(outcomes) == ["lost", "lost", "deferred", "deferred", "deferred"]
    assert "did not answer in time" in outcomes[4].reply
    assert recipients(server) == ["holder1", "holder2"]


@pytest.mark.parametrize("garbage", ["what?", "299", "354 more please", "2x0 hm"])
def test_only_a_clear_yes_after_the_dot_counts(make_channel: Make, garbage: str) -> None:
    with smtp_server(at(".", 1, lambda talk: talk.say(garbage)), Talk.serve) as server:
        outcomes = list(make_channel(server.port).send(batch(2)))
    expected = "submitted" if garbage == "299" else "lost"
    assert kinds(outcomes) == [expected, "submitted"]


# --- Before the content: nothing can have been accepted ---


@pytest.mark.parametrize("tls", ["no", "implicit"])
def test_a_content_cut_short_is_put_off(make_channel: Make, tls: str) -> None:
    def script(talk: Talk) -> None:
        talk.say("354 go on")
        talk.hear_octets(1_000)
        talk.hang_up(reset=True)

    large = message(1, raw=b"To: x\r\n\r\n" + b"\r\n" * 8_000_000)
    with smtp_server(at("DATA", 1, script), Talk.serve, implicit_tls=tls == "implicit") as server:
        context = ssl.create_default_context(cafile=CERTIFICATE)
        channel = make_channel(server.port, host="localhost", tls=tls, ssl_context=context)
        outcomes = list(channel.send([large, message(2)]))
    assert kinds(outcomes) == ["deferred", "submitted"]
    assert outcomes[0].detail["stage"] == "content"


def test_a_refusal_in_mid_content_is_heard(make_channel: Make) -> None:
    def script(talk: Talk) -> None:
        talk.say("354 go on")
        talk.hear_octets(1_000)
        talk.say("552 5.3.4 too large")
        talk.sock.shutdown(socket.SHUT_WR)
        talk.hear_octets(1_000)
        talk.hang_up()

    large = message(1, raw=b"To: x\r\n\r\n" + b"\r\n" * 8_000_000)
    with smtp_server(at("DATA", 1, script)) as server:
        (outcome,) = make_channel(server.port).send([large])
    assert (outcome.kind, outcome.code, outcome.reply) == ("refused", 552, "552 5.3.4 too large")


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("fail", [Talk.hang_up, says_421])
def test_a_connection_that_ends_in_mid_batch_is_replaced(
    make_channel: Make, verb: str, fail: Callable[[Talk], None]
) -> None:
    with smtp_server(at(verb, 3, fail), Talk.serve) as server:
        outcomes = list(make_channel(server.port).send(batch(5)))
    assert kinds(outcomes) == ["submitted"] * 5
    assert recipients(server) == [f"holder{number}" for number in range(1, 6)]
    assert server.connections == 2


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_connection_that_fails_at_once_is_not_hammered(make_channel: Make, verb: str) -> None:
    with smtp_server(at(verb, 1, Talk.hang_up), Talk.serve) as server:
        outcomes = list(make_channel(server.port).send(batch(2)))
    assert kinds(outcomes) == ["deferred", "submitted"]
    assert outcomes[0].detail["stage"] == verb.lower()
    assert server.connections == 2


def test_421_to_a_fresh_connection_is_the_server_s_answer(make_channel: Make) -> None:
    with smtp_server(at("MAIL", 1, says_421)) as server:
        (outcome,) = make_channel(server.port).send([message(1)])
    assert (outcome.kind, outcome.code, outcome.reply) == ("deferred", 421, "421 4.3.2 closing")
    assert server.connections == 1


def test_421_after_the_dot_means_not_accepted(make_channel: Make) -> None:
    with smtp_server(at(".", 1, says_421), Talk.serve) as server:
        outcomes = list(make_channel(server.port).send(batch(2)))
    assert kinds(outcomes) == ["deferred", "submitted"]
    assert outcomes[0].code == 421


@pytest.mark.parametrize("parting", [b"", b"421 4.4.2 idle for too long\r\n"])
def test_a_kept_connection_that_died_meanwhile_is_replaced(make_channel: Make, parting: bytes) -> None:
    def script(talk: Talk) -> None:
        def answer(verb: str, line: str) -> str | None:
            if verb == ".":
                talk.sock.sendall(b"250 2.0.0 Ok: queued as Q1\r\n" + parting)
                talk.hang_up()
            return None

        talk.serve(answer)

    with smtp_server(script, Talk.serve) as server:
        channel = make_channel(server.port)
        assert kinds(list(channel.send([message(1)]))) == ["submitted"]
        assert kinds(list(channel.send([message(2)]))) == ["submitted"]
    assert recipients(server) == ["holder1", "holder2"]


def test_a_kept_connection_is_left_after_a_while(make_channel: Make) -> None:
    with smtp_server() as server:
        channel = make_channel(server.port, keep_seconds=0.0)
        assert kinds(list(channel.send([message(1)]))) == ["submitted"]
        assert kinds(list(channel.send([message(2)]))) == ["submitted"]
    assert server.connections == 2


def test_a_silent_server_costs_two_time_outs_not_one_per_message(make_channel: Make) -> None:
    with smtp_server(at("MAIL", 1, Talk.stay_silent)) as server:
        outcomes = list(make_channel(server.port, **SILENCE).send(batch(50)))
    assert kinds(outcomes) == ["deferred"] * 50
    assert server.connections == 2
    assert outcomes[-1].detail["stage"] == "waiting"


def test_a_batch_that_takes_too_long_is_put_off_before_the_sweep_calls_it_unknown(make_channel: Make) -> None:
    def slow(talk: Talk) -> None:
        talk.serve(lambda verb, line: time.sleep(0.3) if verb == "." else None)

    with smtp_server(slow) as server:
        outcomes = list(make_channel(server.port, batch_seconds=0.2).send(batch(3)))
    assert kinds(outcomes)[1:] == ["deferred", "deferred"]
    assert "had already taken" in outcomes[2].reply


# --- Servers with manners of their own ---


@pytest.mark.parametrize("offers", [OFFERS, OFFERS[1:]], ids=["pipelining", "plain"])
def test_replies_in_fragments_are_put_together(make_channel: Make, offers: tuple[str, ...]) -> None:
    def script(talk: Talk) -> None:
        def in_fragments(line: str | bytes) -> None:
            data = line.encode() if isinstance(line, str) else line
            for octet in data + b"\r\n":
                talk.sock.sendall(bytes([octet]))

        talk.say = in_fragments  # type: ignore[method-assign]
        talk.serve(offers=offers)

    with smtp_server(script) as server:
        assert kinds(list(make_channel(server.port).send(batch(3)))) == ["submitted"] * 3
    assert recipients(server) == ["holder1", "holder2", "holder3"]


def test_a_server_that_loses_what_is_sent_ahead_gets_one_step_at_a_time(make_channel: Make) -> None:
    def script(talk: Talk) -> None:
        def answer(verb: str, line: str) -> str | None:
            if verb == "MAIL" and talk.number == 1:
                talk.forget_input()
            return None

        talk.serve(answer)

    with smtp_server(script) as server:
        outcomes = list(make_channel(server.port, timeout=1.0).send(batch(3)))
    assert kinds(outcomes) == ["submitted"] * 3
    assert recipients(server) == ["holder1", "holder2", "holder3"]


def test_answers_out_of_step_are_nobody_s_proof(make_channel: Make) -> None:
    def script(talk: Talk) -> None:
        late: list[str] = []

        def answer(verb: str, line: str) -> str | None:
            if talk.number == 1 and verb == ".":
                late.append("550 5.7.1 not this one")  # said after the replies to what was sent along
                return ""
            if late and verb == "DATA":
                return f"354 go on\r\n{late.pop()}"
            return None

        talk.serve(answer)

    with smtp_server(script) as server:
        outcomes = list(make_channel(server.port).send(batch(3)))
    assert kinds(outcomes) == ["lost", "submitted", "submitted"]


def test_a_server_that_wants_data_although_it_took_no_recipient_gets_none(make_channel: Make) -> None:
    def script(talk: Talk) -> None:
        def answer(verb: str, line: str) -> str | None:
            if verb == "RCPT" and "holder1@" in line:
                return "550 5.1.1 no such user"
            if verb == "DATA":
                return "354 go on"
            return None

        talk.serve(answer)

    with smtp_server(script) as server:
        outcomes = list(make_channel(server.port).send(batch(2)))
    assert kinds(outcomes) == ["refused", "submitted"]
    assert recipients(server) == ["holder2"]
    assert server.connections == 1


@pytest.mark.parametrize("reply", ["503 5.5.1 out of step", "555 5.5.4 unknown parameter"])
def test_a_quarrel_about_the_protocol_refuses_no_message(make_channel: Make, reply: str) -> None:
    with smtp_server(at("MAIL", 1, lambda talk: talk.say(reply)), Talk.serve) as server:
        outcomes = list(make_channel(server.port).send(batch(2)))
    assert kinds(outcomes) == ["deferred", "submitted"]
    assert (outcomes[0].reply, outcomes[0].detail["configuration"]) == (reply, True)
    assert server.connections == 2


def test_a_reply_too_many_is_not_taken_for_acceptance(make_channel: Make) -> None:
    with smtp_server(at("DATA", 1, lambda talk: talk.say("354 go on\r\n250 2.0.0 Ok"))) as server:
        (outcome,) = make_channel(server.port).send([message(1)])
    assert outcome.kind == "deferred"
    assert "broke off before the content" in outcome.reply


def test_a_refusal_right_after_the_go_ahead_is_heard(make_channel: Make) -> None:
    with smtp_server(
        at("DATA", 2, lambda talk: talk.say("354 go on\r\n550 5.7.1 on second thoughts")), Talk.serve
    ) as server:
        outcomes = list(make_channel(server.port).send(batch(3)))
    assert kinds(outcomes) == ["submitted", "refused", "submitted"]
    assert outcomes[1].reply == "550 5.7.1 on second thoughts"


def test_a_server_from_before_ehlo(make_channel: Make) -> None:
    def script(talk: Talk) -> None:
        talk.serve(lambda verb, line: "500 what?" if verb == "EHLO" else None)

    with smtp_server(script) as server:
        outcomes = list(make_channel(server.port).send(batch(2)))
    assert kinds(outcomes) == ["submitted"] * 2
    assert server.received[0].mail == "MAIL FROM:<bounce+1-abc@bounces.example.com>"


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_garbage_before_the_content_is_no_answer(make_channel: Make, verb: str) -> None:
    with smtp_server(at(verb, 1, lambda talk: talk.say("HTTP/1.1 400 Bad Request")), Talk.serve) as server:
        outcomes = list(make_channel(server.port).send(batch(2)))
    assert kinds(outcomes) == ["deferred", "submitted"]
    assert "no SMTP reply" in outcomes[0].reply


def test_a_long_reply_is_read_to_its_end_and_kept_in_part(make_channel: Make) -> None:
    lines = [f"250-this is line {number} of a long story" for number in range(500)]

    def long(talk: Talk) -> None:
        talk.say("\r\n".join([*lines, "250 2.0.0 Ok: queued as LAST"]))

    with smtp_server(at(".", 1, long)) as server:
        outcomes = list(make_channel(server.port).send(batch(2)))
    assert kinds(outcomes) == ["submitted"] * 2
    assert len(outcomes[0].reply) == 1_000
    assert outcomes[1].reply == "250 2.0.0 Ok: queued as Q2"


def test_a_reply_without_end_is_given_up(make_channel: Make) -> None:
    def endless(talk: Talk) -> None:
        while True:
            try:
                talk.sock.sendall(b"250-and so on\r\n" * 1_000)
            except OSError as error:
                raise Gone from error

    with smtp_server(at(".", 1, endless), Talk.serve) as server:
        outcomes = list(make_channel(server.port).send(batch(2)))
    assert kinds(outcomes) == ["lost", "submitted"]
    assert "longer than" in outcomes[0].reply


# --- No connection at all ---


@pytest.mark.parametrize(
    ("reply", "code", "configuration"),
    [("554 5.7.1 your address is listed", 554, True), ("421 4.3.2 too busy", 421, False)],
)
@pytest.mark.parametrize("verb", ["CONNECT", "EHLO"])
def test_a_server_that_will_not_talk_to_us_refuses_no_message(
    make_channel: Make, verb: str, reply: str, code: int, configuration: bool
) -> None:
    def script(talk: Talk) -> None:
        talk.serve(lambda said, line: reply if said == verb or (verb, said) == ("EHLO", "HELO") else None)

    with smtp_server(script) as server:
        outcomes = list(make_channel(server.port).send(batch(4)))
    assert kinds(outcomes) == ["deferred"] * 4
    assert (outcomes[0].reply, outcomes[0].code) == (reply, code)
    assert outcomes[0].detail["stage"] == ("banner" if verb == "CONNECT" else "ehlo")
    assert [each.detail.get("configuration", False) for each in outcomes] == [configuration] * 4
    assert server.connections == (1 if configuration else 2)


def test_a_server_that_hangs_up_or_says_nothing_at_the_greeting(make_channel: Make) -> None:
    with smtp_server(Talk.hang_up) as server:
        assert kinds(list(make_channel(server.port).send(batch(3)))) == ["deferred"] * 3
    with smtp_server(Talk.stay_silent) as server:
        outcomes = list(make_channel(server.port, **SILENCE).send(batch(3)))
    assert kinds(outcomes) == ["deferred"] * 3
    assert "did not answer within 0.2 seconds" in outcomes[0].reply


def test_no_one_listens(make_channel: Make) -> None:
    with smtp_server() as server:
        port = server.port
    outcomes = list(make_channel(port).send(batch(3)))
    assert kinds(outcomes) == ["deferred"] * 3
    assert "Connection refused" in outcomes[0].reply
    assert outcomes[0].detail["stage"] == "connect"
    assert "messages before it failed" in outcomes[2].reply


def test_a_host_without_address(make_channel: Make) -> None:
    outcomes = list(make_channel(25, host="no-such-host.invalid").send(batch(2)))
    assert kinds(outcomes) == ["deferred"] * 2
    assert "no-such-host.invalid:25" in outcomes[0].reply
