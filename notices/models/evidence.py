"""Facts about notices and deliveries. Appended, never changed; `notices.ledger` is the only writer."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from notices.kinds import Kind
from notices.models.notice import Delivery, Notice
from notices.triggers import append_only


class Evidence(models.Model):
    """One fact: about which notice and delivery, of what kind, from whom, and when.

    What is personal lies in the payload; this row keeps only a salted commitment to it, so that a payload can be
    destroyed one day without touching the fact.
    """

    notice = models.ForeignKey(Notice, models.PROTECT, related_name="evidence")
    delivery = models.ForeignKey(Delivery, models.PROTECT, null=True, db_index=False, related_name="evidence")
    kind = models.CharField(max_length=20, choices=Kind)
    source = models.CharField(
        max_length=60, help_text="who says so: smtp, dsn, inapp, sweep, anymail:postmark"
    )
    occurred_at = models.DateTimeField(help_text="when it happened, as far as the source can be believed")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="when we learnt it")
    test = models.BooleanField(default=False, help_text="the provider was in test mode; worth nothing")
    key = models.BinaryField(max_length=32, unique=True, help_text="idempotency key; one fact is stored once")
    commitment = models.BinaryField(max_length=32, help_text="SHA-256 of salt and canonical payload")

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="evidence_kind")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"E-{self.pk} {self.kind}"


class EvidencePayload(models.Model):
    """What the source said, word for word, and the salt of its commitment."""

    evidence = models.OneToOneField(Evidence, models.PROTECT, primary_key=True, related_name="payload")
    salt = models.BinaryField(max_length=16)
    body = models.BinaryField(help_text="canonical JSON")

    class Meta:
        triggers = append_only()

    def __str__(self) -> str:
        return f"payload of E-{self.evidence_id}"


class InboundMessage(models.Model):
    """A mail that came to our bounce address, kept whole, whether or not we understood it."""

    class Outcome(models.TextChoices):
        RECORDED = "recorded", "became evidence"
        UNMATCHED = "unmatched", "a report about nothing that we know (yet)"
        UNCLASSIFIED = "unclassified", "not a report that we can read; for a person"

    received_at = models.DateTimeField(db_default=Now())
    sha256 = models.BinaryField(max_length=32, unique=True)
    raw = models.BinaryField(help_text="deflated")
    outcome = models.CharField(max_length=12, choices=Outcome)
    reason = models.CharField(max_length=300, blank=True)
    delivery = models.ForeignKey(Delivery, models.PROTECT, null=True, db_index=False, related_name="inbound")

    class Meta:
        indexes = [
            models.Index(
                fields=["received_at"],
                name="inbound_open",
                condition=models.Q(outcome__in=["unmatched", "unclassified"]),
            ),
        ]

    def __str__(self) -> str:
        return f"I-{self.pk} {self.outcome}"
