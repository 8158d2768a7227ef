"""Lock cases and load what a step in them depends on: a handful of queries, whatever their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from cases.actions.addressing import Addresses, addresses
from cases.actions.holding import held_back
from cases.blockers import LastStep, Situation
from cases.models import Exemption, PolicyVersion, Rung
from cases.refusals import NotFound
from notices import queries
from notices.queueing import Contact


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy as in force at the moment of decision, its texts by language."""

    slug: str
    default_language: str
    version_id: int
    version_number: int
    titles: Mapping[str, str]
    texts: Mapping[str, str]
    platform: Mapping[str, Mapping[str, str]]


Link = (
    str | Mapping[str, Any]
)  # one link of a chain: a channel's name, or {"channel": ..., "wait_hours": ...}


@dataclass(frozen=True, slots=True)
class LoadedRung:
    id: int
    position: int
    kind: str
    template: str
    window_days: int | None
    service_rule: Mapping[str, Any]
    channels: Sequence[Sequence[Link]]
    approvals: int
    address_min_age_days: int | None


@dataclass(slots=True)
class Loaded:
    """One locked case, its account as it is now, and the rung that the step would take."""

    id: int
    external_id: str
    display_name: str
    language: str
    situation: Situation
    policy: LoadedPolicy
    rung: LoadedRung | None
    flag_reasons: Sequence[str]
    addresses: Addresses

    @property
    def facts(self) -> str:
        """What the flags report, each thing said once, oldest first."""
        return "\n\n".join(dict.fromkeys(self.flag_reasons))

    @property
    def next_rung(self) -> LoadedRung:
        if self.rung is None:
            raise NotFound(f"Case {self.situation.number} has no such rung on its ladder.")
        return self.rung

    def chains(self, channels: Sequence[Sequence[Link]]) -> list[list[Contact]]:
        """The rung's channels as this account's addresses, chains without any left out.

        Every account can find a notice in its in-app inbox; the address there is its own id. Where the main address
        on a channel is in doubt, the one that was verified before it gets a chain of its own, which starts at once.
        """
        besides = [
            contact
            for chain in channels
            for link in chain
            if (contact := self.addresses.verified_before.get(_channel(link)))
        ]
        # One address never has two live deliveries of one notice.
        taken = {(contact.channel, contact.address) for contact in besides}
        chains = [
            [
                contact
                for link in chain
                for contact in self._contacts(link)
                if (contact.channel, contact.address) not in taken
            ]
            for chain in channels
        ]
        return [chain for chain in [*chains, *([contact] for contact in besides)] if chain]

    def _contacts(self, link: Link) -> list[Contact]:
        """The account's addresses on one link's channel, each with the wait that the link asks for."""
        channel = _channel(link)
        if channel == "inapp":
            found: Sequence[Contact] = [Contact("inapp", self.external_id)]
        else:
            found = self.addresses.present.get(channel, ())
        if isinstance(link, str) or link.get("wait_hours") is None:
            return list(found)
        return [replace(contact, wait_hours=link["wait_hours"]) for contact in found]


def _channel(link: Link) -> str:
    return link if isinstance(link, str) else str(link["channel"])


def load(case_ids: Sequence[int], kind: str, *, now: datetime) -> list[Loaded]:
    """Hold the rows of these cases and load their situations, in the order of their ids.

    Raises:
        NotFound: an id is no case.
    """
    cases = _cases(case_ids)
    if missing := set(case_ids) - {case["id"] for case in cases}:
        raise NotFound(f"There is no case {', '.join(f'C-{pk}' for pk in sorted(missing))}.")
    policies = {pk: _policy(pk, now) for pk in {case["policy_id"] for case in cases}}
    rungs = _rungs({case["ladder_id"] for case in cases})
    positions = {rung.id: rung.position for ladder in rungs.values() for rung in ladder}
    last = _last_steps([case["id"] for case in cases if case["state"] != "open"], now)
    reasons = _reasons([case["id"] for case in cases])
    exempt = set(
        Exemption.objects.filter(
            case_id__in=case_ids, approver__isnull=False, expires_at__gt=now
        ).values_list("case_id", flat=True)
    )
    loaded = []
    for case in cases:
        rung_id, step = last.get(case["id"], (None, None))
        reached = positions[rung_id] if rung_id else 0
        ahead = [rung for rung in rungs[case["ladder_id"]] if rung.position > reached]
        loaded.append(
            Loaded(
                id=case["id"],
                external_id=case["external_id"],
                display_name=case["display_name"],
                language=case["language"],
                situation=Situation(
                    number=f"C-{case['id']}",
                    state=case["state"],
                    next_kind=ahead[0].kind if ahead else None,
                    last=step,
                    exempt=case["id"] in exempt,
                ),
                policy=policies[case["policy_id"]],
                rung=next((rung for rung in ahead if rung.kind == kind), None),
                flag_reasons=reasons.get(case["id"], ()),
                addresses=Addresses(),
            )
        )
    _address(loaded, {case["id"]: case["account_id"] for case in cases}, now)
    return loaded


def _address(loaded: Sequence[Loaded], accounts: Mapping[int, int], now: datetime) -> None:
    """Give each case its account's addresses, by the rung that it would take."""
    for min_age_days in {case.rung.address_min_age_days for case in loaded if case.rung}:
        of_rung = [case for case in loaded if case.rung and case.rung.address_min_age_days == min_age_days]
        found = addresses({accounts[case.id] for case in of_rung}, min_age_days=min_age_days, now=now)
        for case in of_rung:
            case.addresses = found.get(accounts[case.id], case.addresses)


def _rows(sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _cases(case_ids: Sequence[int]) -> list[dict[str, Any]]:
    return _rows(
        """
        SELECT c.id, c.state, c.policy_id, c.ladder_id, c.account_id, a.external_id, a.display_name, a.language
        FROM cases_case c JOIN cases_account a ON a.id = c.account_id
        WHERE c.id = ANY(%s) ORDER BY c.id FOR NO KEY UPDATE OF c
        """,
        [list(case_ids)],
    )


def _last_steps(case_ids: Sequence[int], now: datetime) -> dict[int, tuple[int, LastStep]]:
    """The newest step of each case: {case id: (rung id, step)}."""
    if not case_ids:
        return {}
    rows = _rows(
        """
        SELECT DISTINCT ON (s.case_id) s.case_id, s.rung_id, r.kind, s.decided_at, s.served_at, s.deadline_at,
               s.notice_id, n.deemed, s.overturned_at IS NOT NULL AS overturned,
               CASE WHEN EXISTS (SELECT 1 FROM cases_appeal a WHERE a.step_id = s.id AND a.outcome = 'open')
                    THEN 'an appeal'
                    WHEN EXISTS (SELECT 1 FROM cases_dispute d WHERE d.step_id = s.id AND d.outcome = 'open')
                    THEN 'a dispute' ELSE '' END AS contested
        FROM cases_step s JOIN cases_rung r ON r.id = s.rung_id JOIN notices_notice n ON n.id = s.notice_id
        WHERE s.case_id = ANY(%s) ORDER BY s.case_id, s.id DESC
        """,
        [list(case_ids)],
    )
    standings = queries.standings([row["notice_id"] for row in rows if row["served_at"] is None], now=now)
    held = held_back([row["notice_id"] for row in rows if row["served_at"] is not None], now=now)
    return {
        row["case_id"]: (
            row["rung_id"],
            LastStep(
                kind=row["kind"],
                decided_at=row["decided_at"],
                served_at=row["served_at"],
                deadline_at=row["deadline_at"],
                overturned=row["overturned"],
                contested=row["contested"],
                weakest_link=standings[row["notice_id"]].weakest_link if row["served_at"] is None else "",
                deemed=row["deemed"],
                held=held.get(row["notice_id"], ""),
            ),
        )
        for row in rows
    }


def _reasons(case_ids: Sequence[int]) -> dict[int, list[str]]:
    rows = _rows(
        "SELECT case_id, array_agg(reason ORDER BY reported_at, id) AS reasons FROM cases_flag "
        "WHERE case_id = ANY(%s) GROUP BY case_id",
        [list(case_ids)],
    )
    return {row["case_id"]: row["reasons"] for row in rows}


def _rungs(ladder_ids: set[int]) -> dict[int, list[LoadedRung]]:
    rungs: dict[int, list[LoadedRung]] = {pk: [] for pk in ladder_ids}
    for rung in Rung.objects.filter(ladder__in=ladder_ids).select_related("template").order_by("position"):
        rungs[rung.ladder_id].append(
            LoadedRung(
                rung.pk,
                rung.position,
                rung.kind,
                rung.template.slug,
                rung.window_days,
                rung.service_rule,
                rung.channels,
                rung.approvals,
                rung.address_min_age_days,
            )
        )
    return rungs


def _policy(policy_id: int, now: datetime) -> LoadedPolicy:
    version = (
        PolicyVersion.objects.filter(policy_id=policy_id, in_force_from__lte=now)
        .select_related("policy")
        .order_by("-number")
        .first()
    )
    if version is None:
        raise NotFound("No version of this policy was in force at that time. Load one with load_policies.")
    default = version.policy.default_language
    return LoadedPolicy(
        slug=version.policy.slug,
        default_language=default,
        version_id=version.pk,
        version_number=version.number,
        titles=version.titles,
        texts=version.texts,
        platform={"platform": {default: settings.NOTICE_PLATFORM}},
    )
