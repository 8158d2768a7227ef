from __future__ import annotations

import smtplib
import socket
import subprocess
import sys
from email import message_from_bytes
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from demo.world import DOMAINS, Fate, Truth, truth
from demo.world.domains import ELSEWHERE, address_key, chance, domain_of
from tests.demo.worlds import ALL, ROOT, World, delivery_status, running, text, wait_for

# What the server says


def test_offers_what_a_sender_of_notices_asks_for(world: World) -> None:
    with world.connect() as client:
        assert {"pipelining", "8bitmime", "smtputf8", "dsn", "size"} <= client.esmtp_features.keys()


def test_accepts_with_a_queue_id_of_its_own(world: World) -> None:
    replies = {world.send("twosends@mail.example") for _ in range(2)}

    assert len(replies) == 2
    assert all(reply.startswith("250 2.0.0 Ok: queued as 4") for reply in replies)


def test_keeps_the_exact_bytes_of_a_message(world: World) -> None:
    raw = text(body=".a dot\r\n..two\r\n\r\n.\r\n\tend\r\n")

    world.send("exact@mail.example", raw)

    [line] = world.lines("message", "exact@mail.example")
    assert (line["sha256"], line["size"], line["received"]) == (sha256(raw).hexdigest(), len(raw), True)
    assert line["message_id"] == "<m@due.example>"


@pytest.mark.parametrize("body", ["", "x", ".", "\r\n", "line\r\n.\r\n"])
def test_keeps_odd_bodies_too(world: World, body: str) -> None:
    to = f"odd{len(body)}{body.count('.')}@mail.example"

    world.send(to, text(body=body))

    sent = text(body=body) if text(body=body).endswith(b"\r\n") else text(body=body) + b"\r\n"
    assert world.lines("message", to)[0]["sha256"] == sha256(sent).hexdigest()


def test_takes_a_message_of_one_line_or_none(world: World) -> None:
    world.send("oneline@mail.example", b"Subject: nothing more\r\n")
    world.send("oneline@cut.example", b"\r\n")

    assert world.truth("oneline@mail.example").received_times == 1
    assert world.lines("message", "oneline@cut.example")


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("ann@gone.example", "550 5.1.1"),
        ("ann@closed.test", "550 5.1.10"),
        ("ann@left.example", "550 5.2.1"),
        ("ann@spamwall.example", "554 5.7.1"),
    ],
)
def test_refuses_for_good(world: World, to: str, code: str) -> None:
    assert world.send(to).startswith(code)
    assert world.send(to).startswith(code)

    known = world.truth(to)
    assert (known.refused, known.received_times, known.summary) == (2, 0, "refused")
    assert known.replies[0].startswith(code)


@pytest.mark.parametrize(
    ("to", "code"), [("ann@stuck.example", "452 4.2.2"), ("ann@tempfail.test", "451 4.3.0")]
)
def test_defers_for_ever(world: World, to: str, code: str) -> None:
    assert all(world.send(to).startswith(code) for _ in range(5))
    assert world.truth(to).summary == "deferred"


def test_greylists_until_the_second_or_third_try(world: World) -> None:
    firsts = [world.send(f"g{number}@greylist.example") for number in range(20)]
    tries = [_tries_until_taken(world, f"g{number}@greylist.example") for number in range(20)]

    assert all(reply.startswith("451 4.7.1") for reply in firsts)
    assert set(tries) == {1, 2}  # after the first


def _tries_until_taken(world: World, to: str) -> int:
    return next(number for number in range(1, 10) if world.send(to).startswith("250"))


def test_greylists_for_a_while(world: World) -> None:
    assert world.send("ann@slowlist.test").startswith("451")

    wait_for(lambda: world.send("ann@slowlist.test").startswith("250"))

    assert world.truth("ann@slowlist.test").summary == "inbox"


def test_is_too_busy_at_first_and_hangs_up(world: World) -> None:
    with world.connect() as client:
        client.mail("a@bounces.test")
        assert client.rcpt("ann@busy.example")[0] == 421
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()

    assert world.send("ann@busy.example").startswith("250")


# Dropped connections: what the client sees is the same, what happened is not


def test_drops_the_connection_before_the_final_dot(world: World) -> None:
    tries = [_tries_until(world, f"c{number}@cut.example", most=4) for number in range(24)]

    assert set(tries) == {2, 3, None}  # once, twice, or always
    stubborn = f"c{tries.index(None)}@cut.example"
    known = world.truth(stubborn)
    assert (known.cut, known.received_times, known.summary) == (4, 0, "cut")


def _tries_until(world: World, to: str, most: int) -> int | None:
    return next((number for number in range(1, most + 1) if world.send(to)), None)


def test_receives_and_drops_the_connection_without_a_word(world: World) -> None:
    assert world.send("ann@acklost.example") == ""

    known = world.truth("ann@acklost.example")
    assert (known.cut, known.received_times) == (1, 1)
    world.reports("ann@acklost.example")  # the message goes its way all the same

    assert world.send("ann@acklost.example").startswith("250")
    assert world.truth("ann@acklost.example").received == {"<m@due.example>": 2}


def test_loses_what_it_read_and_drops_the_connection(world: World) -> None:
    assert world.send("ann@dotlost.example") == ""
    assert world.truth("ann@dotlost.example").received_times == 0

    assert world.send("ann@dotlost.example").startswith("250")


def test_drops_each_new_message_once(world: World) -> None:
    replies = [
        world.send("news@dotlost.example", text(f"<{name}@due.example>")) for name in ("a", "a", "b", "b")
    ]

    assert [reply[:3] for reply in replies] == ["", "250", "", "250"]


def test_notes_a_client_that_goes_away_in_the_middle(world: World) -> None:
    with world.connect() as client:
        client.mail("a@bounces.test")
        client.rcpt("left@mail.example")
        client.docmd("DATA")
        client.send(b"Subject: half a mess")
        client.close()

    known = wait_for(lambda: known if (known := world.truth("left@mail.example")).gone else None)
    assert known.received_times == 0


def test_keeps_a_message_whose_client_goes_away_after_the_final_dot(world: World) -> None:
    with socket.create_connection(("127.0.0.1", world.port)) as client:
        group = b"EHLO c\r\nMAIL FROM:<a@bounces.test>\r\nRCPT TO:<quick@mail.example>\r\nDATA\r\n"
        client.sendall(group + text() + b".\r\n")
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as replies:
            last = replies.readlines()[-1]

    assert last.startswith(b"250 2.0.0 Ok: queued as ")
    assert world.truth("quick@mail.example").received_times == 1


def test_answers_pipelined_transactions_in_order(world: World) -> None:
    def group(to: str) -> bytes:
        return f"MAIL FROM:<a@bounces.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n".encode()

    with socket.create_connection(("127.0.0.1", world.port)) as client, client.makefile("rb") as replies:
        first, second = group("one@mail.example"), group("two@mail.example")
        client.sendall(b"EHLO c\r\n" + first + text() + b".\r\n" + second + text() + b".\r\nQUIT\r\n")
        codes = [line[:3] for line in replies if line[3:4] == b" "]

    assert codes == [b"220", b"250", *[b"250", b"250", b"354", b"250"] * 2, b"221"]


def test_drops_what_was_pipelined_behind_a_lost_message(world: World) -> None:
    begin = b"MAIL FROM:<a@bounces.test>\r\nRCPT TO:<%s>\r\nDATA\r\n" + text() + b".\r\n"

    with socket.create_connection(("127.0.0.1", world.port)) as client:
        client.sendall(b"EHLO c\r\n" + begin % b"first@acklost.test" + begin % b"behind@mail.example")
        while client.recv(65536):
            pass

    assert world.truth("first@acklost.test").received_times == 1
    assert world.truth("behind@mail.example") == Truth()


# Delivery status notifications


@pytest.mark.parametrize("name", sorted(DOMAINS.keys() - {"stuck.example", "tempfail.test", "cut.example"}))
def test_reports_are_well_formed(world: World, name: str) -> None:
    to = f"form@{name}"
    wait_for(lambda: world.send(to)[:1] in ("2", "5"))
    planned = world.lines("message", to)[-1].get("reports", [])

    for report in world.reports(to, len(planned)) if planned else []:
        assert not [defect for part in report.walk() for defect in part.defects]
        assert report["Return-Path"] == "<>"
        assert report["To"].addresses[0].addr_spec == "bounce+tok@bounces.test"
        assert report.get_content_type() == "multipart/report"
        assert report.get_content_charset() is None
        about_message, about_recipient = delivery_status(report)
        assert about_message["Reporting-MTA"].startswith("dns;")
        assert about_recipient["Action"] in ("failed", "delayed", "delivered", "relayed")
        assert about_recipient["Status"][0] == {"failed": "5", "delayed": "4"}.get(
            about_recipient["Action"], "2"
        )
        assert about_recipient["Final-Recipient"].replace(" ", "") == f"rfc822;{address_key(to)}"
        assert "Diagnostic-Code" in about_recipient


@pytest.mark.parametrize(
    ("to", "actions"),
    [
        ("r@mail.example", ["relayed"]),
        ("r@post.example", ["relayed"]),
        ("r@inbox.test", ["relayed"]),
        ("r@home.example", ["delivered"]),
        ("r@bounces.example", ["failed"]),
        ("r@full.example", ["failed"]),
        ("r@corp.test", ["failed"]),
        ("r@slow.example", ["delayed", "relayed"]),
        ("r@turncoat.example", ["relayed", "failed"]),
        ("r@twice.example", ["relayed", "relayed"]),
        ("r@some.unheard-of.example", ["relayed"]),
    ],
)
def test_reports_what_became_of_a_message(world: World, to: str, actions: list[str]) -> None:
    world.send(to, mail=("ENVID=tok+2Ben+3D1", "RET=HDRS"), rcpt=(ALL, "ORCPT=rfc822;R+2Bx@mail.example"))

    reports = world.reports(to, len(actions))

    statuses = [delivery_status(report) for report in reports]
    assert [about_recipient["Action"] for _, about_recipient in statuses] == actions
    for about_message, about_recipient in statuses:
        assert about_message["Original-Envelope-Id"] == "tok+en=1"
        assert about_recipient["Original-Recipient"] == "rfc822;R+x@mail.example"
    assert world.truth(to).reports == {"<m@due.example>": actions}
    assert world.truth(to).pending == 0


def test_the_same_report_twice_has_one_message_id(world: World) -> None:
    world.send("again@twice.example")

    assert len({report["Message-ID"] for report in world.reports("again@twice.example", 2)}) == 1


def test_a_failure_says_why(world: World) -> None:
    world.send("why@corp.test")

    _, about_recipient = delivery_status(world.reports("why@corp.test")[0])
    assert about_recipient["Status"] == "5.7.133"
    assert about_recipient["Diagnostic-Code"] == "smtp;550 5.7.133 Sender not allowed by recipient"


def test_a_failure_returns_the_message_or_its_header_as_asked(world: World) -> None:
    raw = text(body="the whole of it\r\n")
    for name, ret in (("whole", "RET=FULL"), ("header", "RET=HDRS")):
        for domain in ("bounces.example", "full.example", "corp.test"):
            world.send(f"{name}@{domain}", raw, mail=(ret,))

    for domain in ("bounces.example", "full.example", "corp.test"):
        whole: Any = list(world.reports(f"whole@{domain}")[0].iter_parts())[2]
        header: Any = list(world.reports(f"header@{domain}")[0].iter_parts())[2]
        assert whole.get_payload(0).as_bytes() == raw.replace(b"\r\n", b"\n")
        assert header.get_content_type() == "text/rfc822-headers"
        assert message_from_bytes(header.get_payload().encode())["Message-ID"] == "<m@due.example>"


@pytest.mark.parametrize(
    ("to", "rcpt", "actions"),
    [
        ("only1@mail.example", ("NOTIFY=FAILURE",), []),
        ("only2@mail.example", (), []),
        ("only3@bounces.example", (), ["failed"]),
        ("only4@bounces.example", ("NOTIFY=SUCCESS",), []),
        ("only5@bounces.example", ("NOTIFY=NEVER",), []),
        ("only6@slow.example", ("NOTIFY=SUCCESS",), ["relayed"]),
        ("only7@turncoat.example", ("NOTIFY=FAILURE",), ["failed"]),
    ],
)
def test_reports_only_what_was_asked_for(
    world: World, to: str, rcpt: tuple[str, ...], actions: list[str]
) -> None:
    world.send(to, rcpt=rcpt)

    [line] = world.lines("message", to)
    assert [action for action, _ in line["reports"]] == actions


def test_never_reports_to_the_null_sender(world: World) -> None:
    world.send("null@bounces.example", sender="")

    assert world.lines("message", "null@bounces.example")[0]["reports"] == []


def test_a_quarantined_message_looks_like_any_other(world: World) -> None:
    world.send("q@quarantine.example")

    assert delivery_status(world.reports("q@quarantine.example")[0])[1]["Action"] == "relayed"
    assert world.truth("q@quarantine.example").fate is Fate.QUARANTINE


def test_silence_is_not_the_same_for_all(world: World) -> None:
    world.send("s@silent.example")
    world.send("s@blackhole.example")

    assert world.truth("s@silent.example").reached
    assert not world.truth("s@blackhole.example").reached


def test_answers_by_itself_when_away(world: World) -> None:
    world.send("away@vacation.example")

    reply = world.reports("away@vacation.example", event="autoreply")[0]
    assert reply["Auto-Submitted"] == "auto-replied"
    assert reply["In-Reply-To"] == "<m@due.example>"


# Internationalised addresses


def test_the_two_forms_of_a_domain_are_one_address(world: World) -> None:
    world.send("b@büro.example")
    world.send("B@xn--bro-hoa.EXAMPLE")

    assert world.truth("b@büro.example").received_times == 2


@pytest.mark.parametrize("to", ["юлия@почта.example", "юлия@inbox.test"])
def test_reports_about_an_internationalised_address_are_ascii_by_encoding(world: World, to: str) -> None:
    world.send(to)

    _, about_recipient = delivery_status(world.reports(to)[0])
    kind, encoded = about_recipient["Final-Recipient"].split(";")
    assert kind == "utf-8"
    assert encoded.startswith(r"\x{44E}\x{43B}\x{438}\x{44F}@")


def test_reports_about_an_internationalised_address_may_be_global(world: World) -> None:
    world.send("さくら@メール.example")

    [report] = world.reports("さくら@メール.example")
    part = list(report.iter_parts())[1]
    assert part.get_content_type() == "message/global-delivery-status"
    raw = (world.maildir / "new" / world.lines("report", "さくら@メール.example")[0]["file"]).read_text(
        "utf-8"
    )
    assert "Final-Recipient: utf-8; さくら@メール.example\n" in raw


def test_refuses_letters_that_were_not_announced(world: World) -> None:
    with world.connect() as client:
        client.mail("a@bounces.test")
        client.command_encoding = "utf-8"
        assert client.rcpt("юлия@mail.example")[0] == 553


# What it does not take


@pytest.mark.parametrize(
    ("mail", "rcpt"),
    [
        (["ENVID=a b"], []),
        (["ENVID=a+zz"], []),
        (["RET=SOME"], []),
        (["BODY=9BIT"], []),
        (["FOO=1"], []),
        (["SIZE=99999999999"], []),
        (["RET=HDRS", "RET=HDRS"], []),
        ([], ["NOTIFY=NEVER,SUCCESS"]),
        ([], ["NOTIFY=ALWAYS"]),
        ([], ["ORCPT=nobody"]),
        ([], ["BAR"]),
    ],
)
def test_refuses_parameters_that_are_wrong(world: World, mail: list[str], rcpt: list[str]) -> None:
    with world.connect() as client:
        codes = [client.mail("a@bounces.test", mail)[0]]
        if codes[0] == 250:
            codes.append(client.rcpt("b@mail.example", rcpt)[0])

    assert codes[-1] in (501, 552, 555)


@pytest.mark.parametrize(
    "line", ["MAIL FROM:a@b.example", "MAIL FROM:<a b@c.example>", "MAIL TO:<a@b.example>"]
)
def test_refuses_addresses_that_are_none(world: World, line: str) -> None:
    with world.connect() as client:
        assert client.docmd(line)[0] == 501


def test_keeps_the_order_of_commands(world: World) -> None:
    with world.connect() as client:
        assert client.docmd("RCPT TO:<a@mail.example>")[0] == 503
        assert client.docmd("DATA")[0] == 503
        client.mail("a@bounces.test")
        assert client.mail("a@bounces.test")[0] == 503
        client.rset()
        assert client.mail("a@bounces.test")[0] == 250


def test_notes_what_is_wrong_with_a_message(world: World) -> None:
    long = "x" * 999
    raw = f"From: n@due.example\r\nSubject: ü\r\n\r\n{long}\r\nbare\nline ü\r\n".encode()
    with world.connect() as client:
        client.docmd("MAIL FROM:<a@bounces.test>")
        client.rcpt("faults@mail.example")
        client.docmd("DATA")
        client.send(raw + b".\r\n")
        client.getreply()

    assert world.lines("message", "faults@mail.example")[0]["faults"] == [
        "bare CR or LF",
        "line longer than 998 octets",
        "8-bit content without BODY=8BITMIME",
        "header is not ASCII, without SMTPUTF8",
        "Message-ID missing",
        "Date missing",
    ]


# The process


@pytest.mark.parametrize(("option", "files"), [([], 0), (["--flush-on-exit"], 1)])
def test_ends_on_sigterm_with_or_without_what_is_pending(
    tmp_path: Path, option: list[str], files: int
) -> None:
    with running(tmp_path, *option, pace=1000) as world:
        world.send("late@mail.example")
        with world.connect():  # an open connection does not hold it up
            world.process.terminate()
            assert world.process.wait(20) == 0

    assert len(list((world.maildir / "new").iterdir())) == files
    assert truth(world.journal)["late@mail.example"].pending == 1 - files


def test_a_link_scanner_fetches_the_links_to_the_site_and_no_others(tmp_path: Path) -> None:
    asked: list[str] = []

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Site) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{site.server_port}"
        with running(tmp_path, "--web-url", url) as world:
            world.send(
                "sc@scanner.example", text(body=f"See {url}/n/abc. and http://elsewhere.example/x\r\n")
            )
            [line] = wait_for(lambda: world.lines("scan", "sc@scanner.example"))
        site.shutdown()

    assert (line["url"], line["status"]) == (f"{url}/n/abc", 404)
    assert asked == ["/n/abc"]


def test_refuses_to_scan_beyond_this_machine(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo.world", "--web-url", "http://example.com"]
    command += ["--port-file", "p", "--maildir", str(tmp_path), "--journal", str(tmp_path / "j")]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "is not on loopback" in ended.stderr


# The domains


def test_every_domain_is_reserved_and_the_shares_are_whole() -> None:
    assert sum(domain.share for domain in DOMAINS.values()) == pytest.approx(100)
    assert all(name.rpartition(".")[2] in ("example", "test") for name in DOMAINS)


def test_looks_up_domains_in_any_form() -> None:
    assert domain_of("x@XN--bro-hoa.example") is DOMAINS["büro.example"]
    assert domain_of("x@Büro.Example") is DOMAINS["büro.example"]
    assert domain_of("x@never-heard-of.example") is ELSEWHERE


def test_chance_is_no_chance() -> None:
    assert chance("a@b.example", "x") == chance("a@b.example", "x") != chance("a@c.example", "x")
    draws = [chance(str(number), "x") for number in range(1000)]
    assert 0 <= min(draws) < 0.02
    assert 0.98 < max(draws) < 1
