"""Load policies, ladders and templates from a policies file. What is there already stays; what changed is added."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction

from cases.models import Ladder, Policy, PolicyVersion, Rung
from cases.policyfile import (
    Mistake,
    PolicyFileError,
    PolicySpec,
    RungSpec,
    TemplateSpec,
    parse_policies,
)
from cases.policyfile.locator import dotted, line_of, locate
from notices.models import Template, TemplateVersion


@dataclass(slots=True)
class LoadReport:
    """What a load added, by kind of thing, and how many things were there already."""

    added: Counter[str] = field(default_factory=Counter)
    kept: int = 0

    def note(self, what: str, *, added: bool) -> None:
        if added:
            self.added[what] += 1
        else:
            self.kept += 1


def load_policies(path: Path) -> LoadReport:
    """Load a policies file: all of it, or nothing. Loading it again adds nothing.

    A template text that changed becomes a new version; a ladder that changed becomes a new ladder, for cases opened
    from then on. A policy version is named by its number, so its text cannot change: that is a mistake of the file.

    Raises:
        PolicyFileError: the file has mistakes, each with its line and field.
        OSError: the file cannot be read.
    """
    data = path.read_bytes()
    spec = parse_policies(data, file=str(path))
    report = LoadReport()
    with transaction.atomic():
        templates = {template.slug: _load_template(template, report) for template in spec.templates}
        mistakes: list[tuple[tuple[str | int, ...], str]] = []
        for number, policy in enumerate(spec.policies):
            mistakes += [
                (("policies", number, *path), text) for path, text in _load_policy(policy, templates, report)
            ]
        if mistakes:
            lines = locate(data.decode("utf-8-sig"))
            raise PolicyFileError(
                Mistake(str(path), line_of(lines, where), dotted(where), text) for where, text in mistakes
            )
    return report


def _load_template(spec: TemplateSpec, report: LoadReport) -> Template:
    template, created = Template.objects.get_or_create(slug=spec.slug, defaults={"kind": spec.kind})
    report.note("template", added=created)
    for text in spec.texts:
        newest = template.versions.filter(language=text.language).order_by("-number").first()
        same = newest is not None and (newest.subject, newest.body) == (text.subject, text.body)
        if not same:
            TemplateVersion.objects.create(
                template=template,
                language=text.language,
                number=newest.number + 1 if newest else 1,
                subject=text.subject,
                body=text.body,
            )
        report.note("template text", added=not same)
    return template


def _load_policy(
    spec: PolicySpec, templates: dict[str, Template], report: LoadReport
) -> list[tuple[tuple[str | int, ...], str]]:
    """Load one policy; returns (path below the policy, mistake) for what contradicts what was loaded before."""
    titles = dict(spec.titles)
    policy, created = Policy.objects.get_or_create(
        slug=spec.slug, defaults={"titles": titles, "default_language": spec.default_language}
    )
    if not created and (policy.titles, policy.default_language) != (titles, spec.default_language):
        policy.titles, policy.default_language = titles, spec.default_language
        policy.save(update_fields=["titles", "default_language"])
    report.note("policy", added=created)
    mistakes: list[tuple[tuple[str | int, ...], str]] = []
    known = {version.number: version for version in policy.versions.all()}
    for number, version in enumerate(spec.versions):
        old = known.get(version.number)
        if old is None:
            PolicyVersion.objects.create(
                policy=policy,
                number=version.number,
                in_force_from=version.in_force_from,
                titles=titles,
                texts=dict(version.texts),
            )
        elif (old.texts, old.in_force_from) != (dict(version.texts), version.in_force_from):
            mistakes.append(
                (
                    ("versions", number, "number"),
                    (
                        f"version {version.number} is loaded already with another text or date; notices rest on it. "
                        f"Leave it as it was and give the new text number {max(known) + 1}"
                    ),
                )
            )
        report.note("policy version", added=old is None)
    _load_ladder(policy, spec.rungs, templates, report)
    return mistakes


def _load_ladder(
    policy: Policy, rungs: tuple[RungSpec, ...], templates: dict[str, Template], report: LoadReport
) -> None:
    newest = policy.ladders.order_by("-number").first()
    wanted = [_fields(rung, templates) for rung in rungs]
    if newest is not None and wanted == [_stored(rung) for rung in newest.rungs.order_by("position")]:
        report.note("ladder", added=False)
        return
    ladder = Ladder.objects.create(policy=policy, number=newest.number + 1 if newest else 1)
    Rung.objects.bulk_create(Rung(ladder=ladder, **fields) for fields in wanted)
    report.note("ladder", added=True)


_RUNG_FIELDS = (
    "position",
    "kind",
    "window_days",
    "service_rule",
    "approvals",
    "on_deadline",
    "address_min_age_days",
)


def _fields(spec: RungSpec, templates: dict[str, Template]) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in _RUNG_FIELDS} | {
        "template_id": templates[spec.template].pk,
        "channels": spec.plan,
    }


def _stored(rung: Rung) -> dict[str, Any]:
    return {name: getattr(rung, name) for name in (*_RUNG_FIELDS, "template_id", "channels")}
