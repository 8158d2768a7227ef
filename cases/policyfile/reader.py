"""From the text of a policies file to its values, or to all its mistakes."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection
from pathlib import Path as FilePath

from cases.policyfile.checking import CHANNELS, Checker
from cases.policyfile.locator import Path, dotted, line_of, locate
from cases.policyfile.mistakes import Mistake, PolicyFileError
from cases.policyfile.nodes import Node
from cases.policyfile.specs import PolicyFile

_TOML_PLACE = re.compile(r" \((?:at line (\d+), column (\d+)|at end of document)\)$")


def read_policies(path: str | os.PathLike[str], *, channels: Collection[str] = CHANNELS) -> PolicyFile:
    """Read a policies file; see `parse_policies`. Mistakes name the file as `path` does."""
    try:
        data = FilePath(path).read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise PolicyFileError([Mistake(os.fspath(path), 0, "", message)]) from error
    return parse_policies(data, file=os.fspath(path), channels=channels)


def parse_policies(
    data: str | bytes, *, file: str = "policies.toml", channels: Collection[str] = CHANNELS
) -> PolicyFile:
    """Parse and check a policies file.

    Args:
        data: TOML; bytes are UTF-8, a byte order mark is let pass.
        file: its name in mistakes.
        channels: those that a rung may name.
    Raises:
        PolicyFileError: with every mistake that there is.
    """
    text = (
        (_decoded(file, data) if isinstance(data, bytes) else data)
        .removeprefix("\ufeff")
        .replace("\r\n", "\n")
    )
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number that Python finds too long
        raise PolicyFileError([_syntax(file, text, str(error))]) from error
    lines = locate(text)
    mistakes: list[Mistake] = []

    def report(path: Path, message: str) -> None:
        mistakes.append(Mistake(file, line_of(lines, path), dotted(path), message))

    found = Checker(channels).file(Node(document, (), report))
    if mistakes:
        raise PolicyFileError(mistakes)
    return found


def _decoded(file: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PolicyFileError([Mistake(file, line, "", "is not UTF-8 text")]) from error


def _syntax(file: str, text: str, message: str) -> Mistake:
    """What `tomllib` says, at the line that it names."""
    match = _TOML_PLACE.search(message)
    line = len(text.splitlines())
    if match:
        message = message[: match.start()]
        if match[1]:
            line = int(match[1])
            message += f" (column {match[2]})"
    return Mistake(file, line, "", f"is not TOML: {message}")
