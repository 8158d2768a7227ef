"""What the pages with answers say beyond the notice itself."""

from __future__ import annotations

from django import template

from cases.answers import Answer
from cases.whence import told
from notices.history import AttemptHistory

register = template.Library()


@register.simple_tag
def provenance(one: Answer, attempt: AttemptHistory, zone: str) -> list[str]:
    """Sentences about the address of one attempt: whose it was, since when, from where. Empty where it had none."""
    whence = one.provenance.get(attempt.id)
    return told(whence, zone) if whence else []
