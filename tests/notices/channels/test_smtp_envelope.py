from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices.channels.smtp.envelope import (
    Capabilities,
    UnsendableError,
    commands,
    content,
    envelope,
    unitext,
    xtext,
)
from notices.channels.smtp.replies import Reply, enhanced_code, queue_id
from tests.notices.channels.conftest import message

EVERYTHING = Capabilities(pipelining=True, dsn=True, size=True, eight_bit=True, smtputf8=True)


def said(offered: Capabilities = EVERYTHING, **changes: Any) -> tuple[str, str]:
    mail, rcpt, data = commands(envelope(message(**changes)), offered)
    assert data == b"DATA\r\n"
    return mail.decode().removesuffix("\r\n"), rcpt.decode().removesuffix("\r\n")


def test_dsn_is_asked_for_where_it_is_offered() -> None:
    mail, rcpt = said(
        raw=b"To: x\r\n\r\n", address="a+b@example.org", return_path="r@example.com", envid="7=x"
    )
    assert mail == "MAIL FROM:<r@example.com> SIZE=9 RET=HDRS ENVID=7+3Dx"
    assert rcpt == "RCPT TO:<a+b@example.org> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb@example.org"


def test_nothing_is_asked_for_that_is_not_offered() -> None:
    mail, rcpt = said(Capabilities(), return_path="")
    assert (mail, rcpt) == ("MAIL FROM:<>", "RCPT TO:<holder1@example.org>")


@pytest.mark.parametrize("offered", [EVERYTHING, Capabilities(dsn=True)])
def test_an_internationalised_domain_goes_in_its_ascii_form_to_every_server(offered: Capabilities) -> None:
    mail, rcpt = said(offered, address="anna@faß.example")
    assert "SMTPUTF8" not in mail
    assert rcpt.startswith("RCPT TO:<anna@xn--fa-hia.example> ")
    assert rcpt.endswith("ORCPT=rfc822;anna@xn--fa-hia.example")


def test_an_internationalised_name_goes_as_it_is_where_smtputf8_is_offered() -> None:
    mail, rcpt = said(address="用户@例え.jp")
    assert mail.endswith("SMTPUTF8 RET=HDRS ENVID=1-abc")
    assert rcpt == "RCPT TO:<用户@例え.jp> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=utf-8;用户@例え.jp"


def test_an_internationalised_name_is_not_sent_where_smtputf8_is_missing() -> None:
    with pytest.raises(UnsendableError, match="does not offer SMTPUTF8"):
        said(Capabilities(eight_bit=True), address="用户@example.jp")


def test_8_bit_content_needs_8bitmime_and_8_bit_headers_smtputf8() -> None:
    body = "Subject: x\r\n\r\nGrüße\r\n".encode()
    assert "BODY=8BITMIME" in said(raw=body)[0]
    with pytest.raises(UnsendableError, match="does not offer 8BITMIME"):
        said(Capabilities(), raw=body)
    header = "Subject: Grüße\r\n\r\nx\r\n".encode()
    assert "SMTPUTF8" in said(raw=header)[0]
    with pytest.raises(UnsendableError, match="does not offer SMTPUTF8"):
        said(Capabilities(eight_bit=True), raw=header)


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "a@example.org\r\nDATA"},
        {"return_path": "a@example.org\r\nDATA"},
        {"envid": "a\r\nDATA"},
        {"envid": "ü"},
        {"envid": "x" * 101},
        {"address": "a@" + "ü" * 70 + ".example"},
        {"raw": b"To: x\r\n\r\nsmuggled\n.\nMAIL FROM:<x@example.com>\r\n"},
        {"raw": b"To: x\r\n\r\nsmuggled\r.\r\n"},
    ],
)
def test_what_cannot_be_sent_as_it_is_is_not_sent(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsendableError):
        envelope(message(**changes))


@given(st.text(st.characters(codec="utf-8")))
def test_xtext_is_printable_and_says_the_same(value: str) -> None:
    encoded = xtext(value)
    assert re.fullmatch(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*", encoded)
    decoded = re.sub(rb"\+([0-9A-F]{2})", lambda match: bytes.fromhex(match[1].decode()), encoded)
    assert decoded.decode() == value


@given(st.text(st.characters(codec="utf-8")))
def test_unitext_says_the_same(value: str) -> None:
    encoded = unitext(value).decode()
    assert not set(encoded) & set(" +=\r\n")
    decoded = re.sub(r"\\x\{([0-9A-F]+)\}", lambda match: chr(int(match[1], 16)), encoded)
    assert decoded == value


LINES = st.lists(st.one_of(st.sampled_from([b"", b".", b"..", b".\t"]), st.binary(max_size=20)))


@given(
    LINES.map(
        lambda lines: b"".join(line.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n" for line in lines)
    )
)
def test_any_bytes_arrive_unchanged(raw: bytes) -> None:
    wire = content(raw)
    lines = wire.split(b"\r\n")
    assert lines.index(b".") == len(lines) - 2  # the first lone dot is the last line
    assert b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:-2]) == raw


def test_a_missing_last_line_end_is_added() -> None:
    assert content(b"x") == b"x\r\n.\r\n"
    assert content(b"") == b".\r\n"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("250 2.0.0 Ok: queued as 4Z7f0x1dzNz1y", "4Z7f0x1dzNz1y"),
        ("250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 3F2A1B", "3F2A1B"),
        ("250 OK id=1q9Xyz-0003Ab-2C", "1q9Xyz-0003Ab-2C"),
        ("250 2.0.0 34P9xK2m012345 Message accepted for delivery", "34P9xK2m012345"),
        (
            "250 2.6.0 <m1@bounces.example.com> [InternalId=12345678901234, Hostname=A.B] Queued mail for delivery",
            "12345678901234",
        ),
        (
            "250 Ok 0100018c0a1b2c3d-1f2e3d4c-aaaa-bbbb-cccc-0123456789ab-000000",
            "0100018c0a1b2c3d-1f2e3d4c-aaaa-bbbb-cccc-0123456789ab-000000",
        ),
        ("250 2.0.0 OK  1700000000 a640c23a62f3a-abc12.123 - gsmtp", "a640c23a62f3a-abc12.123"),
        ("250 ok 1700000000 qp 12345", "qp 12345"),
        ("250 Message Queued (5E2B-4C7A.1)", "5E2B-4C7A.1"),
        ("250-2.0.0 first line\n250 2.0.0 Ok: queued as ABC123.", "ABC123"),
        ("250 2.0.0 Ok", ""),
        ("250 OK", ""),
    ],
)
def test_queue_ids(reply: str, expected: str) -> None:
    assert queue_id(reply) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("550 5.1.1 no such user", "5.1.1"),
        ("250-2.1.5 ok", "2.1.5"),
        ("550 5.1.1", "5.1.1"),
        ("550 10.0.0.1 is bad", ""),
    ],
)
def test_enhanced_codes(reply: str, expected: str) -> None:
    assert enhanced_code(reply) == expected


def test_a_reply_is_kept_verbatim_where_the_database_can() -> None:
    reply = Reply(550, b"550-first\r\n550 caf\xe9 \x00 caf\xc3\xa9\r\n")
    assert reply.text == "550-first\n550 caf\\xe9 \\x00 café"
