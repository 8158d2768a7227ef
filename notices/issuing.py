"""The front door: issue notices. Rows now, in the caller's transaction; sending is a task after the commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from notices import composing, tokens
from notices.bulk import copy_rows, next_ids
from notices.composing import Composition
from notices.kinds import Verdict
from notices.language import choose
from notices.models import Notice, TemplateVersion
from notices.plans import next_wait
from notices.queueing import Contact, Planned, queue


class NoTemplateText(Exception):
    """A template has no text in the language asked for, nor in the default language."""


@dataclass(frozen=True, slots=True)
class Order:
    """One notice to be issued.

    Attributes:
        recipient: the platform's id of the account; name and language as the account has them now.
        template: slug.
        values: plain text by placeholder name, other than reference, link and issued_on, which issuing adds.
        constants: values that all notices of this decision share (policy title and text, for instance), by
            language; kept apart so that they are worked into the template once.
        policy_version: slug@number of the policy in force.
        service_rule: as `grading.ServiceRule.from_json` reads it.
        chains: addresses to try. Chains start at once; inside a chain the next is tried when one fails for good, or
            where it waits, when that passed without service.
    """

    recipient: str
    name: str
    language: str
    kind: str
    template: str
    policy_version: str
    service_rule: Mapping[str, Any]
    chains: Sequence[Sequence[Contact]]
    values: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    default_language: str = "en"


def issue(orders: Sequence[Order], *, actor: str, at: datetime) -> list[int]:
    """Freeze and store one notice per order, with a delivery for the first address of each chain.

    Args:
        actor: who issues, as a label (user:name, system:what).
        at: the moment of issue, aware; printed on the notice and the earliest time of sending.

    Returns:
        The notices' ids, in the order of `orders`.

    Raises:
        NoTemplateText: a template lacks the language and the default.
        KeyError: an order lacks a value that its template uses.
    """
    texts = _texts({order.template for order in orders})
    notice_ids = next_ids(Notice, len(orders))
    compositions = _Compositions()
    issued_on = f"{at:%Y-%m-%d}"
    rows: list[tuple[Any, ...]] = []
    planned: list[Planned] = []
    for order, notice_id in zip(orders, notice_ids, strict=True):
        version_id, language = _choose(texts, order)
        composition, dictionary_id = compositions.of(order, version_id, language)
        given = {
            "reference": tokens.reference(notice_id),
            "link": tokens.link(notice_id),
            "issued_on": issued_on,
        }
        frozen = composition.freeze({**order.values, **given}, at=at)
        rest = _still_to_try(order.chains)
        rows.append(
            (
                notice_id,
                order.recipient,
                order.name,
                order.kind,
                version_id,
                order.policy_version,
                order.language,
                language,
                Jsonb(order.service_rule),
                dictionary_id,
                frozen.packed,
                frozen.sha256,
                Jsonb(rest) if any(rest) else None,
                at,
                actor,
                0,
                Verdict.NOT_PROVEN.value if order.chains else Verdict.DISPROVEN.value,
                False,
                0,
            )
        )
        planned += [
            Planned(notice_id, order.name, chain[0], chain=i, next_hours=next_wait(rest[i]))
            for i, chain in enumerate(order.chains)
        ]
    copy_rows(Notice, _COLUMNS, _TYPES, rows)
    queue(planned, due_at=at)
    return notice_ids


def _still_to_try(chains: Sequence[Sequence[Contact]]) -> list[list[list[Any]]]:
    """The chains without their first addresses, as a notice's plan keeps them; no address a second time."""
    seen = {(chain[0].channel, chain[0].address) for chain in chains}
    plan: list[list[list[Any]]] = []
    for chain in chains:
        plan.append([])
        for contact in chain[1:]:
            if (contact.channel, contact.address) not in seen:
                seen.add((contact.channel, contact.address))
                plan[-1].append(contact.as_json())
    return plan


_COLUMNS = (
    "id recipient recipient_name kind template_version_id policy_version language_asked language_used service_rule "
    "dictionary_id content content_sha256 plan issued_at issued_by grade verdict deemed grading_version"
).split()
_TYPES = (
    "int8 varchar varchar varchar int8 varchar varchar varchar jsonb int8 bytea bytea jsonb timestamptz varchar int2 "
    "varchar bool int2"
).split()


def _texts(slugs: set[str]) -> dict[str, dict[str, int]]:
    """The newest version of each language of these templates: {slug: {language: version id}}."""
    texts: dict[str, dict[str, int]] = {slug: {} for slug in slugs}
    newest = (
        TemplateVersion.objects.filter(template__slug__in=slugs)
        .order_by("template", "language", "-number")
        .distinct("template", "language")
    )
    for slug, language, pk in newest.values_list("template__slug", "language", "pk"):
        texts[slug][language] = pk
    return texts


def _choose(texts: Mapping[str, Mapping[str, int]], order: Order) -> tuple[int, str]:
    available = texts[order.template]
    language = choose(order.language, available.keys(), order.default_language)
    if language not in available:
        raise NoTemplateText(
            f"The template {order.template} has no text in {order.language}, nor in {order.default_language}. "
            "Load one with load_policies."
        )
    return available[language], language


class _Compositions:
    """The compositions of one issue, each with the id of its dictionary. Orders that share constants share one."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], tuple[Composition, int]] = {}
        self._kept: list[object] = []  # what is known by its id() must not be freed

    def of(self, order: Order, version_id: int, language: str) -> tuple[Composition, int]:
        key = (version_id, id(order.constants))
        if key not in self._made:
            self._kept.append(order.constants)
            composition = composing.composition(version_id, _constants(order, language))
            self._made[key] = composition, composition.dictionary_id()
        return self._made[key]


def _constants(order: Order, language: str) -> dict[str, str]:
    """The shared values in the language used, else in the policy's default language."""
    return {
        name: by_language[choose(language, by_language.keys(), order.default_language)]
        for name, by_language in order.constants.items()
    }
