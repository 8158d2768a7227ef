from __future__ import annotations

import csv
import gzip
import json
import tracemalloc
import unicodedata
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cases.reading import FlagRow, RejectedRow, read_flags
from demo.people import COLUMNS, DOMAINS, Expected, accounts, iter_flags, write_flags
from demo.people.accounts import Flags
from demo.people.cultures import CULTURES
from demo.world import address_key, domain_of

POLICIES = {"data-selling", "fake-engagement"}


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    path = tmp_path_factory.mktemp("flags") / "flags.csv"
    return path, write_flags(path)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


def _read(path: Path) -> tuple[list[FlagRow], list[RejectedRow]]:
    """What the product's own reader makes of a file."""
    now = datetime(2026, 12, 1, tzinfo=UTC)
    rows = list(read_flags(path, source="", policies=POLICIES, now=now))
    return [r for r in rows if isinstance(r, FlagRow)], [r for r in rows if isinstance(r, RejectedRow)]


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl", "f.csv.gz", "f.jsonl.gz"])
def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    (tmp_path / "again").mkdir()

    first = write_flags(tmp_path / name, accounts=300, seed=3)
    second = write_flags(tmp_path / "again" / name, accounts=300, seed=3)
    other = write_flags(tmp_path / f"other-{name}", accounts=300, seed=4)

    assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert (tmp_path / name).read_bytes() != (tmp_path / f"other-{name}").read_bytes()
    assert first == second != other


def test_all_forms_hold_the_same_flags(tmp_path: Path) -> None:
    for name in ("f.csv", "f.jsonl", "f.csv.gz", "f.jsonl.gz"):
        write_flags(tmp_path / name, accounts=500)

    assert gzip.decompress((tmp_path / "f.csv.gz").read_bytes()) == (tmp_path / "f.csv").read_bytes()
    assert gzip.decompress((tmp_path / "f.jsonl.gz").read_bytes()) == (tmp_path / "f.jsonl").read_bytes()
    facts = [
        [
            (row.source, row.reference, row.emails, row.reason, json.loads(row.evidence or "null"))
            for row in good
        ]
        for good in (_read(tmp_path / "f.csv")[0], _read(tmp_path / "f.jsonl")[0])
    ]
    assert facts[0] == facts[1]


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"flags\.xlsx is neither"):
        write_flags(tmp_path / "flags.xlsx")


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl"])
def test_an_importer_finds_what_is_expected(tmp_path: Path, name: str) -> None:
    expected = write_flags(tmp_path / name, accounts=4000, seed=11)

    good, bad = _read(tmp_path / name)

    assert (len(good), len(bad), len(good) + len(bad)) == (expected.good, expected.bad, expected.rows)
    assert (
        len({(row.source, row.reference) for row in good})
        == expected.flags
        == expected.good - expected.duplicates
    )
    assert len({row.external_id for row in good}) == expected.accounts == 4000
    cases = {(row.external_id, row.policy) for row in good}
    assert Counter(policy for _, policy in cases) == expected.cases
    assert expected.joined == expected.flags - len(cases)


def test_addresses_are_as_expected_after_the_whole_file(tmp_path: Path) -> None:
    expected = write_flags(tmp_path / "f.csv", accounts=4000, seed=11)
    addresses: dict[str, str] = {}
    changed = set()
    for row in _read(tmp_path / "f.csv")[0]:
        if row.emails:
            now = address_key(row.emails[0][0])
            if addresses.setdefault(row.external_id, now) != now:
                changed.add(row.external_id)
            addresses[row.external_id] = now

    assert len(addresses) == expected.accounts - expected.without_address
    assert len(changed) == expected.with_changed_address
    kinds = Counter[str]()
    for address in addresses.values():
        domain = domain_of(address)
        kinds[domain.fate if domain.fate in ("quarantine", "discarded") else domain.behaviour] += 1
    assert kinds == +expected.behaviours


def test_expectations_lie_beside_the_file(tmp_path: Path) -> None:
    expected = write_flags(tmp_path / "f.jsonl.gz", accounts=200)

    assert Expected.read(tmp_path / "f.jsonl.gz.expected.json") == expected


def test_ten_thousand_accounts_are_as_many_as_promised(ten_thousand: tuple[Path, Expected]) -> None:
    path, expected = ten_thousand

    assert len(_rows(path)) == expected.rows
    assert expected.accounts == 10_000
    assert 10_350 < expected.rows < 10_600
    assert 0.008 < expected.bad / expected.rows < 0.013
    assert 0.02 < expected.cases["fake-engagement"] / expected.rows < 0.04
    for some in (
        expected.duplicates,
        expected.joined,
        expected.with_two_addresses,
        expected.without_address,
        expected.with_changed_address,
        expected.sharing_an_address,
    ):
        assert some > 20


def test_every_fault_and_every_behaviour_occurs(ten_thousand: tuple[Path, Expected]) -> None:
    _, expected = ten_thousand

    assert len(expected.bad_by_reason) == 15
    assert sum(expected.bad_by_reason.values()) > expected.bad  # some rows have two faults
    assert set(expected.behaviours) == set(expected.examples)
    assert {domain.behaviour for domain in DOMAINS.values()} <= set(expected.behaviours)


def test_addresses_fall_on_the_domains_by_their_shares(ten_thousand: tuple[Path, Expected]) -> None:
    path, expected = ten_thousand
    found = Counter(domain_of(row["email"]).name for row in _rows(path) if "@" in (row["email"] or ""))

    assert 0.60 < (expected.behaviours["relay"] + expected.behaviours["quarantine"]) / 10_000 < 0.64
    for name, domain in DOMAINS.items():
        assert abs(found[name] / 10_000 - domain.share / 100) < 0.01, name


def test_examples_behave_as_they_are_listed(ten_thousand: tuple[Path, Expected]) -> None:
    path, expected = ten_thousand
    rows: dict[str, list[dict[str, str]]] = {}
    for row in _rows(path):
        rows.setdefault(row["external_id"], []).append(row)

    for behaviour, examples in expected.examples.items():
        for external_id in examples:
            [row] = rows[external_id]
            domain = domain_of(row["email"])
            assert behaviour in (domain.behaviour, domain.fate)


def test_people_are_of_many_kinds(ten_thousand: tuple[Path, Expected]) -> None:
    rows = _rows(ten_thousand[0])
    names = "".join(row["display_name"] for row in rows)
    letters = Counter(unicodedata.name(char, "").split()[0] for char in names if char.isalpha())

    scripts = "LATIN CYRILLIC ARABIC HEBREW CJK HANGUL HIRAGANA KATAKANA GREEK DEVANAGARI".split()
    assert all(letters[script] > 10 for script in scripts), letters
    assert len({row["language"] for row in rows}) > 60
    assert {"pt-BR", "fr", "ja", "de-AT", "ar-EG", "es-MX"} <= {row["language"] for row in rows}
    assert any("\n" in (row["reason"] or "") for row in rows)
    assert any(not row["email"].partition("@")[0].isascii() for row in rows)
    assert any("🌻" in row["display_name"] for row in rows)
    zones = {row["timezone"] for row in rows}
    assert {"Asia/Kolkata", "America/St_Johns", "Asia/Kathmandu", "Australia/Eucla"} <= zones


def test_every_zone_exists() -> None:
    assert all(ZoneInfo(zone) for culture in CULTURES for zone in culture.zones)


def test_nothing_could_reach_anybody(ten_thousand: tuple[Path, Expected]) -> None:
    ends = {
        row[column].rpartition(".")[2].lower()
        for row in _rows(ten_thousand[0])
        for column in ("email", "email2")
        if "@" in (row[column] or "") and not row[column].endswith("@")
    }

    assert ends == {"example", "test"}


def test_a_file_of_so_many_rows(tmp_path: Path) -> None:
    expected = write_flags(tmp_path / "f.csv", rows=777)

    assert len(_rows(tmp_path / "f.csv")) == expected.rows == 777


def test_rows_without_a_file_are_those_of_the_file(tmp_path: Path) -> None:
    write_flags(tmp_path / "f.csv", rows=1500, seed=5)

    plain = [row for row in iter_flags(1500, seed=5) if set(row) == set(COLUMNS)]

    assert plain == [row for row in _rows(tmp_path / "f.csv") if None not in row and None not in row.values()]
    assert len(plain) > 1480


def test_memory_stays_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "WINDOW", 50)
    peaks = []
    for count in (500, 500, 4000):  # the first fills what is computed once
        tracemalloc.start()
        for _ in Flags(count, 7):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[2] < 1.5 * peaks[1]
