"""The summary that a person reads: what it shows, and what it must not."""

from __future__ import annotations

import pytest

from notices.kinds import Kind
from notices.proof import summary, verify
from notices.proof.summary import Text
from notices.proof.words import WORDS
from tests.notices.proof.alog import MESSAGE, Log, a_bundle, a_log, a_notice


@pytest.fixture
def contents(small):
    return verify.check(small())


def test_it_shows_what_was_sent_when_to_whom_and_what_is_proven(contents):
    shown = summary.data(contents, Text("A warning", "Stop.\r\n"), {"messages/D-3.eml": MESSAGE})
    assert (shown["verdict_words"], shown["grade"]) == ("Proven", 5)
    assert [one["address"] for one in shown["deliveries"]] == ["ana@mail.example"]
    assert shown["deliveries"][0]["at"] == "2026-05-03\xa012:00:07"
    assert (shown["message"]["subject"], shown["message"]["text"]) == ("A warning", "Stop.")
    assert [(fact["number"], fact["grade"]) for fact in shown["facts"]] == [("E-2", "2"), ("E-4", "5")]
    assert len(shown["not_proven"]) >= 3
    assert any("log.example/ledger+" in row[1] for row in shown["ledger"])


def test_it_is_a_pdf_and_the_same_each_time(contents):
    first, second = (summary.summary(contents, Text("A warning", "Stop."), {}) for _ in range(2))
    assert first.startswith(b"%PDF-")
    assert first == second
    assert b"pdfaid:part" in first  # PDF/A: fit to be kept for years
    assert summary.summary(contents, Text("Another", "Stop."), {}) != first


@pytest.mark.parametrize(
    "text",
    [
        '#panic("x") #let #import "x" *b* _i_ $x$ @ref <label> `raw` \\ / // /* [ ] { } ~ -- --- "',
        "مرحبا بالعالم 123 Example",
        "Ä Ö Ü ß – „Grüße“ Ελληνικά Русский 中文 עברית 😀",
        "x" * 5_000,
        "\x00\x07\u202e\ud800",
        "",
        "\n" * 500,
    ],
)
def test_no_text_of_others_can_break_it_or_be_read_as_markup(contents, text):
    made = summary.summary(contents, Text(text, text), {"messages/D-3.eml": MESSAGE})
    assert made.startswith(b"%PDF-")


def test_direction_follows_the_notice_s_language(small):
    contents = verify.check(small(notice=a_notice(language="ar")))
    shown = summary.data(contents, Text("تحذير", "توقف"), {})
    assert shown["message"]["direction"] == "rtl"
    assert summary.data(contents, Text("x", "中"), {})["message"]["boxes"]


@pytest.mark.parametrize("language", ["i-klingon", "zh-Hant-TW", "x-own", ""])
def test_a_language_that_typography_knows_nothing_of_is_no_trouble(language):
    assert verify.check(a_bundle(notice=a_notice(language=language))).notice["language"] == language


def test_an_erased_notice_says_so(small):
    log = a_log()
    notice = a_notice()
    notice["deliveries"][0].update(address="", message="")
    facts = [log.sealed(1, erased=True), log.sealed(3, erased=True)]
    contents = verify.check(small(log, notice=notice, facts=facts, messages={}, text=None))
    shown = summary.data(contents, None, {})
    assert shown["message"] is None
    assert shown["deliveries"][0]["address"] == "(erased)"
    assert summary.summary(contents, None, {}).startswith(b"%PDF-")


def test_every_kind_of_fact_has_its_words(small):
    log = Log()
    for number, kind in enumerate(Kind):
        log.add(str(kind), {"reply": "so it said"}, hours=number)
    contents = verify.check(
        small(log, facts=[log.sealed(n) for n in range(len(Kind))], messages={"messages/D-3.eml": MESSAGE})
    )
    shown = summary.data(contents, None, {})
    assert [fact["what"].lower() for fact in shown["facts"]] == [str(kind.label).lower() for kind in Kind]


def test_every_language_has_all_the_words():
    assert {frozenset(words) for words in WORDS.values()} == {frozenset(WORDS["en"])}
