"""Facts about notices and deliveries. Appended, never changed; `notices.ledger` is the only writer."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from notices.kinds import Kind
from notices.models.ledger import queueing
from notices.models.notice import Delivery, Notice
from notices.triggers import Blanking, append_only


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
    key = models.BinaryField(max_length=16, unique=True, help_text="idempotency key; one fact is stored once")
    commitment = models.BinaryField(max_length=32, help_text="SHA-256 of salt and canonical payload")

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="evidence_kind")]
        triggers = [*append_only(), queueing()]

    def __str__(self) -> str:
        return f"E-{self.pk} {self.kind}"


# What says that it was erased, and why, is not itself erased.
_ERASED = """EXISTS (
    SELECT 1 FROM notices_evidence e JOIN notices_evidence x ON x.notice_id = e.notice_id AND x.kind = 'erased'
    WHERE e.id = NEW.evidence_id AND e.kind <> 'erased'
)"""


class EvidencePayload(models.Model):
    """What the source said, word for word, and the salt of its commitment. Both are empty once erased.

    `notices.ledger.payloads` packs and unpacks the body.
    """

    evidence = models.OneToOneField(Evidence, models.PROTECT, primary_key=True, related_name="payload")
    salt = models.BinaryField(max_length=16)
    body = models.BinaryField(help_text="canonical JSON, packed")

    class Meta:
        triggers = append_only(Blanking({"salt": "''", "body": "''"}, _ERASED))

    def __str__(self) -> str:
        return f"payload of E-{self.evidence_id}"
