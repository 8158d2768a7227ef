"""Addresses: where they come from, what changed, which one a notice goes to, and whose it was when it was sent."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from cases.actions import steps
from cases.actions.addressing import Doubt, Period, verified_before
from cases.answers import answer, find
from cases.models import Account, AccountMark, ContactPoint, RejectedRow, Rung
from cases.reading import FlagRow, OtherAddress, read_contacts, read_flags
from cases.reading import RejectedRow as Rejected
from notices.models import Delivery
from tests.people import ago, flag, mona, open_case, take_in

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
HEAD = "reference,external_id,reported_at,reason,policy,source"
ROW = "r1,u-1,2026-05-01T10:00:00Z,sold data,data-selling,desk"


def read(header: str, *values: str) -> FlagRow | Rejected:
    text = f"{HEAD},{header}\n{ROW},{','.join(values)}\n"
    return next(iter(read_flags(io.BytesIO(text.encode()), now=NOW)))


def reasons(header: str, *values: str) -> str:
    found = read(header, *values)
    assert isinstance(found, Rejected), found
    return " ".join(found.reasons)


# What a flags file may say.


def test_a_flags_file_may_have_phone_postal_address_and_when_an_address_was_verified():
    found = read(
        "phone,postal_address,phone_verified_at,email,email_verified_at",
        "+386 (40) 123-456",
        "Ana Kovač / Trg 1 /  1000 Ljubljana",
        "2026-01-02T03:04:05+01:00",
        "Ana@Mail.Example",
        "2025-01-01T00:00:00Z",
    )
    assert isinstance(found, FlagRow)
    assert found.others == (
        OtherAddress("email", "Ana@Mail.Example", "ana@mail.example", datetime(2025, 1, 1, tzinfo=UTC)),
        OtherAddress("sms", "+38640123456", "+38640123456", datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)),
        OtherAddress("post", "Ana Kovač\nTrg 1\n1000 Ljubljana", "ana kovač trg 1 1000 ljubljana", None),
    )


def test_json_lines_may_have_them_too():
    row = {
        "reference": "r1", "external_id": "u-1", "reported_at": "2026-05-01T10:00:00Z", "reason": "sold data",
        "policy": "p", "source": "s", "postal_address": "Ana\nTrg 1", "phone": "+38640123456",
    }  # fmt: skip
    found = next(iter(read_flags(io.BytesIO(json.dumps(row).encode()), now=NOW)))
    assert isinstance(found, FlagRow)
    assert [other.channel for other in found.others] == ["sms", "post"]


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("phone", "040 123 456", "it has no country code"),
        ("phone", "00386 40 123 456", "begins with 00"),
        ("phone", "+44 (0)20 7946 0000", "dialled at home"),
        ("phone", "+386 40 12x 456", "no digit"),
        ("phone", "+0 40 123 456", "no country code begins with 0"),
        ("phone", "+1234567890123456", "between 7 and 15 digits"),
        ("postal_address", "Trg 1", "one line only"),
        ("postal_address", " / ".join("abcdefghijk"), "11 lines"),
        ("postal_address", "Ana / " + "x" * 400, "there may be 400"),
        ("postal_address", '"Ana / T\trg \x07"', "U\\+0007"),
        ("email_verified_at", "2026-01-01T00:00:00Z", "no such address"),
        ("phone_verified_at", "yesterday", "RFC 3339"),
    ],
)
def test_what_they_cannot_say_is_refused_with_a_reason(column, value, why):
    import re

    assert re.search(why, reasons(column, value))


def test_a_verification_in_the_future_is_refused():
    assert "in the future" in reasons("email,email_verified_at", "a@b.example", "2027-01-01T00:00:00Z")


@pytest.mark.django_db
def test_addresses_of_every_channel_become_contact_points():
    others = (
        OtherAddress("email", "ana@mail.example", "ana@mail.example", ago(400)),
        OtherAddress("sms", "+38640123456", "+38640123456", None),
        OtherAddress("post", "Ana\nTrg 1", "ana trg 1", None),
    )
    take_in(flag(account="u-1", reported_at=ago(60))._replace(others=others))
    later = (OtherAddress("sms", "+38640999999", "+38640999999", None),)
    take_in(flag(account="u-1", reported_at=ago(20))._replace(others=later))
    points = ContactPoint.objects.order_by("channel", "valid_from")
    assert [(p.channel, p.address, p.valid_to is None, p.verified_at is None) for p in points] == [
        ("email", "ana@mail.example", True, False),
        ("post", "Ana\nTrg 1", True, True),
        ("sms", "+38640123456", False, True),
        ("sms", "+38640999999", True, True),
    ]
    assert all(p.changed_by == "import" and p.source == "flag:test" for p in points)


# The platform's own record.


def contacts(tmp_path: Path, *rows: str) -> str:
    path = tmp_path / "contacts.csv"
    columns = "external_id,channel,address,changed_at,changed_by,verified_at,mark,mark_from,mark_to"
    path.write_text("\n".join([columns, *rows]) + "\n")
    out, err = io.StringIO(), io.StringIO()
    call_command("import_contacts", str(path), stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


@pytest.mark.django_db
def test_the_platforms_record_of_changes_is_taken_in_once(tmp_path):
    open_case(account="u-1", emails=["new@mail.example"], reported_at=ago(10))
    rows = [
        "u-1,email,old@mail.example,2024-01-01T00:00:00Z,holder,2024-01-01T00:05:00Z,,,",
        "u-1,email,new@mail.example,2026-01-01T00:00:00Z,support:jane,,,,",
        "u-1,,,,,,takeover_suspected,2025-12-31T00:00:00Z,",
    ]
    assert "3 rows, 0 rejected; addresses: 2 new, 1 found verified; marks: 1 new" in contacts(tmp_path, *rows)
    assert "3 rows, 0 rejected; addresses: 0 new, 0 found verified; marks: 0 new" in contacts(tmp_path, *rows)
    old, new, reported = ContactPoint.objects.order_by("valid_from")
    assert (old.address, old.valid_to, old.changed_by) == ("old@mail.example", new.valid_from, "holder")
    assert (new.changed_by, new.changed_by_label, new.valid_to) == ("support", "jane", reported.valid_from)
    assert reported.canonical == new.canonical
    ended = "u-1,,,,,,takeover_suspected,2025-12-31T00:00:00Z,2026-02-01T00:00:00Z"
    assert "marks: 1 new or ended" in contacts(tmp_path, ended)
    assert AccountMark.objects.get().ends_at == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("u-9,email,a@mail.example,2026-01-01T00:00:00Z,,,,,", "no such account was ever flagged"),
        ("u-1,email,a@mail.example,,,,,,", "changed_at is empty"),
        ("u-1,fax,1,2026-01-01T00:00:00Z,,,,,", "must be email, sms or post"),
        ("u-1,email,nobody,2026-01-01T00:00:00Z,,,,,", "it has no @"),
        ("u-1,,,,,,,,", "neither an address nor a mark"),
        ("u-1,,,,,,stolen,2026-01-01T00:00:00Z,", "takeover_suspected or takeover_confirmed"),
        ("u-1,,,,,,takeover_suspected,2026-02-01T00:00:00Z,2026-01-01T00:00:00Z", "not later than mark_from"),
        ("u-1,email,a@mail.example,2026-01-01T00:00:00Z,mother,,,,", "changed_by is"),
    ],
)
def test_a_row_that_cannot_be_taken_is_kept_with_its_line_and_reason(tmp_path, row, why):
    open_case(account="u-1")
    good = "u-1,sms,+38640123456,2026-01-01T00:00:00Z,,,,,"
    assert "2 rows, 1 rejected" in contacts(tmp_path, good, row)
    reject = RejectedRow.objects.get()
    assert reject.line == 3
    assert why in " ".join(reject.reasons)
    assert ContactPoint.objects.filter(channel="sms").count() == 1


@pytest.mark.django_db
def test_two_addresses_from_one_moment_contradict_each_other(tmp_path):
    open_case(account="u-1")
    moment = "2026-01-01T00:00:00Z"
    said = contacts(tmp_path, f"u-1,sms,+38640123456,{moment},,,,,", f"u-1,sms,+38640999999,{moment},,,,,")
    assert "Line 3: Another address is on record" in said


def test_a_contacts_file_may_be_json_lines():
    row = {
        "external_id": 7,
        "channel": "sms",
        "address": "+38640123456",
        "changed_at": "2026-01-01T00:00:00Z",
        "rank": 1,
    }
    found = next(iter(read_contacts(io.BytesIO(json.dumps(row).encode()), source="crm", now=NOW)))
    assert (found.external_id, found.rank, found.source) == ("7", 1, "crm")  # type: ignore[union-attr]


# What must not be rewritten.


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "address = 'x@evil.example'", "canonical = 'x@evil.example'", "source = 'elsewhere'", "channel = 'sms'",
        "valid_from = now() - interval '9 years'", "changed_by = 'holder'", "rank = 3", "recorded_at = now()",
        "address = '', canonical = '', changed_by_label = ''",  # the form of an erasure, of an account not erased
    ],
)  # fmt: skip
def test_where_an_address_came_from_cannot_be_rewritten(change):
    open_case()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE cases_contactpoint SET {change}")
    with pytest.raises(IntegrityError), transaction.atomic():
        ContactPoint.objects.all().delete()


@pytest.mark.django_db
def test_a_verification_and_the_end_of_a_mark_are_said_once():
    open_case()
    points = ContactPoint.objects.all()
    points.update(verified_at=ago(9))
    with pytest.raises(IntegrityError), transaction.atomic():
        points.update(verified_at=ago(100))
    mark = AccountMark.objects.create(
        account=Account.objects.get(), kind="takeover_suspected", begins_at=ago(9), source="platform"
    )
    marks = AccountMark.objects.filter(pk=mark.pk)
    marks.update(ends_at=ago(5), end_recorded_at=ago(1))
    for change in ({"ends_at": ago(2)}, {"begins_at": ago(20)}, {"kind": "takeover_confirmed"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            marks.update(**change)


# To which addresses a notice goes.

DAY = timedelta(days=1)


def period(days: int, name: str, verified: bool = True) -> Period:
    return Period(days, name, name, NOW - days * DAY, verified)


@pytest.mark.parametrize(
    ("periods", "marks", "expected"),
    [
        ([period(400, "a"), period(5, "b")], [], "a"),
        ([period(400, "a"), period(100, "b")], [], None),  # old enough
        ([period(400, "a", verified=False), period(5, "b")], [], None),
        ([period(500, "a"), period(400, "b", verified=False), period(5, "c")], [], "a"),
        ([period(400, "a"), period(100, "b")], [(NOW - 101 * DAY, None)], "a"),
        ([period(400, "a"), period(100, "b")], [(NOW - 101 * DAY, NOW - 100 * DAY)], None),  # ended before
        ([period(400, "a"), period(9, "evil"), period(5, "b")], [], "a"),  # two changes, each verified
        ([period(9, "a"), period(5, "b")], [], "a"),  # better than none
        ([period(400, "a"), period(9, "b"), period(5, "a")], [], "b"),
        ([period(5, "a")], [], None),
        ([], [], None),
    ],
)
def test_an_address_in_doubt_is_not_used_alone(periods, marks, expected):
    found = verified_before(periods, Doubt(NOW - 30 * DAY, marks))
    assert (found and found.address) == expected


@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abc"), st.booleans())),
    st.none() | st.integers(1, 365),
)
def test_what_is_used_besides_was_verified_and_is_another(given_periods, limit):
    periods = [period(*p) for p in sorted(given_periods, reverse=True)]
    found = verified_before(periods, Doubt(None if limit is None else NOW - limit * DAY))
    assert found is None or (
        found.verified and found.canonical != periods[-1].canonical and limit is not None
    )


def with_limit(days: int | None) -> None:
    """Give every rung a limit, as a policies file would; rungs are never edited, so a test has to go round them."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Rung.objects.update(address_min_age_days=days)
        cursor.execute("SET LOCAL session_replication_role = origin")


def changed(account: str = "u-1", days: float = 5, verified: bool = True) -> int:
    """A case whose account has had a new e-mail address for so many days; returns the case's id."""
    case = open_case(account=account, emails=["old@mail.example"], reported_at=ago(400))
    if verified:
        ContactPoint.objects.filter(account=case.account_id).update(verified_at=ago(399))
    take_in(flag(account=account, emails=["new@mail.example"], reported_at=ago(days)))
    return case.pk


def sent_to() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("chain").values_list("channel", "address"))


@pytest.mark.django_db
def test_a_notice_also_goes_to_the_address_verified_before_a_young_one():
    case_id = changed()
    with_limit(30)
    steps.warn(case_id, actor=mona(), at=datetime.now(UTC))
    assert sent_to() == [("email", "new@mail.example"), ("inapp", "u-1"), ("email", "old@mail.example")]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "verified", "limit"),
    [(31, True, 30), (5, False, 30), (5, True, None)],
    ids=["old", "unverified", "no limit"],
)
def test_otherwise_it_goes_to_the_present_address_alone(days, verified, limit):
    case_id = changed(days=days, verified=verified)
    with_limit(limit)
    steps.warn(case_id, actor=mona(), at=datetime.now(UTC))
    assert sent_to() == [("email", "new@mail.example"), ("inapp", "u-1")]


@pytest.mark.django_db
def test_an_address_that_came_during_a_take_over_is_not_used_alone_whatever_its_age():
    case_id = changed(days=200)
    AccountMark.objects.create(
        account=Account.objects.get(), kind="takeover_suspected", begins_at=ago(201), source="platform"
    )
    steps.warn(case_id, actor=mona(), at=datetime.now(UTC))
    assert ("email", "old@mail.example") in sent_to()


@pytest.mark.django_db
def test_the_address_before_is_never_used_twice_in_one_notice():
    case = open_case(account="u-1", emails=["old@mail.example"], reported_at=ago(400))
    ContactPoint.objects.update(verified_at=ago(399))
    take_in(flag(account="u-1", emails=["new@mail.example", "old@mail.example"], reported_at=ago(5)))
    with_limit(30)
    step = steps.warn(case.pk, actor=mona(), at=datetime.now(UTC))
    assert sent_to() == [("email", "new@mail.example"), ("inapp", "u-1"), ("email", "old@mail.example")]
    assert step.notice.plan is None


@pytest.mark.django_db
def test_a_whole_batch_takes_as_many_queries_as_one_case(django_assert_max_num_queries):
    case_ids = [changed(account=f"u-{n}") for n in range(12)]
    with_limit(30)
    with django_assert_max_num_queries(35):
        steps.take(case_ids, steps.RungKind.WARNING, actor=mona(), at=datetime.now(UTC))
    assert Delivery.objects.filter(address="old@mail.example").count() == 12


# "That was not my address then."


def whence(account: str = "u-1", known_at: datetime | None = None) -> dict[str, object]:
    (found,) = answer(find(account), now=datetime.now(UTC), known_at=known_at)
    return {a.address: found.provenance.get(a.id) for a in found.history.attempts}


@pytest.mark.django_db
def test_the_answer_says_where_the_address_came_from_and_that_it_was_current():
    case_id = changed()
    with_limit(30)
    steps.warn(case_id, actor=mona(), at=datetime.now(UTC))
    new = whence()["new@mail.example"]
    assert (new.source, new.changed_by, new.verified_at) == ("flag:test", "import", None)
    assert new.current
    assert new.current_then
    assert new.before == "old@mail.example"
    assert len(new.before_used) == 1
    old = whence()["old@mail.example"]
    assert not old.current
    assert old.until == new.since
    assert whence()["u-1"] is None


@pytest.mark.django_db
def test_what_was_learnt_later_shows_that_the_address_was_not_the_accounts_any_more(tmp_path):
    case = open_case(account="u-1", emails=["ana@mail.example"], reported_at=ago(60))
    steps.warn(case.pk, actor=mona(), at=datetime.now(UTC))
    sent = datetime.now(UTC)
    before = whence()["ana@mail.example"]
    contacts(tmp_path, f"u-1,email,other@mail.example,{ago(3):%Y-%m-%dT%H:%M:%SZ},holder,,,,")
    now = whence()["ana@mail.example"]
    assert before.current
    assert (now.current, now.current_then, now.before_used) == (False, True, ())
    assert whence(known_at=sent)["ana@mail.example"].current
    out = io.StringIO()
    call_command("verdict", "u-1", stdout=out, no_color=True)
    assert "It was not the account's address when the notice was sent" in out.getvalue()
    assert "which we learnt only on" in out.getvalue()


@pytest.mark.django_db
def test_the_command_tells_of_marks_and_of_the_address_before():
    case_id = changed(days=200)
    AccountMark.objects.create(
        account=Account.objects.get(), kind="takeover_suspected", begins_at=ago(201), source="platform"
    )
    steps.warn(case_id, actor=mona(), at=datetime.now(UTC))
    out, data = io.StringIO(), io.StringIO()
    call_command("verdict", "u-1", stdout=out, no_color=True)
    call_command("verdict", "u-1", json=True, stdout=data)
    text = out.getvalue()
    assert "It became the account's while a mark lay on it: take-over suspected from" in text
    assert "The address verified before it, old@mail.example, got the notice too (D-" in text
    attempts = json.loads(data.getvalue())["notices"][0]["attempts"]
    assert attempts[0]["provenance"]["began_marked"][0]["kind"] == "takeover_suspected"
