"""The readable summary of a bundle, as PDF: for a person who has to decide, not for a program."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notices import typesetting
from notices.kinds import Kind, Verdict
from notices.language import direction
from notices.proof import verify
from notices.proof.verify import Contents, Entry
from notices.proof.words import WORDS

_LONG_WORD = re.compile(r"\S{40,}")
# Latin, Greek, Cyrillic, Arabic, punctuation and signs: what our own fonts have. Others depend on the machine.
_OTHER_SCRIPTS = re.compile(
    "[^\\n\u0020-\u052f\u0600-\u06ff\u0750-\u077f\u1e00-\u1fff\u2000-\u22ff\ufb50-\ufdff\ufe70-\ufefe]"
)
_ZERO_WIDTH_SPACE = "\u200b"


@dataclass(frozen=True, slots=True)
class Text:
    """A notice's text as it may be shown: without the holder's personal link."""

    subject: str
    text: str


def summary(
    contents: Contents, text: Text | None, messages: Mapping[str, bytes], *, language: str = "en"
) -> bytes:
    """The PDF.

    Args:
        contents: what the bundle says.
        text: of the notice; None where it was erased.
        messages: the bundle's messages by file name.
        language: of the summary's own words; English where it has none in that language.
    """
    shown = data(contents, text, messages, language)
    return typesetting.pdf("proof/summary.typ", shown, at=contents.made, archival=True)


def data(
    contents: Contents, text: Text | None, messages: Mapping[str, bytes], language: str = "en"
) -> dict[str, Any]:
    """What the template shows: strings, all of them, and lists of strings."""
    language = language if language in WORDS else "en"
    words: Mapping[str, Any] = WORDS[language]
    notice, standing = contents.notice, contents.standing
    about = {"number": notice["number"], "made": _clock(contents.made)}
    return {
        "language": language,
        "labels": words,
        "title": words["title"].format(**about),
        "made": words["made"].format(**about),
        "footer": words["footer"].format(**about),
        "platform": notice["platform"],
        "reference": notice["reference"],
        "verdict": standing.verdict,
        "verdict_words": str(Verdict(standing.verdict).label),
        "grade": standing.grade,
        "served": verify.served_sentence(contents),
        "weakest_link": standing.weakest_link,
        "notice": _notice(contents, words),
        "deliveries": [
            {
                "number": f"D-{one['id']}",
                "channel": one["channel"],
                "address": _breakable(one["address"]) or words["erased"],
                "state": one["state"],
                "at": _handed_over(contents, one["id"]),
            }
            for one in contents.deliveries
        ],
        "message": _message(notice, text, messages),
        "facts": [_fact(entry, words) for entry in contents.entries],
        "proven": [_breakable(said) for said in verify.proven(contents)],
        "not_proven": [_breakable(said) for said in verify.not_proven(contents)],
        "ledger": _ledger(contents, words),
    }


def _handed_over(contents: Contents, delivery: int) -> str:
    """When somebody first took the message; a dash where nobody did."""
    times = [
        entry.at
        for entry in contents.entries
        if entry.delivery == delivery and entry.kind in (Kind.SUBMITTED, Kind.POSTED, Kind.RELAYED)
    ]
    return _clock(min(times), zone=False) if times else "–"


def _notice(contents: Contents, words: Mapping[str, Any]) -> list[list[str]]:
    notice = contents.notice
    account = words["account"].format(recipient=notice["recipient"])
    to = f"{notice['recipient_name']} ({account})" if notice["recipient_name"] else account
    used, asked = notice["language"], notice.get("language_asked") or notice["language"]
    language = used if used == asked else words["language_both"].format(used=used, asked=asked)
    return [
        [words["to"], _breakable(to)],
        [words["kind"], notice["kind"]],
        [words["issued"], _clock(verify.moment(notice["issued_at"], "notice.json"))],
        [words["policy"], _breakable(notice["policy_version"])],
        [words["language"], language],
        [words["rule"], str(contents.rule)],
    ]


def _message(
    notice: Mapping[str, Any], text: Text | None, messages: Mapping[str, bytes]
) -> dict[str, Any] | None:
    if text is None:
        return None
    code = notice["language"].partition("-")[0].lower()
    body = text.text.replace("\r\n", "\n").strip()
    return {
        "language": code if re.fullmatch("[a-z]{2,3}", code) else "en",  # only for hyphens and quotes
        "direction": direction(notice["language"]),
        "subject": _breakable(text.subject),
        "text": _breakable(body),
        "boxes": bool(_OTHER_SCRIPTS.search(text.subject + body)),
        "hashes": [f"{name}  {hashlib.sha256(raw).hexdigest()}" for name, raw in sorted(messages.items())],
    }


def _fact(entry: Entry, words: Mapping[str, Any]) -> dict[str, str]:
    where = words["on"].format(delivery=f"D-{entry.delivery}") if entry.delivery is not None else ""
    source = words["source"].format(
        source=entry.source, where=where, recorded=_clock(entry.recorded), index=f"{entry.index:,}"
    )
    if entry.stamp:
        source += words["stamped"].format(at=_clock(entry.stamp.at))
    what = str(Kind(entry.kind).label) if entry.kind in Kind.values else entry.kind
    said = verify.words(entry)
    return {
        "at": _clock(entry.at, zone=False),
        "number": entry.number,
        "what": what[:1].upper() + what[1:],
        "source": _breakable(source),
        "words": _breakable(said if len(said) <= 400 else said[:399] + "…"),
        "grade": str(entry.grade),
    }


def _ledger(contents: Contents, words: Mapping[str, Any]) -> list[list[str]]:
    head = contents.head
    stamps = sorted(
        {(entry.stamp.at, entry.stamp.authority) for entry in contents.entries if entry.stamp is not None}
    )
    stamped = [[words["stamp"], f"{_clock(at)}, {_breakable(name)}"] for at, name in stamps]
    return [
        [words["log"], _breakable(head.origin)],
        [words["checkpoint"], words["entries"].format(size=f"{head.size:,}")],
        [words["root"], base64.b64encode(head.root).decode(), "mono"],
        [words["key"], contents.key.text, "mono"],
        *(stamped or [[words["stamp"], words["no_stamp"]]]),
    ]


def _clock(at: datetime, *, zone: bool = True) -> str:
    return f"{at:%Y-%m-%d}\N{NO-BREAK SPACE}{at:%H:%M:%S}" + ("\N{NO-BREAK SPACE}UTC" if zone else "")


def _breakable(text: str) -> str:
    """Text of others, safe to show, whose longest words may break anywhere: an address can have 400 characters."""
    return _LONG_WORD.sub(lambda word: _ZERO_WIDTH_SPACE.join(word[0]), verify.shown(text))
