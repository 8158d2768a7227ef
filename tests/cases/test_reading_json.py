from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.reading import FlagReader, FlagRow, FlagsFileError, RejectedRow, read_flags
from cases.reading.rows import MAX_ROW

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GOOD = {
    "reference": "R-1",
    "external_id": "acct-1",
    "reported_at": "2026-05-03T14:00:00+02:00",
    "reason": "Sold 3,000 profiles.",
}


def reader(*lines: str | bytes) -> FlagReader:
    data = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    return read_flags(io.BytesIO(data), now=NOW, source="s", policy="p")


def line(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


def good(text: str) -> FlagRow:
    (row,) = reader(text)
    assert isinstance(row, FlagRow), row
    return row


def reasons(text: str | bytes) -> tuple[str, ...]:
    (row,) = reader(text)
    assert isinstance(row, RejectedRow), row
    return row.reasons


def test_a_good_row_has_all_its_values() -> None:
    text = line(display_name="Ana", email="Ana@example.com", language="es", source="own", policy="mine")

    row = good(text)

    assert (row.line, row.reference, row.external_id, row.source, row.policy) == (
        1,
        "R-1",
        "acct-1",
        "own",
        "mine",
    )
    assert (row.display_name, row.language, row.timezone, row.evidence) == ("Ana", "es", "", None)
    assert row.emails == (("Ana@example.com", "ana@example.com"),)
    assert row.reported_at == datetime(2026, 5, 3, 12, tzinfo=UTC)


def test_blank_lines_are_no_rows_but_count() -> None:
    assert [row.line for row in reader("", line(), "  ", line(), "\r")] == [2, 4]


def test_ids_may_be_whole_numbers_and_null_is_nothing() -> None:
    row = good(line(reference=17, external_id=9007199254740993, email=None, evidence=None))

    assert (row.reference, row.external_id) == ("17", "9007199254740993")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"reference": True}, "reference is true, but must be text: the source's own id of the report."),
        (
            {"reference": 1.5},
            "reference is the number 1.5, but must be text: the source's own id of the report.",
        ),
        (
            {"email": ["a@b.example"]},
            "email is an array, but must be text: an e-mail address such as name@example.com.",
        ),
        ({"reason": {"a": 1}}, "reason is an object, but must be text: what the account is accused of."),
        ({"reason": None}, "reason is empty, but must be what the account is accused of."),
        (
            {"evidence": "{}"},
            'evidence is the text "{}", but must be a JSON object such as {"url": "https://example.com/1"}.',
        ),
        (
            {"evidence": [1]},
            'evidence is an array, but must be a JSON object such as {"url": "https://example.com/1"}.',
        ),
        ({"evidence": {"a": "x" * 65_536}}, "evidence has 65,545 bytes; there may be 65,536."),
        ({"evidence": {"a": "\0"}}, "evidence has the character U+0000, which no database text can hold."),
        ({"evidence": {"\ud83d": 1}}, "evidence has half of a surrogate pair, which is no character."),
        ({"reason": "\udc80"}, "reason has half of a surrogate pair, which is no character."),
        ({"external_id": "a\0"}, "external_id has the character U+0000, which no database text can hold."),
    ],
)
def test_values_of_the_wrong_kind_are_told_by_column(changes: dict[str, Any], expected: str) -> None:
    assert reasons(line(**changes)) == (expected,)


def test_every_reason_is_told() -> None:
    found = reasons(line(reference=[], email="x", evidence=7))

    assert sorted(reason.partition(" ")[0] for reason in found) == ["email", "evidence", "reference"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"reference": "R-1",',
            "The row is not JSON: expecting property name enclosed in double quotes at character 21.",
        ),
        ('{"reference": "R-1"} {}', "The row is not JSON: extra data at character 22."),
        ('{"reference": NaN}', "The row has NaN, which is not a number in JSON."),
    ],
)
def test_a_line_that_is_not_json_is_kept_whole(text: str, expected: str) -> None:
    first, second = reader(text, line())

    assert first == RejectedRow(1, text, (expected,))
    assert isinstance(second, FlagRow)


@pytest.mark.parametrize("text", ["7", '"text"', "[1]", "null"])
def test_a_line_must_be_an_object(text: str) -> None:
    _, row = reader(line(), text)

    assert row == RejectedRow(2, text, ("The row is JSON, but not an object.",))


def test_evidence_keeps_every_digit() -> None:
    evidence = (
        '{"a" : 0.10000000000000000555, "b": 1.50, "c": {"evidence": {"x": 1}}, "d": "\\"evidence\\": {}"}'
    )
    text = line()[:-1] + f', "evidence" : {evidence}, "note": {{"evidence": 5}}}}'

    assert good(text).evidence == evidence


def test_evidence_is_checked_also_where_a_key_is_there_twice() -> None:
    """PostgreSQL reads both of the values, though it keeps the last one only."""
    text = line()[:-1] + r', "evidence": {"a": "\u0000", "a": 1}}'

    assert reasons(text) == ("evidence has the character U+0000, which no database text can hold.",)


def test_evidence_is_found_also_where_its_key_is_escaped() -> None:
    assert good(line()[:-1] + r', "\u0065vidence": {"a": "é"}}').evidence == '{"a":"é"}'


def test_unknown_keys_are_left_out_and_told_once() -> None:
    found = reader(line(note=1), line(note=2, more=3))

    assert all(isinstance(row, FlagRow) for row in found)
    assert sorted(found.report.warnings) == [
        'The key "more" is not known and is left out.',
        'The key "note" is not known and is left out.',
    ]


def test_keys_without_end_do_not_fill_the_memory() -> None:
    found = reader(*(line(**{f"key{i}": 1}) for i in range(100)))

    assert len(list(found)) == 100
    assert len(found.report.warnings) == 21
    assert found.report.warnings[-1] == "There are more warnings of this kind."


def test_bytes_that_are_not_utf8_reject_their_row_only() -> None:
    bad = line(reason="M@ller").encode().replace(b"@", b"\xfc")

    said = 'reason is "M\\xfcller", but must be what the account is accused of'

    first, second, third = reader(line(), bad, line())

    assert isinstance(first, FlagRow)
    assert second == RejectedRow(
        2,
        bad.decode(errors="backslashreplace"),
        (f"{said}: it has the byte \\xfc, which is not UTF-8.",),
    )
    assert isinstance(third, FlagRow)


def test_bytes_that_are_not_utf8_reject_a_row_also_in_its_evidence() -> None:
    bad = line(evidence={"a": "@"}).encode().replace(b"@", b"\xfc")

    assert reasons(bad) == ("The row has bytes that are not UTF-8.",)


def test_nul_in_a_line_rejects_it() -> None:
    first, second = reader(line().replace("Sold", "So\0ld"), line())

    assert isinstance(first, RejectedRow)
    assert "So\\x00ld" in first.raw
    assert isinstance(second, FlagRow)


def test_a_line_without_end_is_cut_and_the_next_row_is_read() -> None:
    first, second = reader('{"reason": "' + "x" * (6 * MAX_ROW), line())

    assert isinstance(first, RejectedRow)
    assert first.reasons == ("The row has more than 262,144 characters; only its beginning is kept.",)
    assert isinstance(second, FlagRow)
    assert second.line == 2


def test_nesting_without_end_rejects_its_row() -> None:
    first, second = reader('{"a": ' + "[" * 100_000, line())

    assert isinstance(first, RejectedRow)
    assert first.reasons == ("The row is nested more than 100 deep.",)
    assert isinstance(second, FlagRow)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"reference": "R-1"}]', "The file is one JSON array. Give JSON Lines"),
        ('{\n  "reference": "R-1"\n}', "The file has a JSON object over several lines. Give JSON Lines"),
    ],
)
def test_json_that_is_not_json_lines_is_told_before_any_row(text: str, message: str) -> None:
    with pytest.raises(FlagsFileError, match=message):
        reader(text)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=10), anything, max_size=5))
def test_evidence_is_rejected_or_means_the_same(evidence: dict[str, Any]) -> None:
    (row,) = reader(line(evidence=evidence))

    if isinstance(row, FlagRow):
        assert row.evidence is not None
        assert json.loads(row.evidence) == evidence
        assert "\\u0000" not in row.evidence.replace("\\\\", "")


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys((*GOOD, "email", "timezone", "evidence", "x"), anything))
)
def test_any_object_is_a_flag_or_is_rejected_with_reasons(changes: dict[str, Any]) -> None:
    text = line(**changes)

    (row,) = reader(text)

    if isinstance(row, RejectedRow):
        assert row.raw == text
        assert row.reasons


@given(st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b""))))
def test_no_line_is_lost(lines: list[bytes]) -> None:
    found = list(reader(line(), *lines))

    assert [row.line for row in found[1:]] == [n for n, data in enumerate(lines, 2) if not _blank(data)]


def _blank(data: bytes) -> bool:
    text = data.decode(errors="surrogateescape")
    return not text or text.isspace()
