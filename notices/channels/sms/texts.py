"""The text of an SMS, and how many segments it takes (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

from dataclasses import dataclass

LIMIT = 1_600  # characters; what common gateways take

_ASK = {
    "en": "Read it and answer: {link}",
    "de": "Lesen und antworten: {link}",
    "es": "Léalo y responda: {link}",
    "ar": "اقرأه وأجب: {link}",
}

# TS 23.038, 6.2.1: the default alphabet, and the extension whose characters take two septets.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")


def text_of(platform: str, subject: str, link: str, language: str) -> str:
    """What is sent: who writes, what about, where to read and answer it. At most LIMIT characters.

    Args:
        language: a tag; where we have no words in it, English.
    """
    ask = _ASK.get(language.partition("-")[0].lower(), _ASK["en"]).format(link=link)
    about = " ".join(f"{platform}: {subject}".split())
    room = LIMIT - len(ask) - 2
    if len(about) > room:
        about = about[: room - 1].rstrip() + "…"
    return f"{about} {ask}" if about.endswith((".", "!", "?", "؟", "…")) else f"{about}. {ask}"


@dataclass(frozen=True, slots=True)
class Segments:
    encoding: str  # "GSM-7" or "UCS-2"
    count: int


def segments(text: str) -> Segments:
    """How the text is encoded and into how many messages it is cut; a character is never cut in two."""
    if all(character in _GSM or character in _EXTENDED for character in text):
        return Segments("GSM-7", _packed([2 if c in _EXTENDED else 1 for c in text], 160, 153))
    return Segments("UCS-2", _packed([2 if ord(c) > 0xFFFF else 1 for c in text], 70, 67))


def _packed(sizes: list[int], single: int, each: int) -> int:
    if sum(sizes) <= single:
        return 1
    count, left = 1, each
    for size in sizes:
        if size > left:
            count, left = count + 1, each
        left -= size
    return count
