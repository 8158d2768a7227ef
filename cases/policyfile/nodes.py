"""A value of a TOML document that knows its path, and the checks that it may have to pass.

A check gives the value, or reports the mistake and gives nothing: so that one reading finds every mistake.
What is missing has a node too, of which nothing more is reported.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from typing import Any, Protocol

from cases.policyfile.locator import Path
from notices.language import canonical

MAX_SLUG = 100

_MISSING = object()
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_OR_BREAK = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Report(Protocol):
    def __call__(self, path: Path, message: str) -> None: ...


def shown(value: object) -> str:
    """A value as a mistake shows it: short, and in TOML's words."""
    match value:
        case dict():
            return "a table"
        case list():
            return "an array"
        case bool():
            return str(value).lower()
        case datetime():
            return "a date-time"
        case str():
            return f'"{value[:37]}..."' if len(value) > 40 else f'"{value}"'
        case _:
            return str(value)


def listed(words: Iterable[str]) -> str:
    """Words as a sentence lists them: "a, b or c"."""
    *most, final = words
    return f"{', '.join(most)} or {final}" if most else final


class Node:
    def __init__(self, value: Any, path: Path, report: Report) -> None:
        self.value = value
        self.path = path
        self._report = report

    @property
    def present(self) -> bool:
        return self.value is not _MISSING

    def wrong(self, message: str, *below: str | int) -> None:
        """Report a mistake here, or in what is missing `below`."""
        self._report((*self.path, *below), message)

    def _must(self, form: str) -> None:
        if self.present:
            self.wrong(f"must be {form}, not {shown(self.value)}")

    def table(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Node]:
        """A node for every key that there may be. Missing and unknown keys are reported."""
        known = [*required, *optional]
        entries = self.value if isinstance(self.value, dict) else {}
        if entries is not self.value:
            self._must("a table")
        else:
            for key in [key for key in entries if key not in known]:
                near = get_close_matches(key, known, 1)
                hint = f'did you mean "{near[0]}"?' if near else f"there may be {listed(sorted(known))}"
                self.wrong(f"is not known here; {hint}", key)
            for key in [key for key in required if key not in entries]:
                self.wrong("is missing", key)
        return {key: Node(entries.get(key, _MISSING), (*self.path, key), self._report) for key in known}

    def array(self, what: str) -> list[Node]:
        """Its elements, at least one; none if it is no array or an empty one."""
        if not isinstance(self.value, list):
            self._must(f"an array of {what}")
            return []
        if not self.value:
            self.wrong(f"must have at least one of its {what}")
        return [Node(value, (*self.path, i), self._report) for i, value in enumerate(self.value)]

    def by_language(self) -> dict[str, Node]:
        """The entries of a table whose keys are language tags, by canonical tag."""
        found: dict[str, Node] = {}
        if not isinstance(self.value, dict):
            self._must("a table by language")
            return found
        if not self.value:
            self.wrong("must have a text in at least one language")
        for key, value in self.value.items():
            node = Node(value, (*self.path, key), self._report)
            tag = node._tag(key)
            if tag in found:
                node.wrong(f'is the language "{tag}" a second time')
            elif tag:
                found[tag] = node
        return found

    def language(self) -> str | None:
        """A language tag, in canonical case."""
        if isinstance(self.value, str):
            return self._tag(self.value)
        self._must("a language tag such as de")
        return None

    def _tag(self, tag: str) -> str | None:
        try:
            return canonical(tag)
        except ValueError as error:
            self.wrong(f"must be a language tag (BCP 47) such as de or pt-BR; {shown(tag)} {error}")
        return None

    def slug(self) -> str | None:
        """Small letters and digits in words joined by hyphens."""
        if isinstance(self.value, str) and _SLUG.fullmatch(self.value) and len(self.value) <= MAX_SLUG:
            return self.value
        self._must(f"small letters, digits and single hyphens, {MAX_SLUG} at most")
        return None

    def text(self, most: int, *, lines: bool) -> str | None:
        """Text that is not blank, of at most so many characters; `lines`: it may have several lines."""
        if not isinstance(self.value, str):
            self._must("text")
        elif not self.value.strip():
            self.wrong("is empty")
        elif len(self.value) > most:
            self.wrong(f"has {len(self.value):,} characters; there may be {most:,}")
        elif found := (_CONTROL if lines else _CONTROL_OR_BREAK).search(self.value):
            code = ord(found[0])
            what = (
                "a line break" if code in (10, 13, 0x2028, 0x2029) else f"the control character U+{code:04X}"
            )
            self.wrong(f"has {what}, which may not stand here")
        else:
            return self.value
        return None

    def integer(self, least: int, most: int, what: str) -> int | None:
        """A whole number in a range; `what` says of what."""
        # In Python true is the integer 1; in TOML it is not.
        if type(self.value) is int and least <= self.value <= most:
            return self.value
        span = f"{least} or {most}" if most == least + 1 else f"between {least} and {most}"
        self._must(f"{what} {span}")
        return None

    def choice(self, choices: Collection[str]) -> str | None:
        """One of a few words."""
        if isinstance(self.value, str) and self.value in choices:
            return self.value
        self._must(listed(f'"{choice}"' for choice in choices))
        return None

    def day(self) -> datetime | None:
        """A TOML date, as 00:00 UTC of that day."""
        # A TOML date-time is a date too, to Python.
        if type(self.value) is date:
            return datetime.combine(self.value, time(), UTC)
        self._must("a date without quotes such as 2026-01-31 (from 00:00 UTC)")
        return None
