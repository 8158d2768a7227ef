"""No message stops the reading, whatever is in it; and what is merely broken is read all the same."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices.inbound.reading import read
from tests.notices.inbound.mails import ANA, block, dsn, mail, multipart, ours, path, told

STATUS = "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"


@pytest.mark.parametrize("ends", [b"\r", b"\n", b"\r\r\n"])
def test_line_ends_of_any_kind(ends):
    assert told(dsn(block()).replace(b"\r\n", ends)) == [("bounced", ANA)]


@pytest.mark.parametrize(
    ("change", "to"),
    [
        (b'boundary="b"', b'boundary="other"'),  # not the one that is used
        (b'; boundary="b"', b""),
        (b"--b--", b""),
        (b"Content-Type: message/delivery-status", b"content-TYPE :MESSAGE/Delivery-Status;"),
        (b"Content-Type: message/delivery-status", b"Content-Type: message/delivery-status; charset=no-such"),
        (b"Action: failed", b"Action: failed\x00\xff\xfe"),
        (b"MIME-Version: 1.0\r\n", b""),
        (b"From:", b"this is no header\r\nFrom:"),
        (b"From:", b"From MAILER-DAEMON Mon Nov 23 12:00:00 2026\nFrom:"),
    ],
)
def test_broken_forms_are_read(change, to):
    raw = dsn(block())
    assert change in raw
    assert told(raw.replace(change, to)) == [("bounced", ANA)]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"\x00" * 5000,
        random.Random(7).randbytes(300_000),
        mail(b"x" * 5_000_000, Subject="failure notice"),
        mail("x", X_Long="a" * 3_000_000),
        mail("x", Subject="=?utf-8?b?" * 50_000),
        mail("x", To="(" * 50_000, From='"' * 50_000),
        b"".join(b"X-%d: y\r\n" % n for n in range(100_000)),
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(10_000)
        ),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 10_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 10_000,
        mail(b"--b\r\n\r\nx\r\n" * 200_000, Content_Type="multipart/mixed; boundary=b"),
        mail(b"<script " * 200_000, Content_Type="text/html"),
        mail(b"<!--" * 200_000, Content_Type="text/html", Subject="failure notice"),
        mail(b"a@" * 500_000, Subject="failure notice"),
        mail(b"-" * 500_000, Subject="failure notice"),
        mail(b"A*!=@" * 100_000, Content_Type="message/delivery-status", Content_Transfer_Encoding="base64"),
        mail(STATUS.encode() + b"\r\n \r\n" * 200_000, Content_Type="message/delivery-status"),
        mail("a-" * 50_000, Content_Type="text/plain; charset=punycode", Subject="failure notice"),
        mail("a-" * 50_000, Content_Type="text/plain; charset=unicode_escape", Subject="failure notice"),
        mail("References: " + "<a@b>" * 50_000, References="<a@b>" * 50_000),
    ],
    ids=lambda raw: f"{len(raw)} bytes: {raw[:40]!r}",
)
def test_what_means_nothing_says_nothing(raw):
    reading = read(raw, ours=ours())
    assert [f for f in reading.findings if f.mailed] == []
    assert reading.trouble
    assert "failed:" not in reading.trouble


def test_the_report_is_found_among_a_thousand_parts_of_rubbish():
    parts = [("text/plain", f"rubbish {n}") for n in range(150)]
    raw = multipart(*parts, ("message/delivery-status", f"Reporting-MTA: dns; x\n\n{block()}"))
    assert told(raw) == [("bounced", ANA)]


SAMPLES = [
    dsn(block(), returned=f"To: {ANA}\nMessage-ID: <x@y>\n"),
    dsn(block("delivered", status="2.0.0"), block("delayed"), To=path()),
    multipart(
        ("text/plain", "x"),
        ("message/feedback-report", "Feedback-Type: abuse\n"),
        ("message/rfc822", "To: x\n"),
    ),
    mail(
        f"Delivery to <{ANA}> failed: 550 5.1.1 user unknown\n\n--- Below this line is a copy of the message.\n"
    ),
    mail(
        "I am away", From=ANA, Subject="=?utf-8?q?R=C3=A9ponse?= automatique", Auto_Submitted="auto-replied"
    ),
]


MARKS = [b"", b"\r\n\r\n", b"\n", b"\r", b"--b\r\n", b"--b--", b"\x00", b"=?", b"=", b'"', b":", b";", b"@"]


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A report, cut, spliced, doubled and sprinkled with bytes that matter."""
    raw = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 6))):
        at, length = draw(st.integers(0, len(raw))), draw(st.integers(0, 80))
        noise = draw(st.sampled_from(MARKS) | st.binary(max_size=20))
        raw = raw[:at] + noise + raw[at + length :]
    return raw


@given(mutations())
def test_no_mutation_of_a_report_raises_or_breaks_the_rules(raw):
    reading = read(raw, ours=ours())
    assert not reading.trouble.startswith("Reading it failed")
    for finding in reading.findings:
        assert "\x00" not in repr(dict(finding.detail))
        assert finding.kind != "replied"
