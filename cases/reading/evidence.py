"""Evidence: the text of a JSON object that PostgreSQL will take as jsonb.

PostgreSQL refuses what Python lets pass: NaN and Infinity, U+0000, halves of surrogate pairs. Numbers keep every
digit, because what is stored is the text.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from cases.reading.rows import MAX_EVIDENCE_BYTES

MAX_DEPTH = 100
MAX_DIGITS = 1000

_SURROGATE = re.compile("[\ud800-\udfff]")
_SUSPECT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89A-Fa-f])")
_EXPONENT = re.compile(r"[eE][+-]?0*([1-9][0-9]*)")
_MAX_EXPONENT = 308  # of a double: nobody has evidence beyond it, and jsonb has its own limit farther out
_KEY = re.compile(r'"evidence"\s*:\s*')
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _number(text: str) -> float:
    exponent = _EXPONENT.search(text)
    if len(text) > MAX_DIGITS or exponent and (len(exponent[1]) > 3 or int(exponent[1]) > _MAX_EXPONENT):
        raise ValueError(f"has the number {text[:20]}..., which is too large or too fine")
    return float(text)


def _integer(text: str) -> int:
    return int(text) if len(text) <= MAX_DIGITS else int(_number(text))


def _constant(text: str) -> NoReturn:
    raise ValueError(f"has {text}, which is not a number in JSON")


_decoder = json.JSONDecoder(parse_float=_number, parse_int=_integer, parse_constant=_constant)


def decode(text: str) -> Any:
    """JSON whose numbers jsonb can hold. For its strings and its depth see `check_storable`.

    Raises:
        ValueError: it is not; the message is a clause such as "has NaN, which is not a number in JSON".
    """
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        what = error.msg[0].lower() + error.msg[1:]
        raise ValueError(f"is not JSON: {what} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise ValueError(f"is nested more than {MAX_DEPTH} deep") from error


def is_suspect(text: str) -> bool:
    """Whether some value of this JSON may not be storable."""
    return _SUSPECT_ESCAPE.search(text) is not None or text.count("[") + text.count("{") > MAX_DEPTH


def check_storable(value: Any) -> None:
    """Look at every string and at the depth of a value.

    Raises:
        ValueError: jsonb cannot hold it; the message is a clause.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for entry in level:
            if isinstance(entry, dict):
                below += entry.keys()
                below += entry.values()
            elif isinstance(entry, list):
                below += entry
            elif isinstance(entry, str):
                if "\0" in entry:
                    raise ValueError("has the character U+0000, which no database text can hold")
                if not entry.isascii() and _SURROGATE.search(entry):
                    raise ValueError("has half of a surrogate pair, which is no character")
        level = below
        if not level:
            return
    raise ValueError(f"is nested more than {MAX_DEPTH} deep")


def check_size(text: str) -> None:
    """Raises: ValueError: the text is too long; the message is a clause."""
    if (
        len(text) * 4 > MAX_EVIDENCE_BYTES
        and (size := len(text.encode(errors="replace"))) > MAX_EVIDENCE_BYTES
    ):
        raise ValueError(f"has {size:,} bytes; there may be {MAX_EVIDENCE_BYTES:,}")


def check_evidence(text: str) -> None:
    """Check evidence given as text.

    Raises:
        ValueError: it cannot be taken; the message is a clause.
    """
    check_size(text)
    evidence = decode(text)
    if type(evidence) is not dict:
        raise ValueError("is JSON, but not an object")
    if is_suspect(text):
        check_storable(evidence)


def text_of(evidence: dict[str, Any], line: str) -> str:
    """The text of the evidence object inside its line of JSON, with all the digits that it has there."""
    for match in reversed(list(_KEY.finditer(line))):
        try:
            value, end = _decoder.raw_decode(line, match.end())
        except ValueError:
            continue  # not a key, but text that looks like one
        if value == evidence:
            return line[match.end() : end]
    return _encode(evidence)  # its key is written with escapes
