from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.reading import FlagReader, FlagRow, FlagsFileError, RejectedRow, read_flags
from cases.reading.rows import MAX_ROW

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HEADER = "reference,external_id,reported_at,reason\n"
AT = "2026-05-03T14:00:00Z"


def reader(data: str | bytes, **options: Any) -> FlagReader:
    if isinstance(data, str):
        data = data.encode()
    return read_flags(io.BytesIO(data), now=NOW, **({"source": "s", "policy": "p"} | options))


def flags(data: str | bytes, **options: Any) -> list[FlagRow]:
    rows = list(reader(data, **options))
    assert all(isinstance(row, FlagRow) for row in rows), rows
    return [row for row in rows if isinstance(row, FlagRow)]


def by_line(data: str | bytes) -> dict[int, str | RejectedRow]:
    """The reference of each good row, and each rejected row whole, by line."""
    return {row.line: row.reference if isinstance(row, FlagRow) else row for row in reader(data)}


def rejected(line: int, raw: str, *reasons: str) -> RejectedRow:
    return RejectedRow(line, raw, reasons)


def test_columns_may_come_in_any_order_and_case() -> None:
    (row,) = flags(f"Reason, REPORTED_AT ,external_id,reference\nsold,{AT},a-1,r-1\n")

    assert (row.reference, row.external_id, row.reason) == ("r-1", "a-1", "sold")
    assert row.reported_at == datetime(2026, 5, 3, 14, tzinfo=UTC)


def test_unknown_columns_are_left_out_and_told_once() -> None:
    found = reader(f"note,{HEADER}1,r-1,a-1,{AT},x\n2,r-2,a-2,{AT},x\n")

    assert [row.reference for row in found if isinstance(row, FlagRow)] == ["r-1", "r-2"]
    assert found.report.warnings == ['The column "note" is not known and is left out.']


def test_source_and_policy_of_the_row_win_over_what_is_given() -> None:
    text = f"source,policy,{HEADER}own,mine,r-1,a-1,{AT},x\n,,r-2,a-2,{AT},x\n"

    one, two = flags(text, source="given", policy="theirs")

    assert (one.source, one.policy) == ("own", "mine")
    assert (two.source, two.policy) == ("given", "theirs")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_and_byte_order_marks_make_no_difference(end: str, mark: str, last: bool) -> None:
    text = mark + f"{HEADER}r-1,a-1,{AT},one\nr-2,a-2,{AT},two".replace("\n", end) + end * last

    assert [(row.line, row.reference, row.reason) for row in flags(text)] == [
        (2, "r-1", "one"),
        (3, "r-2", "two"),
    ]


def test_quoted_values_may_have_line_ends_commas_and_quotes() -> None:
    text = f'{HEADER}r-1,a-1,{AT},"one\n\ntwo, ""three"""\nr-2,a-2,{AT},"\r\n.\r\n"\r\nr-3,a-3,{AT},x\n'

    rows = flags(text)

    assert [row.line for row in rows] == [2, 5, 8]
    assert [row.reason for row in rows] == ['one\n\ntwo, "three"', "\r\n.\r\n", "x"]


def test_blank_lines_are_no_rows_but_count() -> None:
    assert by_line(f"\n{HEADER}\nr-1,a-1,{AT},x\n  \n\nr-2,a-2,{AT},x\n,,,\n") == {4: "r-1", 7: "r-2"}


def test_a_row_with_too_many_or_too_few_fields_is_kept_whole() -> None:
    found = by_line(f'{HEADER}r-1,a-1,{AT}\nr-2,a-2,{AT},"x\ny",z\nr-3,a-3,{AT},x\n')

    assert found == {
        2: rejected(2, f"r-1,a-1,{AT}", "The row has 3 fields, but the header has 4."),
        3: rejected(3, f'r-2,a-2,{AT},"x\ny",z', "The row has 5 fields, but the header has 4."),
        5: "r-3",
    }


def test_a_bad_row_is_kept_as_it_stands_in_the_file() -> None:
    raw = f'"r-1",, {AT} ,"x\r\n""y"""'

    (row,) = reader(f"{HEADER}{raw}\r\n")

    assert isinstance(row, RejectedRow)
    assert row.raw == raw


def test_bytes_that_are_not_utf8_reject_their_row_only() -> None:
    data = (
        HEADER.encode()
        + f"r-1,a-1,{AT},good\nr-2,a-2,{AT},M".encode()
        + b"\xfcller\n"
        + f"r-3,a-3,{AT},Müller\n".encode()
    )

    found = by_line(data)

    assert (found[2], found[4]) == ("r-1", "r-3")
    assert found[3] == rejected(
        3,
        f"r-2,a-2,{AT},M\\xfcller",
        'reason is "M\\xfcller", but must be what the account is accused of: '
        "it has the byte \\xfc, which is not UTF-8.",
    )


def test_bytes_that_are_not_utf8_reject_a_row_also_where_nobody_looks() -> None:
    (row,) = reader(f"note,{HEADER}".encode() + b"\xff," + f"r-1,a-1,{AT},x\n".encode())

    assert row == rejected(2, f"\\xff,r-1,a-1,{AT},x", "The row has bytes that are not UTF-8.")


def test_a_quote_that_is_not_closed_costs_one_row() -> None:
    data = f'{HEADER}r-1,a-1,{AT},"open\nr-2,a-2,{AT},x\nr-3,a-3,{AT},"fine"\nr-4,a-4,{AT},"fi\nne"\n'

    found = reader(data)

    assert {row.line: row for row in found if isinstance(row, RejectedRow)} == {
        2: rejected(
            2,
            f'r-1,a-1,{AT},"open',
            "The row has a quote that is not closed, or not doubled (it shows in line 4).",
        )
    }
    assert found.report.warnings == ["A quote in line 2 is not closed; reading began anew at the next line."]
    assert [line for line, row in by_line(data).items() if isinstance(row, str)] == [3, 4, 5]


def test_a_quote_that_is_not_closed_until_the_end_of_the_file_costs_one_row() -> None:
    found = by_line(f'{HEADER}r-1,a-1,{AT},"open\nr-2,a-2,{AT},x\nr-3,a-3,{AT},x\n')

    assert found == {
        2: rejected(2, f'r-1,a-1,{AT},"open', "The row has a quote that is not closed."),
        3: "r-2",
        4: "r-3",
    }


def test_a_quote_that_is_not_closed_in_a_long_file_costs_one_row() -> None:
    n = 40_000
    rows = "".join(f"r-{i},a-{i},{AT},x\n" for i in range(n))

    found = by_line(f'{HEADER}r,a,{AT},"open\n{rows}')

    assert found.pop(2) == rejected(2, f'r,a,{AT},"open', "The row has a quote that is not closed.")
    assert list(found.values()) == [f"r-{i}" for i in range(n)]


def test_many_quotes_that_are_not_closed_cost_a_row_each() -> None:
    found = by_line(HEADER + "".join(f'r-{i},a-{i},{AT},"open\n' for i in range(500)))

    assert list(found) == list(range(2, 502))
    assert all(isinstance(row, RejectedRow) for row in found.values())


def test_a_quote_that_is_not_doubled_rejects_its_row() -> None:
    found = by_line(f'{HEADER}r-1,a-1,{AT},"say "hi" now"\nr-2,a-2,{AT},it is 5" long\n')

    assert found == {
        2: rejected(
            2,
            f'r-1,a-1,{AT},"say "hi" now"',
            'The row has text after a closing quote; a quote inside quotes is written twice ("").',
        ),
        3: "r-2",
    }


def test_a_carriage_return_outside_quotes_rejects_its_row() -> None:
    found = by_line(f"{HEADER}r-1,a-1,{AT},one\rtwo\nr-2,a-2,{AT},x\n")

    assert found[2] == rejected(
        2,
        f"r-1,a-1,{AT},one\rtwo",
        "The row has a carriage return that is neither in quotes nor part of a line end.",
    )
    assert found[3] == "r-2"


def test_a_line_without_end_is_cut_and_the_next_row_is_read() -> None:
    data = HEADER.encode() + b"x" * (6 * MAX_ROW) + f"\nr-2,a-2,{AT},x\n".encode()

    first, second = reader(data)

    assert isinstance(first, RejectedRow)
    assert first.reasons == ("The row has more than 262,144 characters; only its beginning is kept.",)
    assert set(first.raw) == {"x"}
    assert MAX_ROW < len(first.raw) < 5 * MAX_ROW
    assert isinstance(second, FlagRow)
    assert second.line == 3


def test_a_field_that_is_far_too_long_rejects_its_row() -> None:
    found = by_line(f"note,{HEADER}{'x' * 200_000},r-1,a-1,{AT},x\n,r-2,a-2,{AT},x\n")

    assert isinstance(found[2], RejectedRow)
    assert found[2].reasons == ("The row has a field of more than 131,072 characters.",)
    assert found[3] == "r-2"


def test_a_lowered_field_limit_of_the_process_does_not_reject_evidence() -> None:
    before = csv.field_size_limit(1000)
    try:
        (row,) = flags(f"{HEADER}r-1,a-1,{AT},{'x' * 5000}\n")
    finally:
        csv.field_size_limit(before)

    assert len(row.reason) == 5000


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("reference,external_id,reported_at", r"lacks reason\. Add what is missing\.$"),
        ("referance,external_id,reported_at,reason", r'lacks reference \(is "referance" meant\?\)\.'),
        ("a,b,c", r"lacks reference, external_id, reported_at, reason\."),
        ("reference;external_id;reported_at;reason", r"divided by semicolons\. Save the file with commas\."),
        ("reference\texternal_id\treported_at\treason", r"divided by tabs\."),
        (f"reference,{HEADER}", r"has the column reference 2 times\."),
        ('"reference,external_id', r"no CSV header: its quotes do not match\."),
        ('"reference"x,external_id', r"no CSV header: its quotes do not match\."),
        ("reference,reason\rr-1,x\r", r"no CSV header: its lines end in carriage returns alone\."),
        ("x" * 100_000, r"no CSV header: its first line is too long\."),
    ],
)
def test_a_header_that_cannot_be_used_is_told_before_any_row(header: str, message: str) -> None:
    with pytest.raises(FlagsFileError, match=message):
        reader(f"{header}\nr-1,a-1,{AT},x\n")


def test_a_header_may_leave_out_only_what_is_given() -> None:
    with pytest.raises(
        FlagsFileError, match=r"lacks policy, source\. Add .* \(or say it with --policy or --source\)"
    ):
        reader(HEADER, source=None, policy=None)
    with pytest.raises(FlagsFileError, match=r"lacks policy\. Add .* \(or say it with --policy\)"):
        reader(HEADER, policy="")


def test_a_header_without_rows_is_a_file_without_flags() -> None:
    assert flags(HEADER) == []


# Whatever stands in a file, each of its lines comes out, as part of a flag or of a rejected row.

fields = st.lists(st.sampled_from(["a", "b", '"', ",", "\n", "\r\n", " ", "é"]), max_size=8).map("".join)


@given(st.lists(st.lists(fields, min_size=1, max_size=6), max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_no_row_that_was_written_is_lost(rows: list[list[str]], end: str) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows(rows)

    found = list(reader(HEADER + out.getvalue()))

    # None of these is a flag: no field is a time.
    assert len(found) == sum(any(map(str.strip, row)) for row in rows)
    assert all(isinstance(row, RejectedRow) for row in found)


@given(st.lists(st.text(st.sampled_from('ab",\r é'), max_size=12), max_size=12))
def test_no_line_is_lost_however_crooked_its_quotes(lines: list[str]) -> None:
    found = [row for row in reader(HEADER + "\n".join(lines)) if isinstance(row, RejectedRow)]

    kept = "\n".join(row.raw for row in found).split("\n")
    assert [line.rstrip("\r") for line in kept if line.strip(' ,"\r')] == [
        line.rstrip("\r") for line in lines if line.strip(' ,"\r')
    ]
    for row in found:
        assert (
            "\n".join(lines)
            .split("\n")[row.line - 2]
            .rstrip("\r")
            .startswith(row.raw.split("\n")[0].rstrip("\r"))
        )


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_the_end(data: bytes) -> None:
    list(reader(HEADER.encode() + data))
