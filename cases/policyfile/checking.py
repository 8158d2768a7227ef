"""What a policies file must say: its structure, and what has to agree with what."""

from __future__ import annotations

from collections.abc import Collection

from cases.deadlines import MAX_WINDOW_DAYS
from cases.policyfile import grammar, serving
from cases.policyfile.nodes import Node, listed
from cases.policyfile.specs import (
    PolicyFile,
    PolicySpec,
    PolicyVersionSpec,
    RungSpec,
    TemplateSpec,
    TemplateText,
)

CHANNELS = frozenset({"email", "inapp", "post", "sms"})
KINDS = ("warning", "escalation", "suspension")
MAX_SUBJECT = 300  # characters, before placeholders are filled
MAX_TITLE = 200
MAX_TEXT = 100_000
IN_EVERY_BODY = ("policy_title", "facts", "link")


class Checker:
    """Reads from the top down. What is wrong is reported and left out; the caller throws the rest away."""

    def __init__(self, channels: Collection[str]) -> None:
        self.channels = sorted(channels)
        self.templates: dict[str, tuple[str | None, set[str]]] = {}  # by slug: kind and languages
        self.policies: set[str] = set()

    def file(self, root: Node) -> PolicyFile:
        parts = root.table(required=("templates", "policies"))
        templates = [self.template(node) for node in parts["templates"].array("templates")]
        policies = [self.policy(node) for node in parts["policies"].array("policies")]
        return PolicyFile(
            templates=tuple(template for template in templates if template),
            policies=tuple(policy for policy in policies if policy),
        )

    def template(self, node: Node) -> TemplateSpec | None:
        parts = node.table(required=("slug", "kind", "languages"))
        slug = parts["slug"].slug()
        kind = parts["kind"].choice(KINDS)
        languages = parts["languages"].by_language()
        texts = [self.template_text(tag, entry, kind) for tag, entry in languages.items()]
        if slug in self.templates:
            parts["slug"].wrong(f'is the slug "{slug}" a second time')
        elif slug:
            self.templates[slug] = (kind, set(languages))
        if slug and kind:
            return TemplateSpec(slug, kind, tuple(text for text in texts if text))
        return None

    def template_text(self, language: str, node: Node, kind: str | None) -> TemplateText | None:
        parts = node.table(required=("subject", "body"))
        subject = parts["subject"].text(MAX_SUBJECT, lines=False)
        body = parts["body"].text(MAX_TEXT, lines=True)
        if subject is not None:
            names = self.names_in(parts["subject"], subject, kind)
            for name in sorted(names & grammar.NOT_IN_SUBJECT):
                parts["subject"].wrong(f"has {{{{ {name} }}}}, which is too long for a subject")
        if body is not None:
            names = self.names_in(parts["body"], body, kind)
            for name in IN_EVERY_BODY:
                if name not in names:
                    parts["body"].wrong(f"must have {{{{ {name} }}}}, as every template must")
            if kind in ("warning", "escalation") and "window_days" not in names:
                parts["body"].wrong(f"must have {{{{ window_days }}}}, as every {kind} must")
        return TemplateText(language, subject, body) if subject and body else None

    def names_in(self, node: Node, text: str, kind: str | None) -> set[str]:
        names, mistakes = grammar.scan(text)
        for mistake in mistakes:
            node.wrong(mistake)
        for name in sorted(names - grammar.PLACEHOLDERS):
            node.wrong(grammar.unknown(name))
        if kind == "suspension" and "window_days" in names:
            node.wrong("has {{ window_days }}, but a suspension has no response window")
        return names

    def policy(self, node: Node) -> PolicySpec | None:
        parts = node.table(required=("slug", "default_language", "title", "versions", "rungs"))
        slug = parts["slug"].slug()
        if slug in self.policies:
            parts["slug"].wrong(f'is the slug "{slug}" a second time')
        elif slug:
            self.policies.add(slug)
        default = parts["default_language"].language()
        titles = self.plain_texts(parts["title"], default, MAX_TITLE, lines=False)
        versions = self.versions(parts["versions"], default)
        rungs = self.ladder(parts["rungs"], default)
        return PolicySpec(slug, default, titles, versions, rungs) if slug and default else None

    def plain_texts(self, node: Node, default: str | None, most: int, *, lines: bool) -> dict[str, str]:
        """Titles or texts by language: the default language among them, and no placeholders in them."""
        entries = node.by_language()
        if entries and default and default not in entries:
            node.wrong(f'must have the default language of the policy, "{default}"')
        found: dict[str, str] = {}
        for tag, entry in entries.items():
            text = entry.text(most, lines=lines)
            if text is None:
                continue
            if any(grammar.scan(text)):
                entry.wrong("may have no {{ placeholders }}: nothing fills them in the words of a policy")
            found[tag] = text
        return found

    def versions(self, node: Node, default: str | None) -> tuple[PolicyVersionSpec, ...]:
        found: list[PolicyVersionSpec] = []
        last_number, last_day = None, None
        for entry in node.array("versions"):
            parts = entry.table(required=("number", "in_force_from", "text"))
            number = parts["number"].integer(1, 9999, "a whole number")
            day = parts["in_force_from"].day()
            texts = self.plain_texts(parts["text"], default, MAX_TEXT, lines=True)
            if number and last_number and number <= last_number:
                parts["number"].wrong(f"must be more than {last_number}, the number of the version before")
            if day and last_day and day <= last_day:
                began = f"{last_day:%Y-%m-%d}"
                parts["in_force_from"].wrong(
                    f"must be later than {began}, when the version before came into force"
                )
            last_number, last_day = number or last_number, day or last_day
            if number and day:
                found.append(PolicyVersionSpec(number, day, texts))
        return tuple(found)

    def ladder(self, node: Node, default: str | None) -> tuple[RungSpec, ...]:
        found: list[RungSpec | None] = []
        before: list[str] = []
        for position, entry in enumerate(node.array("rungs"), 1):
            kind, rung = self.rung(entry, position, default)
            found.append(rung)
            if kind is None:
                continue
            if "suspension" in before:
                entry.wrong("comes after a suspension, which must be the last rung")
            elif kind == "suspension" and position == 1:
                entry.wrong("is a suspension without a warning or an escalation before it")
            elif kind == "warning" and "escalation" in before:
                entry.wrong("is a warning after an escalation; warnings come first")
            before.append(kind)
        return tuple(rung for rung in found if rung)

    def rung(self, node: Node, position: int, default: str | None) -> tuple[str | None, RungSpec | None]:
        """The kind, if it is known, and the rung, if it has all that it needs."""
        parts = node.table(
            required=("kind", "template", "service", "channels"),
            optional=("window_days", "approvals", "on_deadline", "address_min_age_days"),
        )
        kind = parts["kind"].choice(KINDS)
        template = parts["template"].slug()
        if template:
            self.check_template(parts["template"], template, kind, default)
        window_days = None
        if kind == "suspension" and parts["window_days"].present:
            parts["window_days"].wrong("must be left out: a suspension has no response window")
        elif parts["window_days"].present:
            window_days = parts["window_days"].integer(1, MAX_WINDOW_DAYS, "a whole number of days")
        elif kind in ("warning", "escalation"):
            parts["window_days"].wrong("is missing")
        channels = serving.chains(parts["channels"], self.channels)
        grade, of, days = serving.service(parts["service"], channels)
        approvals = parts["approvals"].integer(0, 1, "a number of persons besides the decider,")
        on_deadline = parts["on_deadline"].choice(("propose", "proceed"))
        min_age = parts["address_min_age_days"].integer(1, 365, "a whole number of days")
        if kind == "suspension" and on_deadline == "proceed":
            parts["on_deadline"].wrong(
                "must be left out: a suspension has no deadline, nothing comes after it"
            )
        if not (kind and template and grade):
            return kind, None
        return kind, RungSpec(
            position=position,
            kind=kind,
            template=template,
            window_days=window_days,
            grade=grade,
            deemed_channels=of,
            deemed_days=days,
            channels=channels,
            approvals=approvals or 0,
            on_deadline=on_deadline or "propose",
            address_min_age_days=min_age,
        )

    def check_template(self, node: Node, slug: str, kind: str | None, default: str | None) -> None:
        if slug not in self.templates:
            have = listed(f'"{known}"' for known in sorted(self.templates)) if self.templates else "none"
            node.wrong(f'names the template "{slug}", which is not in this file; there may be {have}')
            return
        its_kind, languages = self.templates[slug]
        if kind and its_kind and kind != its_kind:
            node.wrong(f'names the template "{slug}", which is for "{its_kind}", not for "{kind}"')
        if default and default not in languages:
            node.wrong(f'names the template "{slug}", which has no text in the default language "{default}"')
