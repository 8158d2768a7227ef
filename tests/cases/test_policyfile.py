from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cases.policyfile import PolicyFileError, Waiting, parse_policies, placeholders, read_policies

GOOD = '''\
[[templates]]
slug = "first"
kind = "warning"
[templates.languages.en]
subject = "{{ platform }}: {{policy_title}}"
body = """
Dear {{ account_name }}, {{ policy_title }}: {{ facts }}
You have {{ window_days }} days: {{ link }}
"""
[templates.languages.pt-br]
subject = "{{ case_number }}"
body = "{{ policy_title }} {{ facts }} {{ window_days }} {{ link }}"

[[templates]]
slug = "last"
kind = "suspension"
[templates.languages]
en = { subject = "The end", body = "{{ policy_title }} {{ facts }} {{ link }}" }

[[policies]]
slug = "data-selling"
default_language = "en"
[policies.title]
en = "Selling data"
de = "Verkauf von Daten"
[[policies.versions]]
number = 1
in_force_from = 2025-01-01
text.en = "You shall not sell."
[[policies.versions]]
number = 3
in_force_from = 2026-01-01
[policies.versions.text]
en = "You shall not sell, nor give away."
de = "Du sollst nicht verkaufen."

[[policies.rungs]]
kind = "warning"
template = "first"
window_days = 14
service = { grade = 2, deemed = { channels = 2, days = 7 } }
channels = [["email"], ["inapp"]]
[[policies.rungs]]
kind = "suspension"
template = "last"
service = { grade = 1 }
channels = [["email", "inapp"]]
approvals = 1
'''


def mistakes_in(text: str) -> list[str]:
    with pytest.raises(PolicyFileError) as caught:
        parse_policies(text)
    assert str(caught.value) == "\n".join(map(str, caught.value.mistakes))
    return [str(mistake) for mistake in caught.value.mistakes]


def changed(old: str, new: str, nth: int = 1) -> str:
    """The good file with one occurrence of `old` changed."""
    before, *rest = GOOD.split(old)
    assert len(rest) >= nth, f"{old!r} is not there"
    return old.join([before, *rest[: nth - 1]]) + new + old.join(rest[nth - 1 :])


def test_a_good_file_is_read_whole() -> None:
    found = parse_policies(GOOD)

    first, last = found.templates
    assert (first.slug, first.kind) == ("first", "warning")
    assert [text.language for text in first.texts] == ["en", "pt-BR"]
    assert first.texts[0].body.startswith("Dear {{ account_name }}")
    assert last.texts[0].subject == "The end"
    (policy,) = found.policies
    assert (policy.slug, policy.default_language) == ("data-selling", "en")
    assert policy.titles == {"en": "Selling data", "de": "Verkauf von Daten"}
    assert [version.number for version in policy.versions] == [1, 3]
    assert policy.versions[0].in_force_from == datetime(2025, 1, 1, tzinfo=UTC)
    assert policy.versions[1].texts["de"] == "Du sollst nicht verkaufen."


def test_rungs_are_plain_values() -> None:
    warning, suspension = parse_policies(GOOD).policies[0].rungs

    assert (warning.position, warning.kind, warning.template, warning.window_days) == (
        1,
        "warning",
        "first",
        14,
    )
    assert (warning.grade, warning.deemed_channels, warning.deemed_days) == (2, 2, 7)
    assert warning.service_rule == {"grade": 2, "deemed": {"channels": 2, "days": 7}}
    assert warning.channels == (("email",), ("inapp",))
    assert (warning.approvals, warning.on_deadline) == (0, "propose")
    assert (suspension.position, suspension.window_days, suspension.approvals) == (2, None, 1)
    assert suspension.service_rule == {"grade": 1}
    assert suspension.channels == (("email", "inapp"),)


def test_a_plan_waits_and_deemed_service_names_channels() -> None:
    text = changed(
        '["email", "inapp"]', '["email", { channel = "sms", wait_hours = 72 }, { channel = "post" }]'
    )
    text = text.replace("{ grade = 1 }", '{ grade = 1, deemed = { channels = ["sms"], days = 3 } }')
    rung = parse_policies(text).policies[0].rungs[1]

    assert rung.channels == (("email", Waiting("sms", 72), "post"),)
    assert rung.plan == [["email", {"channel": "sms", "wait_hours": 72}, "post"]]
    assert rung.service_rule == {"grade": 1, "deemed": {"channels": ["sms"], "days": 3}}


def line_in(text: str, what: str) -> int:
    return text[: text.index(what)].count("\n") + 1


WARNING = "policies[0].rungs[0]"
SUSPENSION = "policies[0].rungs[1]"
ENGLISH = "templates[0].languages.en"


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        (
            "window_days = 14",
            'window_days = "two weeks"',
            f"{WARNING}.window_days",
            'must be a whole number of days between 1 and 365, not "two weeks"',
        ),
        (
            "window_days = 14",
            "window_days = 0",
            f"{WARNING}.window_days",
            "must be a whole number of days between 1 and 365, not 0",
        ),
        (
            "window_days = 14",
            "window_days = true",
            f"{WARNING}.window_days",
            "must be a whole number of days between 1 and 365, not true",
        ),
        (
            "approvals = 1",
            "approvals = 2",
            f"{SUSPENSION}.approvals",
            "must be a number of persons besides the decider, 0 or 1, not 2",
        ),
        ("grade = 1", "grade = 7", f"{SUSPENSION}.service.grade", "must be a grade between 1 and 6, not 7"),
        ("service = { grade = 1 }", "service = 1", f"{SUSPENSION}.service", "must be a table, not 1"),
        (
            "channels = 2",
            "channels = 1",
            f"{WARNING}.service.deemed.channels",
            "must be a whole number of channels between 2 and 9, not 1",
        ),
        (
            "days = 7",
            "days = 0",
            f"{WARNING}.service.deemed.days",
            "must be a whole number of days between 1 and 365, not 0",
        ),
        (
            '["inapp"]]',
            '["pigeon"]]',
            f"{WARNING}.channels[1][0]",
            'must be "email", "inapp", "post" or "sms", not "pigeon"',
        ),
        (
            'channels = [["email", "inapp"]]',
            'channels = ["email"]',
            f"{SUSPENSION}.channels[0]",
            'must be an array of channels, not "email"',
        ),
        (
            '["email", "inapp"]',
            '["email", { channel = "inapp", wait_hours = -5 }]',
            f"{SUSPENSION}.channels[0][1].wait_hours",
            "must be a whole number of hours between 1 and 8760, not -5",
        ),
        (
            '["email", "inapp"]',
            '["email", { channel = "inapp", wait = 5 }]',
            f"{SUSPENSION}.channels[0][1].wait",
            "is not known here; there may be channel or wait_hours",
        ),
        (
            '["email", "inapp"]',
            '["email", { wait_hours = 5 }]',
            f"{SUSPENSION}.channels[0][1].channel",
            "is missing",
        ),
        (
            'channels = [["email", "inapp"]]',
            "channels = []",
            f"{SUSPENSION}.channels",
            "must have at least one of its chains of channels",
        ),
        (
            "in_force_from = 2025-01-01",
            'in_force_from = "2025-01-01"',
            "policies[0].versions[0].in_force_from",
            'must be a date without quotes such as 2026-01-31 (from 00:00 UTC), not "2025-01-01"',
        ),
        (
            "in_force_from = 2025-01-01",
            "in_force_from = 2025-01-01T00:00:00Z",
            "policies[0].versions[0].in_force_from",
            "must be a date without quotes such as 2026-01-31 (from 00:00 UTC), not a date-time",
        ),
        (
            'kind = "warning"',
            'kind = "warn"',
            "templates[0].kind",
            'must be "warning", "escalation" or "suspension", not "warn"',
        ),
        (
            'slug = "data-selling"',
            'slug = "Data selling"',
            "policies[0].slug",
            'must be small letters, digits and single hyphens, 100 at most, not "Data selling"',
        ),
        (
            "[templates.languages.pt-br]",
            "[templates.languages.german]",
            "templates[0].languages.german",
            'must be a language tag (BCP 47) such as de or pt-BR; "german" is not a well-formed language tag',
        ),
        (
            "[templates.languages.pt-br]",
            "[templates.languages.EN]",
            "templates[0].languages.EN",
            'is the language "en" a second time',
        ),
        (
            'subject = "{{ case_number }}"',
            'subject = "two\\nlines"',
            "templates[0].languages.pt-br.subject",
            "has a line break, which may not stand here",
        ),
        ('en = "Selling data"', 'en = " "', "policies[0].title.en", "is empty"),
        (
            "approvals = 1",
            "aprovals = 1",
            f"{SUSPENSION}.aprovals",
            'is not known here; did you mean "approvals"?',
        ),
        (
            "{ grade = 1 }",
            "{ grade = 1, xyz = 1 }",
            f"{SUSPENSION}.service.xyz",
            "is not known here; there may be deemed or grade",
        ),
        ("{ channels = 2, days = 7 }", "{ channels = 2 }", f"{WARNING}.service.deemed.days", "is missing"),
    ],
)
def test_a_mistake_names_file_line_field_and_form(old: str, new: str, field: str, message: str) -> None:
    text = changed(old, new)

    assert mistakes_in(text) == [f"policies.toml:{line_in(text, new)}: {field}: {message}"]


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        (
            'template = "last"',
            'template = "first" ',
            f"{SUSPENSION}.template",
            'names the template "first", which is for "warning", not for "suspension"',
        ),
        (
            'template = "last"',
            'template = "lost"',
            f"{SUSPENSION}.template",
            'names the template "lost", which is not in this file; there may be "first" or "last"',
        ),
        (
            "number = 3",
            "number =  1",
            "policies[0].versions[1].number",
            "must be more than 1, the number of the version before",
        ),
        (
            "in_force_from = 2026-01-01",
            "in_force_from = 2024-12-31",
            "policies[0].versions[1].in_force_from",
            "must be later than 2025-01-01, when the version before came into force",
        ),
        (
            '["email", "inapp"]',
            '["email", "email"]',
            f"{SUSPENSION}.channels[0][1]",
            'is the channel "email" a second time in this rung',
        ),
        (
            "channels = 2",
            "channels = 3",
            f"{WARNING}.service.deemed.channels",
            "can never be met: 3 channels at once need 3 chains, or waits in them, and there are 2",
        ),
        (
            '["email", "inapp"]',
            '[{ channel = "email", wait_hours = 24 }, "inapp"]',
            f"{SUSPENSION}.channels[0][0].wait_hours",
            "waits for nothing: the first channel of a chain is tried at once",
        ),
        (
            '["email", "inapp"]',
            '["inapp", { channel = "inapp", wait_hours = 24 }]',
            f"{SUSPENSION}.channels[0][1].channel",
            'is the channel "inapp" a second time in this rung',
        ),
        (
            "channels = 2, days",
            'channels = ["email", "post"], days',
            f"{WARNING}.service.deemed.channels[1]",
            'must be "email" or "inapp", not "post"',
        ),
        (
            "channels = 2, days",
            'channels = ["email", "email"], days',
            f"{WARNING}.service.deemed.channels[1]",
            'is the channel "email" a second time',
        ),
        (
            "{ grade = 1 }",
            '{ grade = 1, deemed = { channels = ["email", "inapp"], days = 3 } }',
            f"{SUSPENSION}.service.deemed.channels",
            'can never be met: "email" and "inapp" are not tried both, the one waits for the other to fail',
        ),
        (
            "approvals = 1",
            "window_days = 3",
            f"{SUSPENSION}.window_days",
            "must be left out: a suspension has no response window",
        ),
        (
            "approvals = 1",
            'on_deadline = "proceed"',
            f"{SUSPENSION}.on_deadline",
            "must be left out: a suspension has no deadline, nothing comes after it",
        ),
        (
            'subject = "The end"',
            'subject = "The end {{ window_days }}"',
            "templates[1].languages.en.subject",
            "has {{ window_days }}, but a suspension has no response window",
        ),
        (
            'subject = "The end"',
            'subject = "{{ facts }}"',
            "templates[1].languages.en.subject",
            "has {{ facts }}, which is too long for a subject",
        ),
        (
            'en = "Selling data"',
            'en = "Selling data of {{ platform }}"',
            "policies[0].title.en",
            "may have no {{ placeholders }}: nothing fills them in the words of a policy",
        ),
    ],
)
def test_what_does_not_agree_is_a_mistake_too(old: str, new: str, field: str, message: str) -> None:
    text = changed(old, new)

    assert mistakes_in(text) == [f"policies.toml:{line_in(text, new)}: {field}: {message}"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "account_name",
            "account_nam",
            "has {{ account_nam }}, which nothing fills; did you mean {{ account_name }}?",
        ),
        (
            "Dear {{ account_name }}",
            "Dear {{ a.b }}",
            "has {{ a.b }}: placeholders have no attributes; write {{ name }}",
        ),
        ("{{ link }}\n", "\n", "must have {{ link }}, as every template must"),
        ("{{ window_days }} days", "some days", "must have {{ window_days }}, as every warning must"),
    ],
)
def test_bodies_have_the_placeholders_that_they_need(old: str, new: str, message: str) -> None:
    text = changed(old, new)

    assert mistakes_in(text) == [f"policies.toml:{line_in(text, 'body')}: {ENGLISH}.body: {message}"]


@pytest.mark.parametrize(
    ("gone", "field", "around"),
    [
        ("window_days = 14\n", f"{WARNING}.window_days", "[[policies.rungs]]"),
        ('template = "first"\n', f"{WARNING}.template", "[[policies.rungs]]"),
        ("number = 1\n", "policies[0].versions[0].number", "[[policies.versions]]"),
        ('default_language = "en"\n', "policies[0].default_language", "[[policies]]"),
    ],
)
def test_what_is_missing_is_told_where_it_should_be(gone: str, field: str, around: str) -> None:
    text = changed(gone, "")

    assert mistakes_in(text) == [f"policies.toml:{line_in(text, around)}: {field}: is missing"]


def test_the_default_language_may_not_be_missing() -> None:
    text = changed('en = "You shall not sell, nor give away."\n', "")

    (mistake,) = mistakes_in(text)

    assert mistake.startswith(f"policies.toml:{line_in(text, '[policies.versions.text]')}: ")
    assert mistake.endswith(
        'policies[0].versions[1].text: must have the default language of the policy, "en"'
    )


RUNG = """
[[policies.rungs]]
kind = "{kind}"
template = "{kind}"
{window}
service = {{ grade = 1 }}
channels = [["email"]]
"""
TEMPLATE = """
[[templates]]
slug = "{kind}"
kind = "{kind}"
languages.en = {{ subject = "S", body = "{{{{ policy_title }}}} {{{{ facts }}}} {{{{ link }}}} {days}" }}
"""


def ladder(*kinds: str) -> str:
    """A whole file whose only policy has rungs of these kinds."""
    text = ""
    for kind in ("warning", "escalation", "suspension"):
        text += TEMPLATE.format(kind=kind, days="" if kind == "suspension" else "{{ window_days }}")
    text += '[[policies]]\nslug = "p"\ndefault_language = "en"\ntitle.en = "T"\n'
    text += '[[policies.versions]]\nnumber = 1\nin_force_from = 2025-01-01\ntext.en = "T"\n'
    for kind in kinds:
        text += RUNG.format(kind=kind, window="" if kind == "suspension" else "window_days = 7")
    return text


@pytest.mark.parametrize(
    "kinds",
    [
        "warning",
        "escalation",
        "warning suspension",
        "escalation suspension",
        "warning warning escalation suspension",
    ],
)
def test_ladders_may_be_short_or_long(kinds: str) -> None:
    (policy,) = parse_policies(ladder(*kinds.split())).policies

    assert [rung.kind for rung in policy.rungs] == kinds.split()
    assert [rung.position for rung in policy.rungs] == list(range(1, len(policy.rungs) + 1))


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("suspension", "rungs[0]: is a suspension without a warning or an escalation before it"),
        ("warning suspension escalation", "rungs[2]: comes after a suspension, which must be the last rung"),
        ("warning suspension suspension", "rungs[2]: comes after a suspension, which must be the last rung"),
        ("escalation warning", "rungs[1]: is a warning after an escalation; warnings come first"),
    ],
)
def test_ladders_go_up(kinds: str, expected: str) -> None:
    (mistake,) = mistakes_in(ladder(*kinds.split()))

    assert mistake.endswith(f"policies[0].{expected}")


def test_every_mistake_is_told_at_once_in_the_order_of_the_file() -> None:
    text = GOOD.replace("window_days = 14", "window_days = 1.5").replace("approvals = 1", "approvals = -1")
    text = text.replace('slug = "first"', "slug = 1").replace("grade = 2", "grade = [2]")

    found = [mistake.split(": ")[:2] for mistake in mistakes_in(text)]

    assert found == [
        ["policies.toml:2", "templates[0].slug"],
        [f"policies.toml:{line_in(text, 'template =')}", f"{WARNING}.template"],
        [f"policies.toml:{line_in(text, 'window_days = 1.5')}", f"{WARNING}.window_days"],
        [f"policies.toml:{line_in(text, 'service =')}", f"{WARNING}.service.grade"],
        [f"policies.toml:{line_in(text, 'approvals')}", f"{SUSPENSION}.approvals"],
    ]


def test_a_template_must_speak_the_default_language_of_the_policy() -> None:
    first, *rest = mistakes_in(changed('default_language = "en"', 'default_language = "de"'))

    assert first.endswith('versions[0].text: must have the default language of the policy, "de"')
    assert [mistake.partition(": ")[2] for mistake in rest] == [
        f'{WARNING}.template: names the template "first", which has no text in the default language "de"',
        f'{SUSPENSION}.template: names the template "last", which has no text in the default language "de"',
    ]


def test_two_templates_may_not_share_a_slug() -> None:
    text = changed('slug = "last"', 'slug =  "first"')

    first, *_ = mistakes_in(text)

    line = line_in(text, 'slug =  "first"')
    assert first == f'policies.toml:{line}: templates[1].slug: is the slug "first" a second time'


def test_two_policies_may_not_share_a_slug() -> None:
    second = GOOD[GOOD.index("[[policies]]") :]

    (mistake,) = mistakes_in(GOOD + second)

    assert mistake.endswith('policies[1].slug: is the slug "data-selling" a second time')


def test_which_channels_there_are_is_for_the_caller_to_say() -> None:
    text = changed('["inapp"]', '["sms"]')

    assert parse_policies(text, channels=("email", "inapp", "sms")).policies[0].rungs[0].channels[1] == (
        "sms",
    )


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_lacks_everything(text: str) -> None:
    assert mistakes_in(text) == [
        "policies.toml:1: templates: is missing",
        "policies.toml:1: policies: is missing",
    ]


def test_toml_that_does_not_parse_is_told_with_its_line() -> None:
    text = changed("number = 3", "number 3")

    (mistake,) = mistakes_in(text)

    assert mistake == (
        f"policies.toml:{line_in(text, 'number 3')}: "
        "is not TOML: Expected '=' after a key in a key/value pair (column 8)"
    )


def test_toml_that_ends_too_soon_is_told_at_its_end() -> None:
    (mistake,) = mistakes_in('slug = "a"\nbody = """never\nclosed\n')

    assert mistake.startswith("policies.toml:3: is not TOML: ")


def test_nesting_without_end_is_no_crash() -> None:
    (mistake,) = mistakes_in("a = " + "[" * 100_000)

    assert "is not TOML" in mistake


def test_bytes_may_have_a_byte_order_mark_and_windows_line_ends() -> None:
    data = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()

    assert parse_policies(data) == parse_policies(GOOD)


def test_what_is_not_utf8_is_told_with_its_line() -> None:
    with pytest.raises(PolicyFileError, match=r"^policies\.toml:2: is not UTF-8 text$"):
        parse_policies(b"# one\n# M\xfcller\n")


def test_files_are_named_as_they_were_given(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD)
    assert read_policies(file) == parse_policies(GOOD)

    file.write_text(changed("approvals = 1", "approvals = 9"))
    with pytest.raises(PolicyFileError, match=rf"^{file}:\d+: policies\[0\]\.rungs\[1\]\.approvals: must be"):
        read_policies(file)


def test_a_file_that_is_not_there_is_told_too(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match=r"none\.toml: cannot be read: No such file"):
        read_policies(tmp_path / "none.toml")


def test_placeholders_are_found() -> None:
    assert placeholders("{{ a }} {{b}} {{  c_1  }} {{ a }} { d } plain }") == {"a", "b", "c_1"}
    assert placeholders("nothing") == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ a|upper }}", "has {{ a|upper }}: placeholders take no filters"),
        ("{{ a.b }}", "has {{ a.b }}: placeholders have no attributes"),
        ("{% if a %}x{% endif %}", "has {% if a %}: templates have no logic"),
        ("{%", "has {%: templates have no logic"),
        ("{{ a b }}", "has {{ a b }}: a placeholder is {{ name }}"),
        ("{{ A }}", "has {{ A }}: a placeholder is {{ name }}"),
        ("{{}}", "has {{}}: a placeholder is {{ name }}"),
        ("{{{ a }}}", "has {{{ a }}: a placeholder is {{ name }}"),
        ("{{ a", "has {{ without }} on the same line"),
        ("{{ a\n}}", "has {{ without }} on the same line; it has }} without {{ before it"),
        ("a }}", "has }} without {{ before it"),
        ("{{\ta }}", "a placeholder is {{ name }}"),
    ],
)
def test_anything_but_a_name_in_braces_is_a_mistake(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="The text has") as caught:
        placeholders(text)

    assert message in str(caught.value)
