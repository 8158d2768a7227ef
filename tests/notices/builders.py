"""Notices without cases: the app alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from notices.issuing import Order, issue
from notices.models import Delivery, Notice, Template, TemplateVersion
from notices.queueing import Contact

BODY = "Dear {{ account_name }},\n\n{{ facts }}\n\n> {{ policy_text }}\n\n[Your notice]({{ link }}) {{ reference }}"


def a_template(language: str = "en", subject: str = "A warning", body: str = BODY) -> TemplateVersion:
    template, _ = Template.objects.get_or_create(slug="warning", defaults={"kind": "warning"})
    number = template.versions.filter(language=language).count() + 1
    return TemplateVersion.objects.create(
        template=template, language=language, number=number, subject=subject, body=body
    )


def an_order(**changes: Any) -> Order:
    given: dict[str, Any] = {
        "recipient": "u-1",
        "name": "Ana Kovač",
        "language": "en",
        "kind": "warning",
        "template": "warning",
        "policy_version": "data-selling@1",
        "service_rule": {"grade": 2},
        "chains": [[Contact("email", "ana@mail.example", 7)]],
        "values": {"account_name": "Ana Kovač", "facts": "Sold records.", "case_number": "C-1"},
        "constants": {"policy_text": {"en": "Do not sell."}, "platform": {"en": "Example"}},
    }
    return Order(**{**given, **changes})


def issued(at: datetime | None = None, **changes: Any) -> Notice:
    """One issued notice; a template in English is made if there is none."""
    if not TemplateVersion.objects.exists():
        a_template()
    return Notice.objects.get(
        pk=issue([an_order(**changes)], actor="system:test", at=at or datetime.now(UTC))[0]
    )


def issued_many(count: int, chains: Sequence[Sequence[Contact]] | None = None) -> list[int]:
    """Ids of the deliveries of `count` notices to as many addresses."""
    a_template()
    orders = [
        an_order(recipient=f"u-{n}", chains=chains or [[Contact("email", f"p{n}@mail.example", n)]])
        for n in range(count)
    ]
    issue(orders, actor="system:test", at=datetime.now(UTC))
    return list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
