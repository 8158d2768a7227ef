"""The rules that PostgreSQL holds, attacked by ORM, by QuerySet.update() and by raw SQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from cases.actions import appeals, disputes, exemptions, steps
from cases.models import (
    Appeal,
    Case,
    Dispute,
    Exemption,
    Flag,
    Ladder,
    PolicyVersion,
    Proposal,
    Rung,
    Step,
    Transition,
)
from cases.refusals import HeldByDatabase, Refused
from notices.models import Delivery, Evidence, EvidencePayload, Notice, TemplateVersion
from tests.people import (
    SYSTEM,
    ago,
    flag,
    learn,
    mikael,
    open_case,
    served,
    staff,
    suspended,
    take_in,
    warned,
)

pytestmark = pytest.mark.django_db


def sql(statement: str, *params: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # what foreign keys still have to check comes before the attack
        cursor.execute(statement, params)


def refused_by(rule: str, attack: Callable[[], object]) -> None:
    """The attack fails, and the error names the rule."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        attack()
    assert caught.value.__cause__.diag.constraint_name == rule


# --- 1. What is appended stays ---------------------------------------------------------------------------------------

APPEND_ONLY = [Evidence, EvidencePayload, Transition, TemplateVersion, PolicyVersion, Ladder, Rung]


@pytest.mark.parametrize("model", APPEND_ONLY)
def test_append_only_rows_refuse_every_change(model):
    learn(warned(), "relayed", ago(29))
    row = model.objects.latest("pk")
    table, key = model._meta.db_table, model._meta.pk.column
    refused_by("append_only", row.save)
    refused_by("append_only", lambda: model.objects.filter(pk=row.pk).update(**{key: F(key)}))
    refused_by("append_only", lambda: sql(f"UPDATE {table} SET {key} = {key} WHERE {key} = %s", row.pk))
    refused_by("append_only", lambda: sql(f"DELETE FROM {table} WHERE {key} = %s", row.pk))
    refused_by("append_only", lambda: sql(f"TRUNCATE {table} CASCADE"))


@pytest.mark.parametrize("model", [Notice, Delivery, Step, Case, Appeal, Dispute])
def test_what_rests_on_evidence_cannot_be_deleted(model):
    step = served()
    appeals.file_appeal(step.pk, statement="I did not do it.", at=ago(1))
    disputes.open_dispute(step.pk, actor=SYSTEM, statement="Nothing came.", at=ago(1))
    row = model.objects.latest("pk")
    refused_by("append_only", lambda: sql(f"DELETE FROM {model._meta.db_table} WHERE id = %s", row.pk))
    refused_by("append_only", lambda: sql(f"TRUNCATE {model._meta.db_table} CASCADE"))


@pytest.mark.parametrize(
    ("model", "column"),
    [
        (Notice, "content"),
        (Notice, "service_rule"),
        (Notice, "issued_at"),
        (Delivery, "address"),
        (Step, "reason"),
    ],
)
def test_what_was_sent_and_decided_is_frozen(model, column):
    served()
    row = model.objects.latest("pk")
    refused_by("frozen", lambda: model.objects.filter(pk=row.pk).update(**{column: getattr(row, column)}))
    refused_by(
        "frozen", lambda: sql(f"UPDATE {model._meta.db_table} SET {column} = {column} WHERE id = %s", row.pk)
    )


def test_no_setting_of_the_session_opens_the_rules():
    learn(warned(), "relayed", ago(29))
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(tgname) FROM pg_trigger WHERE tgname LIKE 'pgtrigger%%'")
        names = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('pgtrigger.ignore', %s, false)", ["{" + ",".join(names) + "}"])
    refused_by("append_only", lambda: sql("DELETE FROM notices_evidence"))


# --- 2. No suspension without a served warning ----------------------------------------------------------------------


def suspend_in_sql(case_id: int) -> None:
    """The strongest attack: history forged as well, so that only the suspension rule stands in the way."""
    old = Case.objects.get(pk=case_id).state
    sql(
        "INSERT INTO cases_transition (case_id, old, new, actor_label, reason, at) "
        "VALUES (%s, %s, 'suspended', 'user:mallory', 'because', now())",
        case_id,
        old,
    )
    sql("UPDATE cases_case SET state = 'suspended' WHERE id = %s", case_id)


def attacks(case: Case) -> list[Callable[[], object]]:
    old = case.state

    def by_orm() -> None:
        Transition.objects.create(
            case=case, old=old, new="suspended", actor_label="user:mallory", reason="because", at=ago()
        )
        case.state = "suspended"
        case.save(update_fields=["state"])

    def by_update() -> None:
        Transition.objects.create(
            case=case, old=old, new="suspended", actor_label="user:mallory", reason="because", at=ago()
        )
        Case.objects.filter(pk=case.pk).update(state="suspended")

    return [by_orm, by_update, lambda: suspend_in_sql(case.pk)]


def no_suspension(case: Case) -> None:
    for attack in attacks(Case.objects.get(pk=case.pk)):
        refused_by("suspension_needs_served_warning", attack)
    assert Case.objects.get(pk=case.pk).state != "suspended"


def test_never_warned_never_suspended():
    no_suspension(open_case())


def test_a_warning_of_which_nothing_is_known_carries_no_suspension():
    no_suspension(warned().case)


def test_a_warning_that_bounced_carries_no_suspension():
    step = served()
    learn(step, "bounced", ago(20))
    no_suspension(step.case)


def test_no_suspension_before_the_deadline():
    no_suspension(served(ago(5)).case)


def test_no_suspension_on_an_overturned_warning():
    step = served()
    Step.objects.filter(pk=step.pk).update(overturned_at=ago(1))
    no_suspension(step.case)


def test_no_suspension_while_an_appeal_is_open():
    step = served()
    appeals.file_appeal(step.pk, statement="I did not do it.", at=ago(1))
    no_suspension(step.case)


def test_no_suspension_while_a_dispute_is_open():
    step = served()
    disputes.open_dispute(step.pk, actor=SYSTEM, statement="Nothing came.", at=ago(1))
    no_suspension(step.case)


def test_another_case_s_warning_does_not_count():
    served(account="same")
    no_suspension(open_case(account="same", policy="spam"))


def test_the_deferred_door_is_shut_too():
    case = warned().case

    def attack() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            Transition.objects.create(
                case=case,
                old="warned",
                new="suspended",
                actor_label="user:mallory",
                reason="because",
                at=ago(),
            )
            cursor.execute("UPDATE cases_case SET state = 'suspended' WHERE id = %s", [case.pk])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as COMMIT does

    refused_by("suspension_needs_served_warning", attack)


def test_a_served_warning_whose_time_has_passed_carries_a_suspension():
    suspend_in_sql(served().case_id)


def test_a_forged_date_of_service_is_refused():
    step = warned()
    refused_by("clock_follows_service", lambda: Step.objects.filter(pk=step.pk).update(served_at=ago(20)))
    refused_by(
        "served_needs_evidence",
        lambda: sql("UPDATE notices_notice SET served_at = now() WHERE id = %s", step.notice_id),
    )


def test_a_shortened_deadline_is_refused():
    step = served(ago(5))
    short = step.served_at + timedelta(days=1)
    refused_by("clock_follows_service", lambda: Step.objects.filter(pk=step.pk).update(deadline_at=short))


def ask_exemption(case: Case, **changes: object) -> Exemption:
    values = {
        "ground": "imminent_harm",
        "reason": "Threats to a person.",
        "expires_at": ago(-7),
        "at": ago(1),
    }
    return exemptions.ask(case.pk, author=staff("mona"), **{**values, **changes})  # type: ignore[arg-type]


def test_an_exemption_carries_a_suspension_only_once_approved():
    case = open_case()
    exemption = ask_exemption(case)
    no_suspension(case)
    exemptions.approve(exemption.pk, approver=staff("mikael"), at=ago())
    suspend_in_sql(case.pk)


def test_nobody_approves_their_own_exemption():
    exemption = ask_exemption(open_case())
    with pytest.raises(HeldByDatabase, match="other than its author"):
        exemptions.approve(exemption.pk, approver=staff("mona"), at=ago())
    refused_by(
        "exemption_approver_is_another",
        lambda: sql("UPDATE cases_exemption SET approver_id = author_id, approved_at = now()"),
    )


def test_an_exemption_needs_a_reason():
    with pytest.raises(HeldByDatabase, match="needs a reason"):
        ask_exemption(open_case(), reason="  ")


def test_an_exemption_that_expired_carries_nothing():
    case = open_case()
    exemption = ask_exemption(case, expires_at=ago(hours=1))
    exemptions.approve(exemption.pk, approver=staff("mikael"), at=ago(hours=2))
    no_suspension(case)


# --- 3. One of each --------------------------------------------------------------------------------------------------


def test_one_open_case_per_account_and_policy():
    case = open_case()
    refused_by(
        "one_open_case_per_policy",
        lambda: Case.objects.create(
            account=case.account, policy=case.policy, ladder=case.ladder, opened_at=ago()
        ),
    )


def test_one_step_per_rung():
    step = warned()
    notice = Notice.objects.get(pk=step.notice_id)
    notice.pk = None
    notice.save()  # a second one, so that nothing but the rung stands in the way
    refused_by(
        "one_step_per_rung",
        lambda: sql(
            "INSERT INTO cases_step (case_id, rung_id, policy_version_id, notice_id, decided_at, actor_label, reason, "
            "automated, deadline_handled) SELECT case_id, rung_id, policy_version_id, %s, now(), 'x', 'x', "
            "false, false FROM cases_step WHERE id = %s",
            notice.pk,
            step.pk,
        ),
    )


def test_one_live_delivery_per_address():
    delivery = Delivery.objects.filter(notice=warned().notice, channel="email").get()
    copy = {f.name: getattr(delivery, f.name) for f in Delivery._meta.fields if f.name != "id"}
    refused_by("one_live_delivery", lambda: Delivery.objects.create(**copy))


def test_one_evidence_row_per_key():
    learn(warned(), "relayed", ago(29))
    fact = Evidence.objects.latest("pk")
    copy = {f.name: getattr(fact, f.name) for f in Evidence._meta.fields if f.name != "id"}
    with pytest.raises(IntegrityError, match="duplicate key"), transaction.atomic():
        Evidence.objects.create(**copy)


def test_one_flag_per_source_and_reference():
    take_in(flag(reference="same"))
    first = Flag.objects.get(reference="same")
    copy = {f.name: getattr(first, f.name) for f in Flag._meta.fields if f.name != "id"}
    refused_by("flag_reference", lambda: Flag.objects.create(**copy))


def test_one_proposal_per_rung():
    step = served()
    values = {"case": step.case, "rung": step.rung, "proposed_by": "x", "proposed_at": ago(), "reason": "x"}
    Proposal.objects.create(**values)
    refused_by("one_proposal_per_rung", lambda: Proposal.objects.create(**values))


# --- 4. Who decided does not review ----------------------------------------------------------------------------------


def test_the_decider_does_not_decide_the_appeal():
    step = served()  # decided by Mona
    appeal = appeals.file_appeal(step.pk, statement="I did not do it.", at=ago(1))
    with pytest.raises(HeldByDatabase, match="Hand it to a colleague"):
        appeals.uphold(appeal.pk, reviewer=staff("mona"), reason="I was right.", at=ago())
    refused_by(
        "appeal_reviewer_is_another",
        lambda: Appeal.objects.filter(pk=appeal.pk).update(decided_by=staff("mona"), decided_at=ago()),
    )
    refused_by(
        "appeal_reviewer_is_another",
        lambda: sql("UPDATE cases_appeal SET decided_by_id = %s WHERE id = %s", staff("mona").pk, appeal.pk),
    )
    appeals.uphold(appeal.pk, reviewer=staff("mikael"), reason="The evidence is clear.", at=ago())
    assert Appeal.objects.get(pk=appeal.pk).outcome == "upheld"


def test_nor_does_who_approved_it():
    step = suspended()  # decided by Mona, approved by Mikael
    appeal = appeals.file_appeal(step.pk, statement="I did not do it.", at=ago())
    with pytest.raises(HeldByDatabase, match="Hand it to a colleague"):
        appeals.overturn(appeal.pk, actor=mikael(), reviewer=staff("mikael"), reason="Sorry.", at=ago())


def test_the_approver_of_a_step_is_not_its_decider():
    step = suspended()
    refused_by("frozen", lambda: Step.objects.filter(pk=step.pk).update(approved_by=staff("mona")))


# --- 5. A change of state leaves history -----------------------------------------------------------------------------


def test_no_change_of_state_without_history():
    case = open_case()
    refused_by("state_change_leaves_history", lambda: Case.objects.filter(pk=case.pk).update(state="warned"))
    refused_by(
        "state_change_leaves_history",
        lambda: sql("UPDATE cases_case SET state = 'warned' WHERE id = %s", case.pk),
    )
    case.state = "warned"
    refused_by("state_change_leaves_history", case.save)


def test_no_illegal_transition_even_with_history():
    case = open_case()
    refused_by(
        "legal_transition",
        lambda: Transition.objects.create(
            case=case, old="open", new="escalated", actor_label="user:mallory", reason="x", at=ago()
        ),
    )


def test_a_case_begins_open():
    case = open_case()
    refused_by(
        "case_begins_open",
        lambda: sql(
            "INSERT INTO cases_case (account_id, policy_id, ladder_id, state, resolution, version, opened_at) "
            "SELECT account_id, policy_id, ladder_id, 'suspended', '', 1, now() FROM cases_case WHERE id = %s",
            case.pk,
        ),
    )


def test_the_refusal_reaches_the_caller_in_words():
    step = warned(ago(20), policy="spam")
    learn(step, "bounced", ago(19))
    with pytest.raises(Refused) as caught:
        steps.suspend(step.case_id, actor=mikael(), at=ago())
    assert str(caught.value) == (
        f"The warning of {step.decided_at:%-d %B %Y} was never served: every address refused it or sent it back. "
        "Send it by another channel first."
    )
    assert caught.value.code == "not_served"
