from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices.language import canonical, choose, direction


@pytest.mark.parametrize(
    ("asked", "available", "expected"),
    [
        ("de", {"en", "de"}, "de"),
        ("de-AT", {"en", "de"}, "de"),
        ("de-at", {"en", "de-AT", "de"}, "de-AT"),
        ("zh-Hant-TW", {"en", "zh-Hant", "zh"}, "zh-Hant"),
        ("zh-Hant-TW", {"en", "zh"}, "zh"),
        ("pt-BR", {"en", "pt-BR", "pt"}, "pt-BR"),
        ("pt-BR", {"en", "pt"}, "pt"),
        ("PT-br", {"en", "pt-br"}, "pt-br"),
        ("zh-Hant-CN-x-private1-private2", {"en", "zh-Hant"}, "zh-Hant"),
        ("en-a-bbb-x-a", {"en-a", "en", "fr"}, "en"),
        ("fr", {"en", "de"}, "en"),
        ("de", {"en", "de-CH"}, "en"),
        ("", {"en", "de"}, "en"),
        ("not a tag", {"en", "de"}, "en"),
        ("iw", {"en", "he"}, "he"),
        ("fr", {"de"}, "de"),
        ("fr", {"es"}, "de"),
    ],
)
def test_the_nearest_language_is_chosen(asked: str, available: set[str], expected: str) -> None:
    default = "en" if "en" in available else "de"

    assert choose(asked, available, default) == expected


def test_lists_and_sets_are_welcome() -> None:
    assert choose("es-MX", ["en", "es"], "en") == choose("es-MX", ("en", "es"), "en") == "es"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("EN", "en"),
        ("pt-br", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("sl-rozaj-biske-1994", "sl-rozaj-biske-1994"),
        ("de-de-u-co-phonebk", "de-DE-u-co-phonebk"),
        ("en-ca-x-ca", "en-CA-x-ca"),
        ("ZH-CMN-HANS-CN", "zh-cmn-Hans-CN"),
        ("X-Whatever", "x-whatever"),
        ("iw-il", "he-IL"),
        ("i-klingon", "tlh"),
    ],
)
def test_tags_get_their_recommended_case(tag: str, expected: str) -> None:
    assert canonical(tag) == expected


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "e",
        "german",
        "English (US)",
        "de-",
        "-de",
        "de--AT",
        "d€",
        "de AT",
        "de-419-DE",
        "a-DE",
        "de-a",
        "dе",
        "en\n",
    ],
)
def test_what_is_no_language_tag_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="not a well-formed language tag"):
        canonical(tag)


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("de_DE", 'has an underscore; write "de-DE"'),
        ("de-1901-1901", "names one variant twice"),
        ("en-a-bbb-a-ccc", "names one extension twice"),
        ("en-x-" + "abcdefgh-" * 4, "longer than 35"),
    ],
)
def test_a_refusal_says_what_is_wrong(tag: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        canonical(tag)


@pytest.mark.parametrize(
    "tag",
    [
        "ar",
        "he",
        "fa",
        "ur",
        "ps",
        "sd",
        "ug",
        "yi",
        "dv",
        "ckb",
        "ar-EG",
        "iw",
        "az-Arab",
        "pa-PK",
        "AR",
        "en-Hebr",
    ],
)
def test_right_to_left(tag: str) -> None:
    assert direction(tag) == "rtl"


@pytest.mark.parametrize(
    "tag", ["en", "de-AT", "ar-Latn", "pa-IN", "pa", "az", "tr", "", "zh-Hant-TW", "en-x-arab"]
)
def test_left_to_right(tag: str) -> None:
    assert direction(tag) == "ltr"


subtags = st.text("abcdefgxyzABC0123456789", min_size=1, max_size=8)
tags = st.lists(subtags, min_size=1, max_size=6).map("-".join)


@given(tags)
def test_the_recommended_form_is_final_and_case_blind(tag: str) -> None:
    try:
        once = canonical(tag)
    except ValueError:
        return
    assert canonical(once) == once == canonical(tag.swapcase())


@given(tags, st.frozensets(tags, max_size=6), tags)
def test_the_choice_is_available_or_the_default(asked: str, available: frozenset[str], default: str) -> None:
    assert choose(asked, available, default) in available | {default}


@given(tags, st.frozensets(tags, max_size=6))
def test_who_asks_for_an_available_language_gets_it(tag: str, others: frozenset[str]) -> None:
    chosen = choose(tag, others | {tag}, "en")

    assert chosen.lower() == tag.lower() or canonical(chosen) == canonical(tag)
