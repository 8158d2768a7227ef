"""That an account's personal data were destroyed: for whom, why and when. This is what remains of them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from cases.models.account import Account
from notices.triggers import append_only


class Erasure(models.Model):
    """One erasure. There may be a second, where more came in after the first."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="erasures")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    actor_label = models.CharField(max_length=150, help_text="user:name or system:what")
    reason = models.TextField(help_text="on what ground; names nobody")
    at = models.DateTimeField()
    counts = models.JSONField(help_text="what was emptied: rows by table")

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(actor_label=""), name="erasure_has_actor")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"erasure X-{self.pk}"
