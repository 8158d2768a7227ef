"""What an importer must find in a file of made-up flags."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path


@dataclass(slots=True)
class Expected:
    """Counts over a whole file. Counted while it is written; nothing is kept of the rows.

    Attributes:
        rows: all data rows; `good` and `bad` are the two sorts of them.
        bad_by_reason: rows by what is wrong with them; a row with two faults counts under both.
        flags: distinct flags (source and reference) among the good rows; the other good rows are `duplicates`.
        joined: flags that join a case opened further up in the file.
        accounts: distinct accounts among the good rows.
        cases: open cases by policy: distinct accounts with a flag under it.
        without_address, with_two_addresses, with_changed_address, sharing_an_address: accounts; the last have the main
            address of another account too.
        behaviours: accounts by what the world does with their main e-mail address, as it is after the whole file: the
            name of a Behaviour, or `quarantine` or `discarded` where the message is taken and never seen.
        examples: external ids of a few accounts by such behaviour, none of which shares or changed its address.
    """

    rows: int = 0
    good: int = 0
    bad: int = 0
    bad_by_reason: Counter[str] = field(default_factory=Counter)
    flags: int = 0
    duplicates: int = 0
    joined: int = 0
    accounts: int = 0
    cases: Counter[str] = field(default_factory=Counter)
    without_address: int = 0
    with_two_addresses: int = 0
    with_changed_address: int = 0
    sharing_an_address: int = 0
    behaviours: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def to_json(self) -> str:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: Path | str) -> Expected:
        """From the file that `write_flags` leaves beside the flags."""
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        for name in ("bad_by_reason", "cases", "behaviours"):
            data[name] = Counter(data[name])
        return cls(**data)
