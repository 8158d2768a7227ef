"""The account holder contests a step (appeal), or says that a notice never arrived (dispute)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from cases.models import rules
from cases.models.case import Step
from notices.triggers import append_only


class Appeal(models.Model):
    class Outcome(models.TextChoices):
        OPEN = "open", "open"
        UPHELD = "upheld", "the decision stands"
        OVERTURNED = "overturned", "the decision is overturned"
        WITHDRAWN = "withdrawn", "withdrawn"

    step = models.ForeignKey(Step, models.PROTECT, related_name="appeals")
    filed_at = models.DateTimeField(db_default=Now())
    statement = models.TextField()
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["step"], condition=Q(outcome="open"), name="one_open_appeal_per_step"
            ),
            models.CheckConstraint(
                condition=~Q(outcome__in=["upheld", "overturned"])
                | Q(decided_by__isnull=False) & ~Q(decision_reason=""),
                name="appeal_decision_is_reasoned",
            ),
        ]
        triggers = [rules.APPEAL_REVIEWER_IS_ANOTHER, rules.CONTEST_TOUCHES_CASE, *append_only()[1:]]

    def __str__(self) -> str:
        return f"appeal A-{self.pk}"


class Dispute(models.Model):
    class Outcome(models.TextChoices):
        OPEN = "open", "open"
        UPHELD = "upheld", "upheld: the notice counts as not served"
        REJECTED = "rejected", "rejected: the evidence stands"

    step = models.ForeignKey(Step, models.PROTECT, related_name="disputes")
    opened_at = models.DateTimeField(db_default=Now())
    opened_by = models.CharField(max_length=150)
    statement = models.TextField()
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["step"], condition=Q(outcome="open"), name="one_open_dispute_per_step"
            ),
        ]
        triggers = [rules.CONTEST_TOUCHES_CASE, *append_only()[1:]]

    def __str__(self) -> str:
        return f"dispute Q-{self.pk}"
