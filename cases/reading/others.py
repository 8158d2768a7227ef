"""Addresses other than e-mail, and when an address was verified: columns that most files do not have."""

from __future__ import annotations

import re
import unicodedata

MAX_POSTAL = 400  # characters, as in the database
MAX_LINES = 10

# E.164: a plus sign and up to 15 digits, the first not 0. Shorter ones than these are not anybody's own.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PUNCTUATION = re.compile(r"[\s().\-\u2010\u2011\u202f\u00a0/]+")
_SLASH = re.compile(r" / |\r\n|\r|\n")


def canonical_phone(number: str) -> str:
    """The number in the form in which it is stored, compared and dialled: + and digits only (E.164).

    Raises:
        ValueError: this is no such number; the message is a clause such as "it has no country code".
    """
    if "(0)" in number:
        raise ValueError("it has a (0), which is dialled at home only")
    digits = _PUNCTUATION.sub("", number)
    if digits.startswith("00"):
        raise ValueError("it begins with 00; write + and the country code")
    if not digits.startswith("+"):
        raise ValueError("it has no country code; write + before it")
    if not digits[1:].isascii() or not digits[1:].isdigit():
        raise ValueError("it has something that is no digit")
    if not _E164.fullmatch(digits):
        raise ValueError(
            "no country code begins with 0" if digits[1:2] == "0" else "it must have between 7 and 15 digits"
        )
    return digits


def postal_address(text: str) -> tuple[str, str]:
    """A postal address as it is printed, one line below the other, and the form in which two are compared.

    Its lines are divided by line ends, or by " / " where a file cannot have those.

    Raises:
        ValueError: it cannot be printed as an address; the message is a clause.
    """
    lines = [" ".join(line.split()) for line in _SLASH.split(text)]
    lines = [line for line in lines if line]
    if len(lines) < 2:
        raise ValueError('it has one line only; divide its lines by line ends or by " / "')
    if len(lines) > MAX_LINES:
        raise ValueError(f"it has {len(lines)} lines; there may be {MAX_LINES}")
    for line in lines:
        for c in line:
            if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn"):
                raise ValueError(f"it has the character U+{ord(c):04X}, which cannot be printed")
    address = "\n".join(lines)
    if len(address) > MAX_POSTAL:
        raise ValueError(f"it has {len(address)} characters; there may be {MAX_POSTAL}")
    # Upper and lower case do not always keep their length, so the width is held once more.
    compared = unicodedata.normalize("NFKC", " ".join(lines).replace(",", " ").lower())
    return address, " ".join(compared.split())[:MAX_POSTAL]
