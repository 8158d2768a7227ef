"""From bytes to numbered lines of text: unpacking, decoding, and nothing that can grow with the file."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from cases.reading.rows import MAX_ROW, RejectedRow, Row

CHUNK = 131_072
GZIP = b"\x1f\x8b"
# However many bytes a character takes, a line that is cut to this still has more than MAX_ROW of them.
_MAX_LINE_BYTES = 4 * (MAX_ROW + 1)
_BAD_BYTE = re.compile("[\udc80-\udcff]")


class Damaged(Exception):
    """The compressed stream cannot be read on; its text is a clause."""


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream's bytes, some at a time."""
    while data := stream.read(CHUNK):
        yield data


def unpacked(packed: Iterable[bytes]) -> Iterator[bytes]:
    """What a gzip stream of one or more members holds, some at a time.

    Raises:
        Damaged: when all that could be unpacked has been given.
    """
    member = zlib.decompressobj(wbits=31)
    try:
        for chunk in packed:
            data = chunk
            while data:
                if member.eof:
                    data = data.lstrip(b"\0")  # padding
                    if not data:
                        break
                    member = zlib.decompressobj(wbits=31)
                yield member.decompress(data, CHUNK)
                data = member.unused_data if member.eof else member.unconsumed_tail
        while rest := member.decompress(b"", CHUNK):
            yield rest
    except zlib.error as error:
        raise Damaged(f"is damaged ({error})") from error
    if not member.eof:
        raise Damaged("is cut off")


class Lines:
    """Numbered lines with their line ends, decoded; iterate once.

    Bytes that are not UTF-8 become lone surrogates (PEP 383). A line far longer than MAX_ROW loses its end,
    but stays longer than MAX_ROW.

    Attributes:
        bad: numbers of the lines, among those given so far, that have bytes that are not UTF-8.
        damage: why the stream ended before its end, or "".
        remainder: what came after the last whole line before the damage.
    """

    def __init__(self, data: Iterable[bytes]) -> None:
        self._data = data
        self.bad: set[int] = set()
        self.damage = ""
        self.remainder = ""

    def __iter__(self) -> Iterator[str]:
        number = 0
        tail = b""
        overlong = False
        try:
            for chunk in self._data:
                end = chunk.rfind(b"\n") + 1
                if not end:
                    tail = tail + chunk if not overlong else tail
                    if len(tail) > _MAX_LINE_BYTES:
                        tail, overlong = tail[:_MAX_LINE_BYTES], True
                    continue
                head = chunk[:end]
                if overlong:
                    head = head[head.index(b"\n") :]
                for line in self._decoded(tail + head, number):
                    number += 1
                    yield line
                tail, overlong = chunk[end:], False
        except Damaged as error:
            self.damage = str(error)
            self.remainder = tail.decode(errors="surrogateescape")
            return
        yield from self._decoded(tail, number)

    def _decoded(self, data: bytes, number: int) -> Iterable[str]:
        """The lines of `data`, the first of which follows line `number`."""
        try:
            return io.StringIO(data.decode(), newline="\n")
        except UnicodeDecodeError:
            lines = list(io.StringIO(data.decode(errors="surrogateescape"), newline="\n"))
            self.bad.update(n for n, line in enumerate(lines, number + 1) if _BAD_BYTE.search(line))
            return lines


def storable(text: str) -> str:
    """Text that PostgreSQL can hold: bytes that are not UTF-8, and NUL, written as `\\xfc`."""
    text = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return text.replace("\0", "\\x00")


def with_bad_bytes(
    found: Row | RejectedRow | list[str] | None, bad: set[int], line: int, count: int
) -> Row | RejectedRow | list[str] | None:
    """What was found in the row of `count` lines from `line`, rejected if one of them is in `bad`."""
    its_own = bad.intersection(range(line, line + count))
    if not its_own:
        return found
    bad -= its_own
    if isinstance(found, list) and any("not UTF-8" in reason for reason in found):
        return found
    return [*(found if isinstance(found, list) else ()), "The row has bytes that are not UTF-8."]


def damaged(lines: Lines, line: int, begun: str = "") -> RejectedRow:
    """What is left of a file whose end cannot be unpacked: `begun` and what came after it, from `line` on."""
    reason = f"The compressed file {lines.damage} here: what follows is lost, and this row with it."
    return RejectedRow(line, storable(begun + lines.remainder), (reason,))
