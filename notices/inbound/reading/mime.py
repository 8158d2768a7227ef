"""A mail as parts, read so that no input breaks it or takes long.

Not the standard library's parser: that follows every level of nesting by recursion and every line by Python code,
and a hostile message may have ten thousand levels and fifty million bytes. This one looks for what reports are made
of (headers, and MIME parts down to a fixed depth), keeps offsets into the one message instead of copies, and takes
what is broken for text.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

READ_AT_MOST = 48 << 20  # bytes; the rest of a longer message is kept, but not looked at
MAX_HEADER_BLOCK = 256 << 10
MAX_HEADERS = 1000
MAX_VALUE = 8 << 10
MAX_DEPTH = 12
MAX_PARTS = 200
MAX_TEXT = 512 << 10  # bytes of one text part

_FIELD = re.compile(rb"^([!-9;-~]{1,100})[ \t]*:[ \t]*((?:[^\n]*)(?:\n[ \t][^\n]*)*)", re.MULTILINE)
_NO_FIELD = re.compile(rb"^(?![!-9;-~]{1,100}[ \t]*:|[ \t]|>?From )", re.MULTILINE)
_TYPE = re.compile(r"\s*([\w.+-]+/[\w.+-]+)")
_PARAMETER = r"(?:^|[;\s]){}\s*=\s*(?:\"([^\"]*)\"|([^;\s\"]+))"
_ANY_BOUNDARY = re.compile(
    rb"^--(\S[^\n]{0,200}?)[ \t]*\n(?=content-[a-z-]{1,40}[ \t]*:)", re.MULTILINE | re.IGNORECASE
)
_WORD = re.compile(r"=\?([\w.:+-]{1,40})(?:\*[\w-]*)?\?([bq])\?([^?]*)\?=(?:\s+(?==\?))?", re.IGNORECASE)

MESSAGE_TYPES = frozenset({"message/rfc822", "message/global", "message/partial"})
HEADER_TYPES = frozenset({"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"})

# Only what is a character set of mail: Python's codecs hold others, some of them slow on purpose.
_CHARSET = re.compile(
    r"(us-?)?ascii|utf-?(7|8|16|16le|16be|32)|latin-?\d+|tis-?620|ansi_x3[\w.-]*"
    r"|(x-)?(iso|windows|cp|ibm|dos|koi8|gb|big5|euc|shift|sjis|x-sjis|ks_c|hz|mac)[\w-]*",
    re.IGNORECASE,
)
_ALIASES = {
    "x-sjis": "shift_jis",
    "ks_c_5601-1987": "cp949",
    "gb2312": "gb18030",
    "x-gbk": "gb18030",
    "gbk": "gb18030",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its header fields in order (names in lower case, values unfolded) and where its body lies."""

    source: bytes = field(repr=False)
    fields: tuple[tuple[str, str], ...]
    start: int
    end: int
    depth: int = 0
    default_type: str = "text/plain"

    def get(self, name: str) -> str:
        """The first value of a header field, decoded (RFC 2047), or ""."""
        name = name.lower()
        return next((decode_words(value) for key, value in self.fields if key == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of a header field, decoded, in order."""
        name = name.lower()
        return [decode_words(value) for key, value in self.fields if key == name]

    def has(self, name: str) -> bool:
        return any(key == name.lower() for key, _ in self.fields)

    @property
    def type(self) -> str:
        """The media type in lower case."""
        match = _TYPE.match(self.get("content-type"))
        return match[1].lower() if match else self.default_type

    def parameter(self, name: str) -> str:
        """A parameter of Content-Type, or ""."""
        match = re.search(_PARAMETER.format(re.escape(name)), self.get("content-type"), re.IGNORECASE)
        return (match[1] or match[2] or "") if match else ""

    def content(self, limit: int = MAX_TEXT) -> bytes:
        """The body with its transfer encoding undone, as far as it can be, cut at about `limit` bytes."""
        raw = self.source[self.start : min(self.end, self.start + 2 * limit)]
        encoding = self.get("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            return _base64(raw)[:limit]
        if encoding == "quoted-printable":
            return quopri.decodestring(raw)[:limit]
        return raw[:limit]

    def text(self, limit: int = MAX_TEXT) -> str:
        """The body as text, whatever is said about its character set."""
        return to_text(self.content(limit), self.parameter("charset"))


def parse(raw: bytes) -> Part:
    """The message as its outermost part. Never fails; line ends of any kind are taken for line ends."""
    return _part(_lines(raw[:READ_AT_MOST]), 0, None, 0, "text/plain")


def _lines(raw: bytes) -> bytes:
    text = raw.replace(b"\r\n", b"\n")
    if b"\r\n" in text:  # \r\r\n, from servers that add a line end to a line end
        text = text.replace(b"\r\n", b"\n")
    if b"\n" not in text[:4096] and b"\r" in text[:4096]:
        text = text.replace(b"\r", b"\n")
    return text.lstrip(b"\n")


def _part(source: bytes, start: int, end: int | None, depth: int, default_type: str) -> Part:
    end = len(source) if end is None else end
    if source.startswith(b"\n", start, end):
        return Part(source, (), start + 1, end, depth, default_type)
    stop = min(end, start + MAX_HEADER_BLOCK)
    blank = source.find(b"\n\n", start, stop)
    head_end = blank + 1 if blank >= 0 else stop
    body = min(head_end + 1, end) if blank >= 0 else head_end
    # A line that is no header field ends the headers, as if the blank line had been forgotten; a message that begins
    # with one may still have headers after it.
    broken = _NO_FIELD.search(source, start, head_end)
    if broken and broken.start() < head_end:
        first = broken.start() == start and depth == 0
        if not first or not _FIELD.search(source, start, head_end):
            head_end = body = broken.start()
    fields = []
    for match in _FIELD.finditer(source, start, head_end):
        value = " ".join(to_text(match[2][:MAX_VALUE]).split("\n")).replace("\x00", "")
        fields.append((match[1].decode("ascii").lower(), value.strip()))
        if len(fields) >= MAX_HEADERS:
            break
    return Part(source, tuple(fields), body, end, depth, default_type)


def leaves(part: Part) -> Iterator[Part]:
    """The parts that are no multipart, in order; at most 200. What is nested too deep is given as it is.

    Enclosed messages are leaves: what they hold is not what this message says.
    """
    stack, given = [part], 0
    while stack and given < MAX_PARTS:
        current = stack.pop()
        inner = _inner(current) if current.type.startswith("multipart/") and current.depth < MAX_DEPTH else []
        if inner:
            stack.extend(reversed(inner))
        else:
            given += 1
            yield current


def enclosed(part: Part) -> Part:
    """The message, or header lines, that a part of such a type holds."""
    content = part.content(MAX_TEXT)
    return _part(content.lstrip(b"\n"), 0, None, part.depth + 1, "text/plain")


def _inner(part: Part) -> list[Part]:
    boundary = part.parameter("boundary").encode("utf-8", "replace").rstrip()
    marks = _marks(part, boundary) if boundary else []
    if not marks:
        guess = _ANY_BOUNDARY.search(part.source, part.start, part.end)
        marks = _marks(part, guess[1].removesuffix(b"--")) if guess else []
    if not marks:
        return []
    default = "message/rfc822" if part.type == "multipart/digest" else "text/plain"
    found: list[Part] = []
    for (_, start, closing), (end, _, _) in zip(marks, [*marks[1:], (part.end + 1, 0, True)], strict=True):
        if not closing and len(found) < MAX_PARTS:
            found.append(
                _part(part.source, min(start, part.end), max(start, end - 1), part.depth + 1, default)
            )
    return found


def _marks(part: Part, boundary: bytes) -> list[tuple[int, int, bool]]:
    """Where boundary lines begin and end, and whether each is the closing one."""
    line = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\n|\Z)", re.MULTILINE)
    marks: list[tuple[int, int, bool]] = []
    for match in line.finditer(part.source, part.start, part.end):
        marks.append((match.start(), match.end(), bool(match[1])))
        if len(marks) > MAX_PARTS:
            break
    return marks


def _base64(raw: bytes) -> bytes:
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", raw.partition(b"=")[0])
    try:
        return binascii.a2b_base64(clean[: len(clean) // 4 * 4] + _rest(clean))
    except binascii.Error:
        return raw


def _rest(clean: bytes) -> bytes:
    rest = clean[len(clean) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def to_text(data: bytes, charset: str = "") -> str:
    """Bytes as text: in the character set named if it fits, else UTF-8 if that fits, else as ISO 8859-1."""
    name = charset.strip().strip("'\"").lower()
    for candidate in (_ALIASES.get(name, name), "utf-8"):
        if candidate and _CHARSET.fullmatch(candidate):
            try:
                return data.decode(candidate)
            except (LookupError, UnicodeError):
                continue
    if name and _CHARSET.fullmatch(name):
        try:
            return data.decode(_ALIASES.get(name, name), "replace")
        except (LookupError, UnicodeError):
            pass
    if b"\x1b$" in data:
        return data.decode("iso2022_jp", "replace")
    return data.decode("iso-8859-1")


def decode_words(value: str) -> str:
    """A header value with its encoded words (RFC 2047) undone; what is wrong with them stays as it is."""
    return _WORD.sub(_decode_word, value) if "=?" in value else value


def _decode_word(match: re.Match[str]) -> str:
    data = match[3].encode("utf-8", "replace")
    decode = _base64 if match[2] in "bB" else _q
    return to_text(decode(data), match[1]).replace("\x00", "")


def _q(data: bytes) -> bytes:
    return quopri.decodestring(data, header=True)
