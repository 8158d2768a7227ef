"""Names that travel with a notice and must find their way back: VERP, ENVID, Message-ID, reference, link.

Each carries an id and a short MAC under NOTICE_TOKEN_KEY, so that nobody can make one up or count ours. The key is
not Django's SECRET_KEY: a bounce may arrive, and a letter be held up as proof, years after that was rotated.
"""

from __future__ import annotations

import hmac
import re

from django.conf import settings

_MAC_LENGTH = 14  # hexadecimal digits: 56 bits, far more than can be guessed online
_TOKEN = re.compile(rf"([0-9a-z]+)-([0-9a-f]{{{_MAC_LENGTH}}})")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _base36(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text


def _mac(purpose: str, body: str) -> str:
    mac = hmac.digest(settings.NOTICE_TOKEN_KEY.encode(), f"{purpose}:{body}".encode(), "sha256")
    return mac.hex()[:_MAC_LENGTH]


def make(purpose: str, number: int) -> str:
    """A token for `number` (an id, not negative), good for `purpose` only: lower-case letters, digits, one hyphen."""
    body = _base36(number)
    return f"{body}-{_mac(purpose, body)}"


def read(purpose: str, token: str) -> int | None:
    """The id in a token, or None where it is not one of ours. Case does not matter: mail servers fold it."""
    match = _TOKEN.fullmatch(token.lower())
    if not match or not hmac.compare_digest(_mac(purpose, match[1]), match[2]):
        return None
    return int(match[1], 36)


def envid(delivery_id: int) -> str:
    """The envelope id of an attempt (RFC 3461, 4.4)."""
    return make("delivery", delivery_id)


def read_envid(token: str) -> int | None:
    return read("delivery", token)


def verp(delivery_id: int) -> str:
    """The return path of an attempt: every bounce to it names its delivery."""
    return f"bounce+{envid(delivery_id)}@{settings.NOTICE_BOUNCE_DOMAIN}"


def read_verp(address: str) -> int | None:
    """The delivery that a return path of ours names, or None."""
    local, _, domain = address.strip().strip("<>").rpartition("@")
    if domain.lower() != settings.NOTICE_BOUNCE_DOMAIN.lower():
        return None
    prefix, _, token = local.partition("+")
    return read_envid(token) if prefix.lower() == "bounce" else None


def message_id(first_delivery_id: int) -> str:
    """The Message-ID of an attempt and of every attempt that repeats it (RFC 5322, 3.6.4)."""
    return f"<{make('message', first_delivery_id)}@{settings.NOTICE_BOUNCE_DOMAIN}>"


def read_message_id(value: str) -> int | None:
    """The first delivery that a Message-ID of ours names, or None."""
    local, _, domain = value.strip().strip("<>").rpartition("@")
    if domain.lower() != settings.NOTICE_BOUNCE_DOMAIN.lower():
        return None
    return read("message", local)


def link(notice_id: int) -> str:
    """The address at which the account holder reads a notice. It names no person and expires with the notice."""
    return f"{settings.BASE_URL}/n/{make('link', notice_id)}/"


def read_link(token: str) -> int | None:
    return read("link", token)


def reference(notice_id: int) -> str:
    """The reference printed on a notice, for example N-88-4f02c7e19ab35d: ours can be told from made-up ones."""
    return f"N-{notice_id}-{_mac('reference', str(notice_id))}"


def read_reference(value: str) -> int | None:
    """The notice that a printed reference names, or None where its check letters are wrong."""
    match = re.fullmatch(rf"N-(\d{{1,18}})-([0-9a-f]{{{_MAC_LENGTH}}})", value.strip(), re.IGNORECASE)
    if not match or not hmac.compare_digest(_mac("reference", match[1]), match[2].lower()):
        return None
    return int(match[1])
