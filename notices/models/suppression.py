"""Addresses that are not to be written to, until a person says otherwise."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from notices.models.evidence import Evidence
from notices.triggers import Blanking, Rule, frozen, refusal

# The fact that said so is about a notice that was erased.
_ERASED = """EXISTS (
    SELECT 1 FROM notices_evidence e JOIN notices_evidence x ON x.notice_id = e.notice_id AND x.kind = 'erased'
    WHERE e.id = NEW.evidence_id
)"""


class Suppression(models.Model):
    """One address, from when on and why nothing is sent to it. Lifted by a person, never deleted."""

    class Reason(models.TextChoices):
        COMPLAINED = "complained", "its holder reported a notice as spam"
        PROVIDER = "provider", "the provider will not write to it"
        PERSON = "person", "a person of ours decided so"

    address = models.CharField(max_length=400, help_text="in canonical form, see notices.suppression")
    reason = models.CharField(max_length=12, choices=Reason)
    source = models.CharField(max_length=60, help_text="who said so: postmark, dsn, user:name, ...")
    since = models.DateTimeField(help_text="when it was said, as far as the source can be believed")
    evidence = models.ForeignKey(
        Evidence,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        help_text="the fact that says so",
    )
    recorded_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=150, blank=True, help_text="user:name")
    lifted_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["address"], condition=Q(lifted_at__isnull=True), name="one_suppression_per_address"
            ),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True, lifted_by="", lifted_because="")
                | (Q(lifted_at__isnull=False) & ~Q(lifted_by="") & ~Q(lifted_because="")),
                name="lifting_says_who_and_why",
            ),
        ]
        indexes = [models.Index(fields=["address", "lifted_at"], name="suppression_lifted")]
        permissions = [("lift_suppression", "Can lift a suppression")]
        triggers = [
            *frozen(
                "address",
                "reason",
                "source",
                "since",
                "evidence_id",
                "recorded_at",
                blanking=Blanking({"address": "'erased-' || NEW.id"}, _ERASED),
            ),
            Rule(
                name="lifted_once",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("lifted_at", "lifted_by", "lifted_because"),
                condition=pgtrigger.Condition("OLD.lifted_at IS NOT NULL"),
                func=refusal("% was lifted already", rule="lifted_once", args=", OLD.address"),
            ),
        ]

    def __str__(self) -> str:
        return f"S-{self.pk}"
