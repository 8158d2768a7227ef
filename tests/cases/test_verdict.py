"""`manage.py verdict`: who is meant, what is answered, as of when."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from cases.actions import steps
from notices import reading, tokens
from notices.models import Evidence
from tests.people import ago, flag, learn, mona, open_case, served, suspended, take_in, warned

pytestmark = pytest.mark.django_db


def ask(who: str, **options: object) -> str:
    out = io.StringIO()
    call_command("verdict", who, stdout=out, no_color=True, **options)
    return out.getvalue()


def data(who: str, **options: object) -> dict[str, object]:
    return json.loads(ask(who, json=True, **options))


def test_every_name_of_the_account_leads_to_the_same_answer():
    step = served(account="u-77", emails=["Ana@Mail.Example"])
    names = [
        "u-77",
        "ana@mail.example",
        step.case.number,
        step.notice.number,
        tokens.reference(step.notice_id),
    ]
    assert len({ask(name) for name in names}) == 1


def test_a_former_address_leads_there_too():
    warned(account="u-77", emails=["old@mail.example"])
    take_in(flag(account="u-77", emails=["new@mail.example"], reported_at=ago(10)))
    assert "u-77" in ask("old@mail.example")


def test_an_address_of_two_accounts_is_ambiguous_and_names_both():
    warned(account="u-1")
    warned(account="u-2")
    with pytest.raises(CommandError, match=r"(?s)Several accounts.*u-1.*u-2") as caught:
        ask("ana@mail.example")
    assert caught.value.returncode == 3


@pytest.mark.parametrize("who", ["nobody", "no@mail.example", "C-999999", "N-999999", "N-1-00000000000000"])
def test_who_is_not_known_is_told_so(who):
    with pytest.raises(CommandError, match="Nothing is known of") as caught:
        ask(who)
    assert caught.value.returncode == 1


def test_an_account_that_was_never_warned():
    assert "It was not warned." in ask(open_case().account.external_id)


def test_one_notice_of_several():
    case = suspended().case
    assert len(data(case.number)["notices"]) == 3
    first = data(case.number)["notices"][0]["notice"]
    assert [n["notice"] for n in data(case.number, notice=first)["notices"]] == [first]
    with pytest.raises(CommandError, match="has no notice N-999999"):
        ask(case.number, notice="N-999999")


def test_proven():
    step = served()
    reading.shown(step.notice, session="s", at=ago(2))
    reading.acknowledged(step.notice, session="s", at=ago(1))
    told = ask(step.notice.number)
    assert "Proven: shown to the signed-in account on" in told
    assert "acknowledged by the account holder" in told
    assert "The time to answer passed on" in told


def test_not_proven_tells_the_weakest_link_and_the_rule():
    told = ask(served(ago(3)).notice.number)
    assert "Not proven: their mail server took it; nothing later shows that it reached the mailbox" in told
    assert "by the rule: evidence of grade 2 or more" in told
    assert "The account has until" in told


def test_disproven_says_that_nothing_may_rest_on_it():
    step = warned(policy="spam")
    learn(step, "refused", step.decided_at + timedelta(minutes=1), reply="550 5.1.1 User unknown")
    told = ask(step.notice.number)
    assert "Disproven: every address refused it or sent it back." in told
    assert "550 5.1.1 User unknown" in told
    assert "The clock has not started" in told


def test_a_suspension_on_a_warning_that_proves_unserved_must_be_lifted():
    step = warned(ago(60), policy="spam")
    learn(step, "delivered", ago(59))
    steps.suspend(step.case_id, actor=mona(), at=ago(10))
    assert "the suspension that followed stands on it" in ask(step.notice.number)
    learn(step, "bounced", ago(1))
    assert "a suspension that rests on it alone must be lifted" in ask(step.notice.number)


def test_as_of_a_past_moment_only_what_was_known_then_counts():
    step = served(ago(20))
    learnt = Evidence.objects.latest("pk").recorded_at
    learn(step, "bounced", ago(1))
    before, after = (data(step.notice.number, at=at.isoformat()) for at in (learnt, ago(-1)))
    assert [n["notices"][0]["grade"] for n in (before, after)] == [2, 0]
    assert data(step.case.number, at=ago(40).isoformat())["notices"] == []


def test_a_time_without_its_zone_is_refused():
    with pytest.raises(CommandError, match="takes a time with its zone"):
        ask(warned().notice.number, at="2026-05-03T12:00:00")
