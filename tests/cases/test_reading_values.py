"""What a row may say in each column, tried through CSV files of one row."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.reading import FlagRow, RejectedRow, read_flags

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GOOD = {
    "reference": "R-1",
    "external_id": "acct-1",
    "display_name": "Ana María",
    "email": "ana@example.com",
    "email2": "",
    "language": "es",
    "timezone": "America/Bogota",
    "policy": "data-selling",
    "reported_at": "2026-05-03T14:00:00+02:00",
    "reason": "Sold 3,000 profiles.",
    "evidence": '{"url": "https://example.com/1"}',
    "source": "trust-team",
}


def read_one(**changes: str) -> FlagRow | RejectedRow:
    text = io.StringIO()
    writer = csv.DictWriter(text, GOOD)
    writer.writeheader()
    writer.writerow(GOOD | changes)
    data = text.getvalue().encode(errors="surrogateescape")
    (row,) = read_flags(io.BytesIO(data), now=NOW, policies={"data-selling", "spam"})
    return row


def good(**changes: str) -> FlagRow:
    row = read_one(**changes)
    assert isinstance(row, FlagRow), row
    return row


def reasons(**changes: str) -> tuple[str, ...]:
    row = read_one(**changes)
    assert isinstance(row, RejectedRow), row
    return row.reasons


def test_a_good_row_has_all_its_values() -> None:
    assert good() == FlagRow(
        line=2,
        source="trust-team",
        reference="R-1",
        external_id="acct-1",
        display_name="Ana María",
        emails=(("ana@example.com", "ana@example.com"),),
        language="es",
        timezone="America/Bogota",
        policy="data-selling",
        reported_at=datetime(2026, 5, 3, 12, tzinfo=UTC),
        reason="Sold 3,000 profiles.",
        evidence='{"url": "https://example.com/1"}',
    )


def test_what_may_be_left_out_may_be_empty() -> None:
    row = good(display_name="", email="", language="", timezone=" ", evidence="")

    assert (row.display_name, row.emails, row.language, row.timezone, row.evidence) == ("", (), "", "", None)


def test_blanks_around_short_values_do_not_count_and_reasons_stay_as_they_are() -> None:
    row = good(reference=" R-1\t", email=" ana@example.com ", language=" es ", reason="  one\n\ttwo  ")

    assert (row.reference, row.emails[0][0], row.language) == ("R-1", "ana@example.com", "es")
    assert row.reason == "  one\n\ttwo  "


@pytest.mark.parametrize(
    ("column", "form"),
    [
        ("reference", "the source's own id of the report"),
        ("external_id", "the platform's id of the account"),
        ("policy", "a policy's slug such as data-selling"),
        ("reported_at", "a date and time with its offset (RFC 3339) such as 2026-05-03T14:00:00+02:00"),
        ("reason", "what the account is accused of"),
        ("source", "the name of who reported"),
    ],
)
@pytest.mark.parametrize("empty", ["", "  "])
def test_what_is_required_may_not_be_empty(column: str, form: str, empty: str) -> None:
    assert reasons(**{column: empty}) == (f"{column} is empty, but must be {form}.",)


def test_every_reason_is_told_in_the_order_of_the_columns() -> None:
    found = reasons(
        reference="", email="ana", language="x", timezone="Mars", reported_at="soon", evidence="[]"
    )

    assert [reason.partition(" ")[0] for reason in found] == [
        "reference",
        "email",
        "language",
        "timezone",
        "reported_at",
        "evidence",
    ]


@pytest.mark.parametrize("column", ["reference", "external_id", "display_name"])
def test_short_values_have_200_characters_at_most(column: str) -> None:
    assert getattr(good(**{column: "ü" * 200}), column) == "ü" * 200
    assert reasons(**{column: "ü" * 201}) == (
        f'{column} is "{"ü" * 57}...", which has 201 characters, but must have 200 at most.',
    )


def test_reasons_have_20000_characters_at_most() -> None:
    assert len(good(reason="x" * 20_000).reason) == 20_000
    assert "which has 20,001 characters, but must have 20,000 at most" in reasons(reason="x" * 20_001)[0]


@pytest.mark.parametrize("column", ["reference", "external_id", "display_name", "source"])
@pytest.mark.parametrize(("character", "code"), [("\n", "000A"), ("\x1b", "001B"), ("\u2028", "2028")])
def test_short_values_have_no_control_characters(column: str, character: str, code: str) -> None:
    (reason,) = reasons(**{column: f"a{character}b"})

    assert reason.startswith(f'{column} is "a\\')
    assert reason.endswith(f"it has the control character U+{code}.")


@pytest.mark.parametrize("name", ["نام‌خانوادگی", 'O\'Brien, "Pat"', "田中 太郎", "👩‍👩‍👧 family", "Zoë"])
def test_names_of_all_kinds_are_welcome(name: str) -> None:
    assert good(display_name=name).display_name == name


@pytest.mark.parametrize("column", ["reference", "display_name", "reason"])
def test_nul_is_refused_since_no_database_text_can_hold_it(column: str) -> None:
    row = read_one(**{column: "a\0b"})

    assert isinstance(row, RejectedRow)
    assert "U+0000" in row.reasons[0]
    assert "a\\x00b" in row.raw
    assert "\0" not in row.raw


def test_two_addresses_keep_their_spelling_and_get_a_key() -> None:
    row = good(email="Ana@Example.com", email2="info@MÜNCHEN.example")

    assert row.emails == (
        ("Ana@Example.com", "ana@example.com"),
        ("info@MÜNCHEN.example", "info@xn--mnchen-3ya.example"),
    )


def test_one_address_in_two_spellings_is_one() -> None:
    assert good(email="Ana@Example.com", email2="ana@example.COM").emails == (
        ("Ana@Example.com", "ana@example.com"),
    )


def test_the_second_address_may_stand_alone() -> None:
    assert good(email="", email2="ana@example.com").emails == (("ana@example.com", "ana@example.com"),)


def test_a_bad_address_is_told_with_the_cause() -> None:
    form = "an e-mail address such as name@example.com"
    assert reasons(email="ana@localhost", email2="x") == (
        f'email is "ana@localhost", but must be {form}: its domain has no dot.',
        f'email2 is "x", but must be {form}: it has no @.',
    )


def test_language_tags_are_made_canonical() -> None:
    assert good(language="PT-br").language == "pt-BR"


@pytest.mark.parametrize(
    ("tag", "clause"),
    [
        ("de_DE", 'it has an underscore; write "de-DE"'),
        ("german", "it is not a well-formed language tag"),
    ],
)
def test_a_bad_language_tag_is_told_with_the_cause(tag: str, clause: str) -> None:
    form = "a language tag (BCP 47) such as de or pt-BR"
    assert reasons(language=tag) == (f'language is "{tag}", but must be {form}: {clause}.',)


@pytest.mark.parametrize(
    ("zone", "meant"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("utc", "UTC"),
    ],
)
def test_a_zone_that_is_nearly_right_is_suggested(zone: str, meant: str) -> None:
    form = "an IANA time zone such as Europe/Berlin"
    assert reasons(timezone=zone) == (f'timezone is "{zone}", but must be {form}: did you mean "{meant}"?',)


@pytest.mark.parametrize("zone", ["+02:00", "Mars/Olympus", "localtime", "x" * 500])
def test_a_zone_that_is_nothing_is_refused(zone: str) -> None:
    (reason,) = reasons(timezone=zone)

    assert reason.endswith("but must be an IANA time zone such as Europe/Berlin.")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-05-03T14:00:00Z", "2026-05-03T14:00:00"),
        ("2026-05-03t14:00:00z", "2026-05-03T14:00:00"),
        ("2026-05-03 14:00:00+02:00", "2026-05-03T12:00:00"),
        ("2026-05-03T14:00:00.5-03:30", "2026-05-03T17:30:00.500000"),
        ("2026-05-03T14:00:00.123456789Z", "2026-05-03T14:00:00.123456"),
        ("2026-05-03T14:00:00-00:00", "2026-05-03T14:00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00"),
        ("2017-01-01T00:59:60+01:00", "2017-01-01T00:00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00"),
        # The clocks of those who report may be up to a day fast.
        ("2026-11-24T12:00:00Z", "2026-11-24T12:00:00"),
    ],
)
def test_times_become_utc(text: str, utc: str) -> None:
    found = good(reported_at=text).reported_at

    assert found.tzinfo is UTC
    assert found == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("2026-05-03T14:00:00", ": it has no offset from UTC."),
        ("2026-05-03 14:00", ": it has no offset from UTC."),
        ("2026-05-03", ": it has no time."),
        ("2026-02-29T14:00:00Z", ": there is no such date or time."),
        ("2026-05-03T24:00:00Z", ": there is no such date or time."),
        ("2026-05-03T14:00:60Z", ": there is no such date or time."),
        ("2026-05-03T14:00:00+24:00", ": there is no such date or time."),
        ("2026-05-03T14:00Z", "+02:00."),
        ("20260503T140000Z", "+02:00."),
        ("2026-W18-7T14:00:00Z", "+02:00."),
        ("03.05.2026 14:00", "+02:00."),
        ("1777809600", "+02:00."),
        ("2026-05-03T14:00:00+02", "+02:00."),
        ("２026-05-03T14:00:00Z", "+02:00."),
        ("0001-01-01T00:00:00+01:00", ": there is no such date or time."),
        ("1970-01-01T00:00:00Z", ": it lies before 2000, and may be a default value."),
        ("2026-11-24T12:00:01Z", ": it lies in the future (today is 2026-11-23)."),
        ("9999-12-31T23:59:59-01:00", ": there is no such date or time."),
    ],
)
def test_times_without_offset_and_what_is_no_time_are_refused(text: str, clause: str) -> None:
    (reason,) = reasons(reported_at=text)

    assert reason.startswith(
        f'reported_at is "{text}", but must be a date and time with its offset (RFC 3339) such'
    )
    assert reason.endswith(clause)


def test_a_policy_that_is_not_there_is_refused() -> None:
    form = "a policy's slug such as data-selling"
    none = "there is none of that name"
    assert reasons(policy="other") == (f'policy is "other", but must be {form}: {none}.',)
    assert reasons(policy="sspam") == (
        f'policy is "sspam", but must be {form}: {none}; did you mean "spam"?',
    )


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        ' {"a": [1, -2.5e3, true, null, {"b": "c"}]} ',
        '{"a": "\\ud83d\\ude00 \\u00e9 \\\\u0000"}',
        '{"precise": 0.10000000000000000555, "big": 123456789012345678901234567890, "exponent": 1e308}',
        '{"a": ' + "[" * 98 + "]" * 98 + "}",
        '{"a": "' + "[" * 500 + '"}',
    ],
)
def test_evidence_is_kept_as_it_is_written(text: str) -> None:
    assert good(evidence=text).evidence == text.strip()


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("[]", "it is JSON, but not an object."),
        ('"text"', "it is JSON, but not an object."),
        ("null", "it is JSON, but not an object."),
        ("{", "it is not JSON: expecting property name enclosed in double quotes at character 2."),
        ("{'a': 1}", "it is not JSON: expecting property name enclosed in double quotes at character 2."),
        ('{"a": 1} x', "it is not JSON: extra data at character 10."),
        ('{"a": NaN}', "it has NaN, which is not a number in JSON."),
        ('{"a": -Infinity}', "it has -Infinity, which is not a number in JSON."),
        ('{"a": 1e400}', "it has the number 1e400, which is too large or too fine."),
        ('{"a": 1e-99999999999}', "it has the number 1e-99999999999, which is too large or too fine."),
        (
            '{"a": ' + "9" * 5000 + "}",
            "it has a whole number of thousands of digits.",
        ),
        ('{"a": "\\u0000"}', "it has the character U+0000, which no database text can hold."),
        ('{"\\u0000": 1}', "it has the character U+0000, which no database text can hold."),
        ('{"a": "\\u0000", "a": 1}', "it has the character U+0000, which no database text can hold."),
        ('{"a": ["\\ud83d"]}', "it has half of a surrogate pair, which is no character."),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "it is nested more than 100 deep."),
        ('{"a": ' + "[" * 30_000 + "]" * 30_000 + "}", "it is nested more than 100 deep."),
        ('{"a": "' + "x" * 65_530 + '"}', "it has 65,539 bytes; there may be 65,536."),
        ('{"a": "' + "é" * 40_000 + '"}', "it has 80,009 bytes; there may be 65,536."),
    ],
)
def test_evidence_that_the_database_could_not_hold_is_refused(text: str, clause: str) -> None:
    (reason,) = reasons(evidence=text)

    assert reason.startswith('evidence is "')
    assert reason.endswith(f'but must be a JSON object such as {{"url": "https://example.com/1"}}: {clause}')


texts = st.text(st.characters(codec="utf-8"), max_size=300)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, texts)))
def test_any_text_anywhere_is_a_flag_or_is_rejected_with_reasons(changes: dict[str, str]) -> None:
    row = read_one(**changes)

    if isinstance(row, RejectedRow):
        assert row.reasons
        assert all(reason.partition(" ")[0] in changes for reason in row.reasons)
        assert all(reason.isprintable() and len(reason) < 500 for reason in row.reasons)
        assert "\0" not in row.raw
    else:
        assert row.reason == changes.get("reason", GOOD["reason"])
