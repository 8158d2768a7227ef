"""The file as a whole: where it comes from, how it is packed, and how it is read."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.reading import FlagReader, FlagRow, FlagsFileError, RejectedRow, read_flags

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
AT = "2026-05-03T14:00:00Z"
CSV = f"reference,external_id,reported_at,reason\nr-1,a-1,{AT},sold é\nr-2,,{AT},x\nr-3,a-3,{AT},x\n".encode()
JSONL = f'{{"reference": "r-1", "external_id": "a-1", "reported_at": "{AT}", "reason": "sold é"}}\n'.encode()


def gz(data: bytes) -> bytes:
    """Always the same bytes: test names are made of them, and must agree between processes."""
    return gzip.compress(data, mtime=0)


class Trickle(io.RawIOBase):
    """A stream that cannot be rewound and gives `size` bytes at a time."""

    def __init__(self, data: bytes, size: int = 1) -> None:
        self._data = io.BytesIO(data)
        self._size = size

    def read(self, size: int = -1) -> bytes:
        return self._data.read(self._size)

    def seekable(self) -> bool:
        return False


def read(file: str | Path | BinaryIO) -> FlagReader:
    return read_flags(file, now=NOW, source="s", policy="p")


def outcome(file: bytes | Trickle) -> list[tuple[int, bool]]:
    """Line of each row, and whether it was good."""
    stream = cast(BinaryIO, io.BytesIO(file) if isinstance(file, bytes) else file)
    return [(row.line, isinstance(row, FlagRow)) for row in read(stream)]


@pytest.mark.parametrize(
    ("name", "data", "kind", "packed"),
    [
        ("flags.csv", CSV, "csv", False),
        ("flags.csv.gz", gz(CSV), "csv", True),
        ("flags.jsonl", JSONL, "jsonl", False),
        ("flags.jsonl.gz", gz(JSONL), "jsonl", True),
        # The contents decide, not the name.
        ("flags", gz(CSV), "csv", True),
        ("flags.txt", JSONL, "jsonl", False),
        ("flags.csv", gz(b"\n\n" + JSONL), "jsonl", True),
        ("flags.gz", CSV, "csv", False),
        ("flags.csv.gz", gz(CSV[:60]) + gz(CSV[60:]) + b"\0" * 20, "csv", True),
        ("flags.csv", b"\xef\xbb\xbf" + CSV, "csv", False),
        ("flags.jsonl", b"\xef\xbb\xbf" + JSONL, "jsonl", False),
    ],
)
def test_the_kind_of_file_is_told_by_its_contents(
    tmp_path: Path, name: str, data: bytes, kind: str, packed: bool
) -> None:
    file = tmp_path / name
    file.write_bytes(data)

    found = read(file)
    first, *others = found

    assert isinstance(first, FlagRow)
    assert first.reason == "sold é"
    assert len(others) == (2 if kind == "csv" else 0)
    assert (found.report.format, found.report.compressed) == (kind, packed)


def test_the_name_decides_where_the_contents_do_not(tmp_path: Path) -> None:
    file = tmp_path / "flags.jsonl"
    file.write_bytes(b"oops\n" + JSONL)

    bad, good = read(str(file))

    assert bad == RejectedRow(1, "oops", ("The row is not JSON: expecting value at character 1.",))
    assert isinstance(good, FlagRow)


@pytest.mark.parametrize("data", [CSV, gz(CSV), JSONL, gz(JSONL)])
def test_streams_may_be_slow_and_need_not_be_seekable(data: bytes) -> None:
    assert outcome(Trickle(data)) == outcome(data)


def test_the_report_counts() -> None:
    found = read(io.BytesIO(CSV))
    list(found)

    assert (found.report.good, found.report.rejected) == (2, 1)


def test_rows_come_in_batches_too() -> None:
    text = CSV + b"".join(f"r-{i},a-{i},{AT},x\n".encode() for i in range(4, 11))

    batches = [(len(good), len(bad)) for good, bad in read(io.BytesIO(text)).batches(4)]

    assert batches == [(3, 1), (4, 0), (2, 0)]


def test_a_file_opened_here_is_closed_and_a_stream_stays_open(tmp_path: Path) -> None:
    file = tmp_path / "flags.csv"
    file.write_bytes(CSV)
    with read(file) as found, file.open("rb") as stream:
        list(read(stream))
        assert not stream.closed
        next(iter(found))
    assert found._owned is not None
    assert found._owned.closed


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The file is empty."),
        (b" \r\n\n", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (gz(b""), "The file is empty."),
        (b"PK\x03\x04\x14\0\x06\0", "a ZIP archive or a spreadsheet"),
        (b"\x28\xb5\x2f\xfd1234", "compressed with Zstandard"),
        (b"BZh91AY", "compressed with bzip2"),
        ("reference,reason\n".encode("utf-16"), "text in UTF-16"),
        ("reference,reason\n".encode("utf-16-le"), "not text"),
        (b"\x7fELF\2\1\1\0\0\0\n", "not text"),
        (gz(gz(CSV)), "not text|no CSV header|lacks"),
        (gz(CSV)[:5], "compressed file is cut off before its first row"),
        (gz(CSV)[:14], "compressed file is cut off before its first row"),
        (b"\x1f\x8bnot gzip at all", "compressed file is damaged .* before its first row"),
    ],
)
def test_what_is_no_flags_file_is_told_before_any_row(data: bytes, message: str) -> None:
    with pytest.raises(FlagsFileError, match=message):
        read(io.BytesIO(data))


def test_now_must_be_aware() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        read_flags(io.BytesIO(CSV), now=NOW.replace(tzinfo=None))


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.csv")


def big(n: int) -> bytes:
    header = b"reference,external_id,reported_at,reason\n"
    return header + b"".join(f'r-{i},a-{i * 7919 % 104729},{AT},"x\n{i * i}"\n'.encode() for i in range(n))


def test_of_a_truncated_file_the_rows_so_far_stand() -> None:
    plain = big(5000)
    packed = gz(plain)

    *rows, last = read(io.BytesIO(packed[: len(packed) // 2]))

    assert len(rows) > 1000
    assert all(isinstance(row, FlagRow) for row in rows)
    assert isinstance(last, RejectedRow)
    assert last.line == rows[-1].line + 2
    assert last.reasons == (
        "The compressed file is cut off here: what follows is lost, and this row with it.",
    )
    assert plain.decode().splitlines()[last.line - 1 :][0].startswith(last.raw.split("\n")[0])


def test_a_truncated_file_that_seems_to_end_with_a_row_is_told_too() -> None:
    whole = gz(JSONL)

    first, last = read(io.BytesIO(whole[:-4]))  # only the length at the end is missing

    assert isinstance(first, FlagRow)
    assert last == RejectedRow(
        2, "", ("The compressed file is cut off here: what follows is lost, and this row with it.",)
    )


def test_of_a_damaged_file_the_rows_before_the_damage_stand() -> None:
    packed = bytearray(gz(big(60_000)))
    packed[len(packed) // 2] ^= 0xFF

    *_, last = read(io.BytesIO(bytes(packed)))

    assert isinstance(last, RejectedRow)
    assert last.reasons[0].startswith("The compressed file is damaged (")


@given(st.integers(1, 300), st.integers(0, 200))
def test_where_a_stream_is_broken_into_pieces_makes_no_difference(size: int, cut: int) -> None:
    data = (CSV + 'r-4,a-4,{AT},"ü\nü"\n\r\n\xff,ü\n'.encode("latin-1") + CSV)[cut:]
    data = b"reference,external_id,reported_at,reason\n" + data

    assert outcome(Trickle(data, size)) == outcome(data)


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for made in (data, gz(data), b"\x1f\x8b" + data):
        try:
            list(read(io.BytesIO(made)))
        except FlagsFileError:
            continue


@pytest.mark.parametrize("pack", [bytes, gz])
def test_memory_does_not_grow_with_the_file(pack: Callable[[bytes], bytes]) -> None:
    rows = (f'r-{i},a-{i},{AT},"{"x" * 2000}\n"\n'.encode() for i in range(5000))
    plain = b"reference,external_id,reported_at,reason\n" + b"".join(rows)
    data = pack(plain)

    tracemalloc.start()
    count = sum(isinstance(row, FlagRow) for row in read(io.BytesIO(data)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 5000
    assert peak < len(plain) / 5
