"""Evidence: the text of a JSON object that PostgreSQL will take as jsonb.

PostgreSQL refuses what Python lets pass: NaN and Infinity, U+0000, halves of surrogate pairs. Numbers keep
every digit, because what is stored is the text.
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
_MAX_EXPONENT = 308  # as for a double; the limit of jsonb lies farther out
_KEY = re.compile(r'"evidence"\s*:\s*')
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _number(text: str) -> float:
    match = _EXPONENT.search(text)
    exponent = 0 if match is None else int(match[1][:4])
    if len(text) > MAX_DIGITS or exponent > _MAX_EXPONENT:
        text = text if len(text) <= 20 else f"{text[:20]}..."
        raise ValueError(f"has the number {text}, which is too large or too fine")
    return float(text)


def _constant(text: str) -> NoReturn:
    raise ValueError(f"has {text}, which is not a number in JSON")


def _flat(pairs: list[tuple[str, Any]]) -> list[Any]:
    return [entry for pair in pairs for entry in pair]


_decoder = json.JSONDecoder(parse_float=_number, parse_constant=_constant)
# Objects become lists of their keys and values: of a key that is there twice, a dict would show one only.
_flattener = json.JSONDecoder(parse_float=_number, parse_constant=_constant, object_pairs_hook=_flat)


def decode(text: str) -> Any:
    """JSON whose numbers jsonb can hold. For its strings and its depth see `check_storable`.

    Raises:
        ValueError: it is not; the message is a clause such as "has NaN, which is not a number in JSON".
    """
    return _decoded(_decoder, text)


def _decoded(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        what = error.msg[0].lower() + error.msg[1:]
        raise ValueError(f"is not JSON: {what} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise ValueError(f"is nested more than {MAX_DEPTH} deep") from error
    except ValueError as error:
        if "digits" not in str(error):
            raise
        # Python's own limit for whole numbers; that of jsonb lies farther out.
        raise ValueError("has a whole number of thousands of digits") from error


def check_evidence(text: str) -> None:
    """Check evidence given as text.

    Raises:
        ValueError: it cannot be taken; the message is a clause.
    """
    check_storable(text)
    if type(decode(text)) is not dict:
        raise ValueError("is JSON, but not an object")


def check_storable(text: str) -> None:
    """Check the size of a JSON text, every string in it, and its depth.

    Raises:
        ValueError: jsonb cannot hold it; the message is a clause.
    """
    size = len(text) if text.isascii() else len(text.encode(errors="replace"))
    if size > MAX_EVIDENCE_BYTES:
        raise ValueError(f"has {size:,} bytes; there may be {MAX_EVIDENCE_BYTES:,}")
    if not has_suspect_escape(text) and text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    level = [_decoded(_flattener, text)]
    for _ in range(MAX_DEPTH):
        for entry in level:
            if isinstance(entry, str):
                check_string(entry)
        level = [inner for entry in level if isinstance(entry, list) for inner in entry]
        if not level:
            return
    raise ValueError(f"is nested more than {MAX_DEPTH} deep")


def has_suspect_escape(text: str) -> bool:
    """Whether JSON text has an escape that may stand for what is no character."""
    return _SUSPECT_ESCAPE.search(text) is not None


def check_string(text: str) -> None:
    """Raises: ValueError: PostgreSQL cannot hold this text; the message is a clause."""
    if "\0" in text:
        raise ValueError("has the character U+0000, which no database text can hold")
    if not text.isascii() and _SURROGATE.search(text):
        raise ValueError("has half of a surrogate pair, which is no character")


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
