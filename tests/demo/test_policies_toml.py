from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cases.policyfile import PLACEHOLDERS, placeholders, read_policies

PATH = Path(__file__).resolve().parents[2] / "demo" / "policies.toml"
DATA: dict[str, Any] = tomllib.loads(PATH.read_text(encoding="utf-8"))
LANGUAGES = {"en", "de", "es", "ar"}
TEXTS = [
    pytest.param(template, language, text, id=f"{template['slug']}-{language}")
    for template in DATA["templates"]
    for language, text in template["languages"].items()
]
ARABIC = re.compile("[\u0600-\u06ff]")


def test_the_product_reads_it_without_complaint() -> None:
    policies = {policy.slug: policy for policy in read_policies(PATH).policies}

    assert [rung.kind for rung in policies["data-selling"].rungs] == ["warning", "escalation", "suspension"]
    assert [rung.window_days for rung in policies["data-selling"].rungs] == [14, 7, None]
    assert [rung.approvals for rung in policies["data-selling"].rungs] == [0, 0, 1]
    assert [rung.kind for rung in policies["fake-engagement"].rungs] == ["warning", "suspension"]
    assert policies["fake-engagement"].rungs[0].grade == 3


def test_everything_is_there_in_four_languages() -> None:
    for template in DATA["templates"]:
        assert template["languages"].keys() == LANGUAGES
    for policy in DATA["policies"]:
        assert policy["title"].keys() == LANGUAGES
        assert all(version["text"].keys() == LANGUAGES for version in policy["versions"])


def test_the_second_version_says_something_else() -> None:
    first, second = DATA["policies"][0]["versions"]

    assert first["in_force_from"] < second["in_force_from"]
    assert all(first["text"][language].strip() != second["text"][language].strip() for language in LANGUAGES)


@pytest.mark.parametrize(("template", "language", "text"), TEXTS)
def test_a_notice_has_what_its_reader_needs(
    template: dict[str, Any], language: str, text: dict[str, str]
) -> None:
    names = placeholders(text["body"])
    needed = set(PLACEHOLDERS) - {"window_days"}
    needed |= {"window_days"} if template["kind"] != "suspension" else set()

    assert names == needed
    assert names <= PLACEHOLDERS
    assert placeholders(text["subject"]) == {"platform", "case_number"}
    assert 1400 <= len(text["body"]) <= 2900


@pytest.mark.parametrize(("template", "language", "text"), TEXTS)
def test_facts_text_and_link_stand_on_lines_of_their_own(
    template: dict[str, Any], language: str, text: dict[str, str]
) -> None:
    # They may have several lines, or be in another script: nothing may stand beside them.
    for line in ("{{ facts }}", "{{ policy_text }}", "<{{ link }}>"):
        assert f"\n\n{line}\n\n" in re.sub("[\u2068\u2069]", "", text["body"])


@pytest.mark.parametrize(("template", "language", "text"), TEXTS)
def test_only_arabic_is_arabic_and_isolates_the_rest(
    template: dict[str, Any], language: str, text: dict[str, str]
) -> None:
    words = text["subject"] + text["body"]

    assert bool(ARABIC.search(words)) == (language == "ar")
    assert words.count("\u2068") == words.count("\u2069")
    assert ("\u2068" in words) == (language == "ar")
    if language == "ar":
        isolated = set(re.findall("\u2068{{ (\\w+) }}\u2069", words))
        assert isolated >= {"account_name", "platform", "case_number", "reference"}
        assert not re.search(r"[,;?]", words.replace("{{", "").replace("}}", ""))  # it has marks of its own


@pytest.mark.parametrize(("template", "language", "text"), TEXTS)
def test_a_statement_of_reasons_names_every_way_to_contest(
    template: dict[str, Any], language: str, text: dict[str, str]
) -> None:
    if template["kind"] == "suspension":  # EU Digital Services Act, Article 17(3)
        assert re.search(r"^1\. .*^2\. .*\b21\b.*^3\. ", text["body"], re.M | re.S)
        assert len(re.findall(r"^- \*\*", text["body"], re.M)) == 4  # measure, territory, duration, case
        assert "17" in text["body"]
