"""Compare what Due Notice recorded with what the demo's mail servers wrote down for themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from cases.actions.intake import ImportReport
from cases.actions.waves import WaveReport
from cases.models import Case, RejectedRow
from demo.people.expected import Expected
from demo.world.journal import Truth, truth
from notices import tokens
from notices.kinds import GRADES
from notices.models import Delivery, DeliveryState, Evidence, Notice

# What a report's action proves (RFC 3464), by the product's own table of grades; `failed` takes all back.
_REPORTED = {"relayed": 2, "delivered": 3}


def check(journal: Path, expected: Expected, imported: ImportReport, wave: WaveReport) -> list[str]:
    """Every contradiction between record and truth, as sentences; none if the run was right."""
    return [*_intake(expected, imported, wave), *_sending(journal)]


def _intake(expected: Expected, imported: ImportReport, wave: WaveReport) -> list[str]:
    counts = imported.counts
    cases = Counter(Case.objects.values_list("policy__slug", flat=True))
    pairs = {
        "rows read": (counts["rows"], expected.rows),
        "rows rejected": (counts["rejected"], expected.bad),
        "rejected rows kept": (RejectedRow.objects.count(), expected.bad),
        "new flags": (counts["flags_new"], expected.flags),
        "accounts": (counts["accounts_new"], expected.accounts),
        "cases": (cases, expected.cases),
        "accounts warned": (wave.warned, expected.cases.total()),
    }
    return [
        f"{what}: {found}, but it should be {right}"
        for what, (found, right) in pairs.items()
        if found != right
    ]


def _sending(journal: Path) -> list[str]:
    received: Counter[int] = Counter()  # by the first delivery that the Message-ID names
    reported: dict[int, set[str]] = defaultdict(set)
    troubles: list[str] = []
    for known in truth(journal).values():
        _add(known, received, reported, troubles)
    attempts: dict[int, list[tuple[int, str]]] = defaultdict(
        list
    )  # by first delivery: (notice, state) of each attempt
    root: dict[int, int] = {}
    mail = Delivery.objects.filter(channel="email").order_by("pk")
    for pk, notice_id, state, retry_of in mail.values_list("pk", "notice_id", "state", "retry_of"):
        root[pk] = root[retry_of] if retry_of else pk
        attempts[root[pk]].append((notice_id, state))
    mail_grade: Counter[int] = Counter()
    for first, tries in attempts.items():
        troubles += _attempt(first, tries, received[first])
        if "failed" not in reported[first]:
            grade = max((_REPORTED.get(action, 0) for action in reported[first]), default=0)
            taken = any(state == DeliveryState.ACCEPTED for _, state in tries)
            mail_grade[tries[0][0]] = max(mail_grade[tries[0][0]], grade, int(taken))
    troubles += [
        f"the mail servers took a message of D-{first}, which we do not have"
        for first in received.keys() - attempts.keys()
    ]
    return troubles + _grades(mail_grade)


def _add(known: Truth, received: Counter[int], reported: dict[int, set[str]], troubles: list[str]) -> None:
    for message_id, times in known.received.items():
        first = tokens.read_message_id(message_id)
        if first is None:
            troubles.append(f"a message with the Message-ID {message_id} is not ours")
        else:
            received[first] += times
    for message_id, actions in known.reports.items():
        first = tokens.read_message_id(message_id)
        if first is not None:
            reported[first].update(actions)


def _attempt(first: int, tries: list[tuple[int, str]], times: int) -> list[str]:
    states = [state for _, state in tries]
    if set(states) & {DeliveryState.QUEUED, DeliveryState.CALLING}:
        return [f"D-{first} is still {states[-1]}"]
    if times > len(states):
        return [f"D-{first} was received {times} times in {len(states)} attempts"]
    if DeliveryState.ACCEPTED in states and not times:
        return [f"D-{first} counts as accepted, but nobody received it"]
    if (
        times
        and not set(states) & {DeliveryState.ACCEPTED, DeliveryState.UNKNOWN}
        and states[-1] != DeliveryState.REFUSED
    ):
        return [f"D-{first} was received, but counts as {states}"]
    return []


def _grades(mail_grade: Counter[int]) -> list[str]:
    """The grade of each notice, from the journal, the inbox, and what its holder did."""
    in_app = set(
        Delivery.objects.filter(channel="inapp", state="accepted").values_list("notice_id", flat=True)
    )
    by_holder: Counter[int] = Counter()
    for notice_id, kind in Evidence.objects.filter(delivery__isnull=True).values_list("notice_id", "kind"):
        by_holder[notice_id] = max(by_holder[notice_id], GRADES[kind])
    troubles = []
    for pk, grade in Notice.objects.values_list("pk", "grade"):
        right = by_holder[pk] or max(mail_grade[pk], int(pk in in_app))
        if grade != right:
            troubles.append(f"N-{pk} has grade {grade}, but it should be {right}")
    return troubles
