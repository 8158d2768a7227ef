"""Flags files: CSV or JSON Lines, gzipped if the name says so."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, Any

from demo.people.accounts import Flags
from demo.people.columns import COLUMNS, EVIDENCE, Row
from demo.people.expected import Expected


def write_flags(
    path: Path | str, *, accounts: int = 10_000, seed: int = 7, rows: int | None = None
) -> Expected:
    """Write made-up flags about `accounts` accounts: about 4.5% more rows than that. The same bytes every time.

    `path` ends in .csv, .jsonl, .csv.gz or .jsonl.gz. What an importer must find in it comes back, and is left beside
    it as `<path>.expected.json`. Memory stays flat, whatever the size.

    Args:
        rows: stop after exactly so many data rows, whatever `accounts` says.

    Raises:
        ValueError: the name's ending is none of these.
    """
    path = Path(path)
    name = path.name.removesuffix(".gz")
    writers = {".csv": _write_csv, ".jsonl": _write_json_lines}
    write = next((writers[ending] for ending in writers if name.endswith(ending)), None)
    if write is None:
        raise ValueError(
            f"{path.name} is neither .csv nor .jsonl (nor one of these with .gz): give it such a name."
        )
    flags = Flags(rows if rows is not None else accounts, seed)
    with _opened(path) as out:
        write(out, islice(flags, rows))
    path.with_name(f"{path.name}.expected.json").write_text(flags.expected.to_json(), encoding="utf-8")
    return flags.expected


def iter_flags(n: int, seed: int = 7) -> Iterator[dict[str, str]]:
    """The first `n` rows as dicts by column, mess and all, as a CSV reader would give them; nothing is written.

    A row that is cut short lacks keys; a cell too many comes under the key "".
    """
    names = (*COLUMNS, "")
    for row in islice(Flags(n, seed), n):
        yield dict(zip(names, row, strict=False))


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """Text that keeps line ends as they are, and bytes that are not UTF-8 (as surrogates)."""
    with ExitStack() as stack:
        raw: Any = stack.enter_context(path.open("wb"))
        if path.suffix == ".gz":
            # No name and no time in the header, or the bytes would differ from one run to the next.
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=raw, mtime=0)
            raw = stack.enter_context(packed)
        yield stack.enter_context(TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape", newline=""))


def _write_csv(out: IO[str], rows: Iterable[Row]) -> None:
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(rows)


def _write_json_lines(out: IO[str], rows: Iterable[Row]) -> None:
    out.writelines(_json_line(row) for row in rows)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _json_line(row: Row) -> str:
    """One object; empty cells are left out. Evidence is JSON text already, unless it was spoilt on purpose."""
    cells = {name: cell for name, cell in zip(COLUMNS, row, strict=False) if cell}
    evidence = cells.pop(COLUMNS[EVIDENCE], "")
    line = _encode(cells)
    if evidence:
        line = f'{line[:-1]},"evidence":{evidence if _is_json(evidence) else _encode(evidence)}}}'
    if len(row) > len(COLUMNS):
        line = line[: len(line) // 2]
    return line + "\n"


def _is_json(text: str) -> bool:
    if text.startswith('{"kind":"') and text.endswith("}"):
        return True  # ours, and not worth parsing
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
