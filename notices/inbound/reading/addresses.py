"""Mail addresses as reports name them: finding them in text, and bringing them into the form that we compare."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.utils import getaddresses

# \w takes letters of every script (RFC 6531). Bounded, so that no text takes long.
_LOCAL = r"[\w!#$%&'*+/=?^`{|}~-](?:[\w!#$%&'*+/=?^`{|}~.-]{0,63})"
_DOMAIN = r"[\w](?:[\w.-]{0,251}[\w])?"
ADDRESS = re.compile(rf"(?<![\w!#$%&*+/?^{{|}}~.-])({_LOCAL}@(?:{_DOMAIN}|\[[\da-fA-F.:]{{3,60}}\]))")
_QUOTED = re.compile(r'"([^"\s@]{1,64})"@')
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_PREFIXES = ("smtp:", "mailto:", "rfc822:", "rfc822;", "im=", "email:", "e-mail:", "to:", "for:", "address:")


def normal(address: str) -> str:
    """The form in which addresses are compared: no brackets, no dot at the end, the domain as IDNA, lower case.

    The local part is folded too: what the standard allows to differ by case, no provider lets differ.
    """
    text = address.strip().strip("<>").strip().rstrip(".,;:").lower()
    local, _, domain = text.rpartition("@")
    if domain and not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return text
        text = f"{local}@{domain}"
    return text


def in_text(text: str) -> list[str]:
    """The addresses in a text, in compared form, in order, each once."""
    text = _QUOTED.sub(r"\1@", text) if '"' in text else text
    found: dict[str, None] = {}
    for match in ADDRESS.finditer(text):
        address = match[1].lower()
        for prefix in _PREFIXES:
            address = address.removeprefix(prefix)
        for variant in (address, address.lstrip("'`=").rstrip("'`")):
            if variant.rpartition("@")[0]:
                found.setdefault(normal(variant))
    return list(found)


def typed(value: str) -> list[str]:
    """The addresses that a field such as `Final-Recipient: rfc822; ana@mail.example` names, the likeliest first.

    Raw, as xtext (RFC 3461, 4) and as unitext (RFC 6533, 3), since servers differ in what they write.
    """
    kind, sep, rest = value.partition(";")
    text = (rest if sep else kind).strip()
    if "dd.rfc-822" in text.lower() or ("rfc822" in text.lower()[:40] and "(a)" in text):  # through X.400
        text = (
            text.replace("(a)", "@").replace("(A)", "@").replace("=", " ").replace("/", " ").replace(";", " ")
        )
    if _UNITEXT.search(text):
        text = _UNITEXT.sub(lambda m: chr(int(m[1], 16)) if int(m[1], 16) < 0x110000 else "", text)
    found = in_text(text)
    if "+" in text:
        found += in_text(_XTEXT.sub(lambda m: chr(int(m[1], 16)), text))
    return list(dict.fromkeys(found))


def in_header(values: Iterable[str]) -> list[str]:
    """The addresses of header fields such as To, in compared form. Comments and display names are no addresses."""
    clipped = [value[:4000] for value in values]
    try:
        parsed = getaddresses(clipped)
    except (ValueError, IndexError, RecursionError):
        return in_text(" ".join(clipped))
    return [normal(address) for _, address in parsed if "@" in address]


def only_in_header(values: Iterable[str]) -> str:
    """The address of the one mailbox that the field names, or "" where it names none or several."""
    found = in_header(values)
    return found[0] if len(found) == 1 else ""
