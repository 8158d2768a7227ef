"""`manage.py erase`: an account is forgotten, its case and the facts stay, and there is a record that it happened."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from cases.actions import appeals, closing, disputes
from cases.actions.erasing import NotToBeErased, erase
from cases.answers import answer, find, notices_of
from cases.models import Account, Case, ContactPoint, Erasure, Flag, RejectedRow, Step, Transition, Wave
from cases.refusals import ReasonNeeded
from notices.ledger.payloads import unpack
from notices.models import Delivery, EvidencePayload
from tests.people import SYSTEM, ago, mona, open_case, served, staff, warned

pytestmark = pytest.mark.django_db

SECRETS = ("u-77", "ana@mail.example", "Ana Kovač", "48,211", "48211", "I never sold")


def closed() -> Step:
    """A warning that was served, appealed and withdrawn; its case is closed."""
    step = served(account="u-77")
    Delivery.objects.update(state="accepted")
    appeal = appeals.file_appeal(step.pk, statement="I never sold anything", at=ago(5))
    appeals.uphold(appeal.pk, reviewer=staff("mikael"), reason="u-77 did sell", at=ago(4))
    closing.close_as_complied(step.case_id, actor=mona(), reason="u-77 promised to stop", at=ago(3))
    wave = Wave.objects.create(started_by="test")
    RejectedRow.objects.create(
        wave=wave, line=2, raw="r9,u-77,Ana@mail.example,broken", reasons=["u-77 is broken"]
    )
    RejectedRow.objects.create(
        wave=wave, line=3, raw="r9,u-771,joana@mail.example.org,broken", reasons=["broken"]
    )
    return step


def run(*args: str, **options: object) -> str:
    out = io.StringIO()
    call_command("erase", *args, stdout=out, **options)
    return out.getvalue()


def dump() -> str:
    """Every row of every table of ours, as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^(cases|notices)_'"
        )
        tables = [name for (name,) in cursor.fetchall()]
        text = ""
        for table in tables:
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t")
            text += "\n".join(row for (row,) in cursor.fetchall())
    bodies = EvidencePayload.objects.values_list("body", flat=True)
    return text + "\n".join(unpack(bytes(body)).decode() for body in bodies)


def test_by_itself_it_says_what_would_go_and_changes_nothing():
    step = closed()
    before = dump()
    said = run("u-77")
    assert "Would erase of u-77: 1 payloads" in said
    assert "1 known addresses, 1 flags, 1 reasons of steps" in said
    assert "1 appeals, 1 names, 1 rejected rows" in said
    assert "Nothing was changed" in said
    assert dump() == before
    assert step.case.account.external_id == "u-77"


def test_the_account_is_forgotten_everywhere_and_its_case_stays():
    step = closed()
    history = list(Transition.objects.order_by("pk").values_list("old", "new", "at"))
    assert "Erased: " in run("u-77", "--yes", "--reason", "request of 3 May")
    text = dump()
    assert [
        secret for secret in SECRETS if secret in text.replace("r9,u-771,joana@mail.example.org", "")
    ] == []
    assert "joana@mail.example.org" in text
    account = Account.objects.get()
    assert account.external_id == f"erased-{account.pk}"
    assert list(Transition.objects.order_by("pk").values_list("old", "new", "at")) == history
    assert Case.objects.get().state == "closed"
    record = Erasure.objects.get()
    assert (record.reason, record.actor_label) == ("request of 3 May", "system:erase")
    assert record.counts["payloads"] == 1
    assert [notice.pk for notice in notices_of(account)] == [step.notice_id]


def test_what_is_left_can_still_be_asked_about():
    step = closed()
    run("u-77", "--yes", "--reason", "request of 3 May")
    name = f"erased-{step.case.account_id}"
    (found,) = answer(find(name), now=datetime.now(UTC))
    assert found.history.standing.grade == 2
    assert found.history.erased_at is not None
    out, data = io.StringIO(), io.StringIO()
    call_command("verdict", name, stdout=out, no_color=True)
    assert "erased        text, addresses and payloads, on" in out.getvalue()
    assert "email to (erased): accepted" in out.getvalue()
    call_command("verdict", step.case.number, json=True, stdout=data)
    assert json.loads(data.getvalue())["notices"][0]["erased_at"]


def test_erasing_twice_is_no_trouble():
    closed()
    run("u-77", "--yes", "--reason", "request")
    account = Account.objects.get()
    assert run(account.external_id, "--yes", "--reason", "request") == "Nothing is left to erase.\n"
    assert Erasure.objects.count() == 1


def contested_by_appeal() -> None:
    appeals.file_appeal(served(account="u-77").pk, statement="No", at=ago(1))


def contested_by_dispute() -> None:
    disputes.open_dispute(served(account="u-77").pk, actor=SYSTEM, statement="Never came", at=ago(1))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: served(account="u-77"), r"Case C-\d+ is warned"),
        (contested_by_appeal, r"Appeal A-\d+ is open"),
        (contested_by_dispute, r"Dispute Q-\d+ is open"),
    ],
    ids=["open case", "appeal", "dispute"],
)
def test_it_is_refused_while_somebody_needs_what_would_go_unless_forced(make, why):
    make()
    Delivery.objects.update(state="accepted")
    with pytest.raises(CommandError, match=why):
        run("u-77", "--yes", "--reason", "request")
    assert "Ana Kovač" in dump()
    assert "Erased" in run("u-77", "--yes", "--reason", "order of the court", "--force")
    assert "Ana Kovač" not in dump()


def test_what_is_still_to_be_sent_cannot_be_erased_even_by_force():
    warned(account="u-77")
    with pytest.raises(CommandError, match="still to be sent"):
        run("u-77", "--yes", "--reason", "request", "--force")


def test_it_asks_for_a_reason_and_for_somebody_who_exists():
    step = closed()
    with pytest.raises(ReasonNeeded):
        erase(step.case.account_id, actor=mona(), reason=" ", at=ago(0))
    with pytest.raises(CommandError, match="Say on what ground"):
        run("u-77", "--yes")
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        run("u-77", "--yes", "--by", "nobody")
    with pytest.raises(CommandError, match="Nothing is known of 'u-99'"):
        run("u-99")
    assert "Erased" in run("u-77", "--yes", "--reason", "request", "--by", "mona")
    assert Erasure.objects.get().actor_label == "user:mona"


BLANK = {
    "contact points": "UPDATE cases_contactpoint SET address = '', canonical = '', changed_by_label = ''",
    "steps": "UPDATE cases_step SET reason = 'erased'",
    "transitions": "UPDATE cases_transition SET reason = 'erased'",
}


def refused(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # a table with pending checks cannot be truncated at all
        with pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute(sql)


@pytest.mark.parametrize("table", BLANK)
def test_nothing_is_blanked_without_a_record_that_says_so(table):
    closed()
    refused(BLANK[table])


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE cases_step SET reason = 'something else'",
        "UPDATE cases_step SET reason = 'erased', decided_at = now()",
        "UPDATE cases_transition SET reason = 'erased', new = 'warned'",
        "UPDATE cases_transition SET reason = 'another'",
        "UPDATE cases_contactpoint SET address = 'x@evil.example', canonical = 'x@evil.example'",
        "UPDATE cases_contactpoint SET address = '', canonical = '', changed_by_label = '', valid_from = now()",
        "UPDATE cases_erasure SET reason = 'none'",
        "DELETE FROM cases_erasure",
        "TRUNCATE cases_erasure CASCADE",
    ],
)
def test_once_it_is_on_record_there_is_still_no_other_change_and_nothing_comes_back(attack):
    step = closed()
    erase(step.case.account_id, actor=mona(), reason="request", at=ago(0))
    refused(attack)


def test_a_failure_on_the_way_leaves_everything_as_it_was(monkeypatch):
    step = closed()
    before = dump()
    monkeypatch.setattr("cases.actions.erasing.erase_notices", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        erase(step.case.account_id, actor=mona(), reason="request", at=ago(0))
    assert dump() == before


def test_a_case_that_was_never_warned_can_be_erased_too():
    case = open_case(account="u-77")
    closing.dismiss(case.pk, actor=mona(), reason="a mistake", at=ago(1))
    erase(case.account_id, actor=mona(), reason="request", at=ago(0))
    assert (Flag.objects.get().reason, Flag.objects.get().evidence) == ("erased", None)
    assert ContactPoint.objects.get().address == ""
    with pytest.raises(NotToBeErased, match="is open"):
        erase(open_case(account="u-78").account_id, actor=mona(), reason="request", at=ago(0))
