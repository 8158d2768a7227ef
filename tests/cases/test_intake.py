"""Flags become cases: once each, whatever is imported twice, at once or half-way."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cases.actions import closing
from cases.actions.policies import load_policies
from cases.models import Account, Case, ContactPoint, Flag, RejectedRow, Transition, Wave
from tests.people import POLICIES, SYSTEM, ago, flag, open_case, take_in

HEADER = "reference,external_id,display_name,email,email2,language,timezone,policy,reported_at,reason,evidence".split(
    ","
)
GOOD = ["r1", "u1", "Ana Kovač", "ana@mail.example", "", "sl", "Europe/Ljubljana", "data-selling"]
GOOD += ["2026-05-01T10:00:00+02:00", "Sold 12 records.\nTwice.", '{"records": 12}']


@pytest.fixture
def flags_file(tmp_path: Path) -> Callable[..., Path]:
    load_policies(POLICIES)

    def write(*rows: list[str], name: str = "flags.csv") -> Path:
        path = tmp_path / name
        with (gzip.open if name.endswith(".gz") else open)(path, "wt", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *rows])
        return path

    return write


def row(**changes: str) -> list[str]:
    return [changes.get(name, value) for name, value in zip(HEADER, GOOD, strict=True)]


def run_import(path: Path, **options: object) -> str:
    call_command("import_flags", str(path), source="partner", **options)
    return str(Wave.objects.latest("pk").counts) if Wave.objects.exists() else ""


pytestmark = pytest.mark.django_db(transaction=True)


def test_a_row_becomes_account_address_flag_and_case(flags_file):
    run_import(flags_file(row()))
    case = Case.objects.get()
    point = ContactPoint.objects.get()
    assert (case.state, case.account.external_id, case.account.timezone) == ("open", "u1", "Europe/Ljubljana")
    assert (point.address, point.rank, point.valid_to, point.source) == (
        "ana@mail.example",
        0,
        None,
        "flag:partner",
    )
    assert Flag.objects.get().reason == "Sold 12 records.\nTwice."
    assert Flag.objects.get().evidence == {"records": 12}
    assert Transition.objects.get().actor_label == "system:import_flags"


def test_importing_a_file_twice_opens_nothing_twice(flags_file):
    path = flags_file(row(), row(reference="r2", external_id="u2"))
    run_import(path)
    counts = run_import(path)
    assert "'flags_new': 0" in counts
    assert (
        Flag.objects.count(),
        Case.objects.count(),
        ContactPoint.objects.count(),
        Wave.objects.count(),
    ) == (2, 2, 2, 2)


def test_files_that_overlap_open_each_case_once(flags_file):
    run_import(flags_file(row(), row(reference="r2", external_id="u2"), name="a.csv"))
    run_import(
        flags_file(
            row(reference="r2", external_id="u2"), row(reference="r3", external_id="u3"), name="b.csv.gz"
        )
    )
    assert (Flag.objects.count(), Case.objects.count()) == (3, 3)


def test_a_further_flag_joins_the_open_case(flags_file):
    run_import(flags_file(row(), row(reference="r2")))
    assert Case.objects.get().flags.count() == 2


def test_a_flag_on_another_policy_opens_another_case(flags_file):
    run_import(flags_file(row(), row(reference="r2", policy="spam")))
    assert Case.objects.count() == 2


def test_after_closing_a_new_flag_opens_a_new_case_and_an_old_one_does_not():
    case = open_case(account="u1", reference="old")
    closing.dismiss(case.pk, actor=SYSTEM, reason="unfounded", at=ago(3))
    assert take_in(flag(account="u1", reference="old"))["cases_opened"] == 0
    assert take_in(flag(account="u1", reference="new"))["cases_opened"] == 1


def test_bad_rows_are_kept_whole_with_every_reason_and_the_rest_goes_on(flags_file, tmp_path):
    bad = row(reference="r2", email="not an address", timezone="Europe/Lublana")
    out = tmp_path / "rejects.csv"
    run_import(flags_file(bad, row()), rejects=out)
    kept = RejectedRow.objects.get()
    assert kept.line == 2
    assert "Europe/Lublana" in kept.raw
    assert len(kept.reasons) == 2
    assert Case.objects.count() == 1
    assert "Europe/Lublana" in out.read_text()


def test_a_dry_run_says_what_would_happen_and_keeps_nothing(flags_file, capsys):
    run_import(flags_file(row(), row(reference="")), dry_run=True)
    assert "1 rejected; flags: 1 new" in capsys.readouterr().out
    assert not Case.objects.exists()
    assert not Wave.objects.exists()


def test_an_unknown_policy_is_told_before_anything_is_read(flags_file):
    with pytest.raises(CommandError, match=r"There is no policy 'spamm'\. Loaded: data-selling, spam"):
        run_import(flags_file(row()), policy="spamm")


def test_a_file_that_is_none_is_told_in_a_sentence(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        run_import(tmp_path / "missing.csv")


def test_a_new_address_ends_the_one_before_and_keeps_it():
    take_in(flag(account="u1", emails=["old@mail.example"], reported_at=ago(20)))
    take_in(flag(account="u1", emails=["new@mail.example"], reported_at=ago(10)))
    take_in(flag(account="u1", emails=["NEW@mail.example"], reported_at=ago(5)))  # the same, spelt otherwise
    old, new = ContactPoint.objects.order_by("valid_from")
    assert (old.address, old.valid_to) == ("old@mail.example", new.valid_from)
    assert (new.address, new.valid_to) == ("new@mail.example", None)


def test_reports_out_of_order_give_the_same_addresses():
    for days in (10, 20, 15):
        take_in(flag(account="u1", emails=[f"of{days}@mail.example"], reported_at=ago(days)))
    points = list(ContactPoint.objects.order_by("valid_from"))
    assert [p.address for p in points] == ["of20@mail.example", "of15@mail.example", "of10@mail.example"]
    assert [p.valid_to for p in points] == [points[1].valid_from, points[2].valid_from, None]


def test_two_addresses_are_two_ranks_and_none_is_none():
    take_in(flag(account="two", emails=["a@mail.example", "b@mail.example"]), flag(account="none", emails=[]))
    ranks = dict(ContactPoint.objects.filter(account__external_id="two").values_list("rank", "address"))
    assert ranks == {0: "a@mail.example", 1: "b@mail.example"}
    assert not ContactPoint.objects.filter(account__external_id="none").exists()


def test_a_newer_report_describes_the_account_better_than_an_older_one():
    take_in(flag(account="u1", name="New", language="de", reported_at=ago(5)))
    take_in(flag(account="u1", name="Old", language="fr", reported_at=ago(9)))
    take_in(flag(account="u1", name="Newest", language="", reported_at=ago(1)))
    account = Account.objects.get()
    assert (account.display_name, account.language) == ("Newest", "de")


def test_the_same_flags_in_many_processes_at_once_open_nothing_twice():
    load_policies(POLICIES)
    rows = [
        flag(account=f"u{n % 40}", reference=f"r{n}", reported_at=ago() + timedelta(seconds=n))
        for n in range(60)
    ]

    def one(shuffle: int) -> None:
        try:
            take_in(*rows[shuffle:], *rows[:shuffle], at=datetime.now(UTC))
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=4) as people:
        list(people.map(one, (0, 10, 20, 30)))
    assert (Flag.objects.count(), Case.objects.count(), Account.objects.count()) == (60, 40, 40)
    assert Transition.objects.filter(new="open").count() == 40
