"""Is this an e-mail address, and when are two the same?

Addresses by RFC 5321 and, with letters beyond ASCII, RFC 6531. Not taken, though the RFCs have them: quoted
local parts ("a b"@example.com), addresses of machines ([192.0.2.1]), domains without a dot. Nobody signs up
with one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import idna

MAX_ADDRESS = 254  # octets: RFC 5321, 4.5.3.1.3, less the angle brackets
MAX_LOCAL = 64  # octets

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_NUMBER = re.compile(r"[0-9]+")


def canonical_email(address: str) -> str:
    """The address in the form in which two are compared: lower case, NFC, the domain as A-labels (RFC 5890).

    Whether case counts in a local part is for its domain to say (RFC 5321, 2.4); in practice it never does.

    Raises:
        ValueError: this is no e-mail address; the message is a clause such as "it has no @".
    """
    local, at, domain = address.rpartition("@")
    if not at:
        raise ValueError("it has no @")
    if len(address) > MAX_ADDRESS:
        raise ValueError(f"it has more than {MAX_ADDRESS} octets")
    if _LOCAL.fullmatch(local):
        if len(local) > MAX_LOCAL:
            raise ValueError(f"it has more than {MAX_LOCAL} octets before the @")
        local = local.lower()
    else:
        local = _international_local(local)
    canonical = f"{local}@{_domain(domain)}"
    if not address.isascii() and max(_octets(address), _octets(canonical)) > MAX_ADDRESS:
        raise ValueError(f"it has more than {MAX_ADDRESS} octets")
    return canonical


def _octets(text: str) -> int:
    return len(text.encode())


def _international_local(local: str) -> str:
    if not local:
        raise ValueError("it has nothing before the @")
    # U+0000 to U+007F follow the grammar of ASCII addresses: let a letter stand in for the others.
    if not _LOCAL.fullmatch("".join(c if c < "\x80" else "x" for c in local)):
        raise ValueError("it has a character before the @ that may not stand there")
    for c in local:
        # No control or format characters, surrogates, unassigned, spaces or separators.
        if c >= "\x80" and unicodedata.category(c)[0] in "CZ":
            raise ValueError(f"it has the character U+{ord(c):04X}, which cannot be seen")
    # Upper and lower case do not always keep normal form, so it comes last.
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    if _octets(local) > MAX_LOCAL:
        raise ValueError(f"it has more than {MAX_LOCAL} octets before the @")
    return local


@lru_cache(maxsize=65_536)
def _domain(domain: str) -> str:
    if not domain.isascii() or "xn--" in domain.lower():
        try:
            # UTS 46 maps what keyboards give (upper case, full-width letters, ideographic stops).
            domain = idna.encode(domain, uts46=True, std3_rules=True).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError("its domain is not a valid internationalised name") from error
    if "." not in domain:
        raise ValueError("its domain has no dot")
    if not _DOMAIN.fullmatch(domain) or len(domain) > MAX_ADDRESS - 2:
        raise ValueError("its domain is not a host name")
    if _NUMBER.fullmatch(domain.rpartition(".")[2]):
        raise ValueError("its domain ends in a number")
    return domain.lower()
