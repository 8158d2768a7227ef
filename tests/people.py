"""The people and things of the tests, built by calling the product's own actions.

Moderators Mona and Mikael work cases; Ana holds an account. Times are real: what has to lie in the past was issued
in the past, since PostgreSQL judges deadlines by its own clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from cases.actions import steps
from cases.actions.intake.importing import known_policies
from cases.actions.intake.merging import merge
from cases.actions.policies import load_policies
from cases.actors import Actor, person, system
from cases.models import Case, Step, User
from cases.reading import FlagRow, canonical_email
from notices import recording
from notices.ledger import NewFact
from notices.models import Delivery

POLICIES = Path(__file__).parent / "policies.toml"
SYSTEM = system("test")

_number = count(1)


def ago(days: float = 0, **more: float) -> datetime:
    """A moment in the past, aware."""
    return datetime.now(UTC) - timedelta(days=days, **more)


def staff(name: str) -> User:
    return User.objects.get_or_create(username=name, defaults={"is_staff": True})[0]


def mona() -> Actor:
    return person(staff("mona"))


def mikael() -> Actor:
    return person(staff("mikael"))


def flag(
    *,
    account: str = "",
    emails: Sequence[str] = ("ana@mail.example",),
    policy: str = "data-selling",
    language: str = "en",
    timezone: str = "Europe/Ljubljana",
    reference: str = "",
    name: str = "Ana Kovač",
    reported_at: datetime | None = None,
    reason: str = "Sold 48,211 records of other users.",
) -> FlagRow:
    number = next(_number)
    return FlagRow(
        line=number,
        source="test",
        reference=reference or f"ref-{number}",
        external_id=account or f"u-{number}",
        display_name=name,
        emails=tuple((email, canonical_email(email)) for email in emails),
        language=language,
        timezone=timezone,
        policy=policy,
        reported_at=reported_at or ago(60),
        reason=reason,
        evidence='{"kind": "api_export", "records": 48211}',
    )


def take_in(*flags: FlagRow, at: datetime | None = None) -> dict[str, int]:
    """Merge flags as an import does; the policies of tests/policies.toml are loaded first."""
    load_policies(POLICIES)
    return merge(flags, known_policies(), wave_id=None, actor=SYSTEM, at=at or ago(50))


def open_case(**of_flag: object) -> Case:
    """A case of an account that was just flagged."""
    row = flag(**of_flag)  # type: ignore[arg-type]  # handed through to the one place that knows the types
    take_in(row)
    return Case.objects.get(flags__source=row.source, flags__reference=row.reference)


def learn(step: Step, kind: str, at: datetime, *, channel: str = "email", **payload: object) -> None:
    """Record one fact about a step's delivery on a channel, as tracking would."""
    delivery = Delivery.objects.filter(notice=step.notice_id, channel=channel).latest("pk")
    fact = NewFact(
        step.notice_id, kind, "test", at, delivery.pk, payload, event_id=f"{delivery.pk}:{kind}:{at}"
    )
    recording.record([fact], now=at)


def warned(at: datetime | None = None, **of_flag: object) -> Step:
    """A warning that was issued (30 days ago) and of whose arrival nothing is known."""
    case = open_case(**of_flag)
    return steps.warn(case.pk, actor=mona(), at=at or ago(30))


def served(at: datetime | None = None, **of_flag: object) -> Step:
    """A warning that was issued and reached the recipient's server an hour later; by default its time has passed."""
    step = warned(at or ago(30), **of_flag)
    learn(step, "relayed", step.decided_at + timedelta(hours=1))
    step.refresh_from_db()
    return step


def suspended() -> Step:
    """A suspension that Mona decided and Mikael approved, after a warning and an escalation that were both served."""
    warning = served(ago(60))
    escalation = steps.escalate(warning.case_id, actor=mona(), at=ago(30))
    learn(escalation, "relayed", ago(29))
    return steps.suspend(warning.case_id, actor=mona(), approver=staff("mikael"), at=ago(10))
