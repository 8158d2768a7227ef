"""Language tags: their form, the choice among what we have, and the direction they are written in.

A tag is asked of every account and every template, so everything here is pure, and cached.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Literal

MAX_TAG = 35  # RFC 5646, 4.4.1: room for every tag in practical use

# RFC 5646, 2.1. Its grammar leaves room for main subtags of four to eight letters, but none was ever registered:
# what stands there in a file is the language's name ("german"), and is refused.
_LANGTAG = re.compile(
    r"""
    [a-z]{2,3} (?:-[a-z]{3}){0,3}                       # language, extended language
    (?:-[a-z]{4})?                                      # script
    (?:-(?:[a-z]{2}|[0-9]{3}))?                         # region
    (?P<variants> (?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))* )
    (?P<extensions> (?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)* )
    (?:-x(?:-[a-z0-9]{1,8})+)?                          # private use
    """,
    re.VERBOSE | re.ASCII,
)
_PRIVATE = re.compile(r"x(?:-[a-z0-9]{1,8})+", re.ASCII)
_SINGLETON = re.compile(r"-([0-9a-wy-z])(?=-)", re.ASCII)

# Tags that the grammar does not cover and the registry keeps for old times' sake ("irregular"), with what to write
# instead.
_IRREGULAR = {
    "en-gb-oed": "en-GB-oxendict",
    "i-ami": "ami",
    "i-bnn": "bnn",
    "i-default": "i-default",
    "i-enochian": "i-enochian",
    "i-hak": "hak",
    "i-klingon": "tlh",
    "i-lux": "lb",
    "i-mingo": "i-mingo",
    "i-navajo": "nv",
    "i-pwn": "pwn",
    "i-tao": "tao",
    "i-tay": "tay",
    "i-tsu": "tsu",
    "sgn-be-fr": "sfb",
    "sgn-be-nl": "vgt",
    "sgn-ch-de": "sgg",
}
# Two-letter codes that ISO 639 withdrew, still written by older systems.
_RENAMED = {"in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro"}

_RTL_SCRIPT = re.compile("adlm|arab|aran|gara|hebr|mand|mend|nkoo|rohg|samr|syrc|syre|syrj|syrn|thaa|yezi")
# Languages written from right to left where the tag names no script.
_RTL_LANGUAGE = re.compile(
    "aao|acm|acw|acx|adf|aeb|aec|afb|ajp|apc|apd|ar|arc|ars|ary|arz|ayl|azb|bal|bcc|bgn|bqi|ckb|dv|fa|glk|haz|he|khw|"
    "ks|lrc|mzn|nqo|pes|pnb|prs|ps|rhg|sam|sd|sdh|skr|syr|ug|ur|yi|ydd"
)
# Where the region decides on the script.
_RTL_REGIONS = frozenset({"az-ir", "kk-cn", "ku-iq", "ku-ir", "ky-cn", "pa-pk", "tk-af", "uz-af"})


@lru_cache(maxsize=4096)
def canonical(tag: str) -> str:
    """The tag in the form that RFC 5646 (BCP 47) recommends: `pt-br` becomes `pt-BR`, `iw` becomes `he`.

    Raises:
        ValueError: the tag is not well-formed; the message is a clause such as "has an underscore; write de-DE".
    """
    lower = tag.lower()
    if len(tag) > MAX_TAG:
        raise ValueError(f"is longer than {MAX_TAG} characters")
    if lower in _IRREGULAR:
        return _IRREGULAR[lower]
    match = _LANGTAG.fullmatch(lower)
    if match is None:
        if _PRIVATE.fullmatch(lower):
            return lower
        if "_" in tag and _LANGTAG.fullmatch(lower.replace("_", "-")):
            raise ValueError(f'has an underscore; write "{canonical(tag.replace("_", "-"))}"')
        raise ValueError("is not a well-formed language tag")
    for repeated, what in (
        (match["variants"].split("-")[1:], "variant"),
        (_SINGLETON.findall(match["extensions"]), "extension"),
    ):
        if len(repeated) != len(set(repeated)):
            raise ValueError(f"names one {what} twice")
    language, *rest = lower.split("-")
    parts = [_RENAMED.get(language, language)]
    cased = True
    for part in rest:
        cased = cased and len(part) > 1  # what follows a singleton stays in lower case
        if cased and len(part) == 2:
            parts.append(part.upper())
        elif cased and len(part) == 4 and part.isalpha():
            parts.append(part.title())
        else:
            parts.append(part)
    return "-".join(parts)


def choose(asked: str, available: Collection[str], default: str) -> str:
    """The best of `available` for someone who asked for `asked`, by the look-up of RFC 4647, 3.4.

    `de-AT` is given `de`, `zh-Hant-TW` is given `zh-Hant` before `zh`. Nothing wider is guessed: who asked for `de`
    is not given `de-CH`. Case does not matter. An `asked` that is empty or no language tag gets `default`, looked up
    in the same way.

    Returns: a member of `available`, as written there; `default` itself where not even that is available.
    """
    return _choose(asked, frozenset(available), default)


@lru_cache(maxsize=4096)
def _choose(asked: str, available: frozenset[str], default: str) -> str:
    by_tag = {_canonical_or_lower(tag): tag for tag in sorted(available)}
    for wish in (asked, default):
        subtags = _canonical_or_lower(wish).split("-")
        while subtags:
            found = by_tag.get("-".join(subtags))
            if found is not None:
                return found
            subtags.pop()
            if subtags and len(subtags[-1]) == 1:  # a singleton never ends a range
                subtags.pop()
    return default


def _canonical_or_lower(tag: str) -> str:
    """For comparison only; a tag that is not well-formed still equals itself."""
    try:
        return canonical(tag).lower()
    except ValueError:
        return tag.lower()


@lru_cache(maxsize=4096)
def direction(tag: str) -> Literal["ltr", "rtl"]:
    """The direction of a language's writing: of its script where the tag names one, else of its usual script."""
    language, *rest = _canonical_or_lower(tag).split("-")
    for i, part in enumerate(rest):
        if len(part) == 1:
            break
        if len(part) == 4 and part.isalpha():
            return "rtl" if _RTL_SCRIPT.fullmatch(part) else "ltr"
        if i == 0 and _RTL_LANGUAGE.fullmatch(part):  # an extended language: ar-arz, zh-yue
            return "rtl"
        if f"{language}-{part}" in _RTL_REGIONS:
            return "rtl"
    return "rtl" if _RTL_LANGUAGE.fullmatch(language) else "ltr"
