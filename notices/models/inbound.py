"""What came to us by mail, kept whole, whether or not we understood it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notices.models.notice import ContentDictionary, Delivery
from notices.triggers import append_only


class ReportForm(models.Model):
    """What one mail server's reports have in common (`notices.inbound.forms`). Messages are packed against it."""

    server = models.CharField(max_length=200, unique=True, help_text="as it calls itself in Reporting-MTA")
    dictionary = models.ForeignKey(ContentDictionary, models.PROTECT, db_index=False, related_name="+")

    class Meta:
        triggers = append_only()

    def __str__(self) -> str:
        return self.server


class InboundMessage(models.Model):
    """One mail as it came to one of our addresses, and what became of it. Never deleted."""

    class Outcome(models.TextChoices):
        RECORDED = "recorded", "became evidence"
        UNMATCHED = "unmatched", "a report about nothing that we know (yet)"
        UNCLASSIFIED = "unclassified", "not a report that we can read; for a person"
        ATTACHED = "attached", "attached to a delivery by a person"
        DISMISSED = "dismissed", "set aside by a person"

    # Those that wait for a person, or for the delivery that they name.
    OPEN = (Outcome.UNMATCHED, Outcome.UNCLASSIFIED)

    received_at = models.DateTimeField(db_default=Now())
    # The same bytes may be for two of our addresses; to one of them they come once.
    sha256 = models.BinaryField(
        max_length=16, unique=True, help_text="of recipient and message: SHA-256, its first 16 bytes"
    )
    recipient = models.CharField(
        max_length=400,
        blank=True,
        default="",
        help_text="of the envelope, where the mail server told it and it is not packed into the message",
    )
    raw = models.BinaryField(help_text="packed, see notices.inbound.packing")
    outcome = models.CharField(max_length=12, choices=Outcome)
    says = models.CharField(
        max_length=200, blank=True, default="", help_text="the kinds of evidence that were read in it"
    )
    reason = models.CharField(max_length=300, blank=True)
    delivery = models.ForeignKey(Delivery, models.PROTECT, null=True, db_index=False, related_name="inbound")
    names = models.BigIntegerField(
        null=True, help_text="the delivery that its tokens name, also where there is no such delivery (yet)"
    )
    # Only of those that wait for a person; the others have it in `raw`.
    sender = models.CharField(max_length=300, blank=True, default="")
    subject = models.CharField(max_length=300, blank=True, default="")

    handled_at = models.DateTimeField(null=True)
    handled_by = models.CharField(max_length=150, blank=True, default="", help_text="user:name")
    handled_because = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["attached", "dismissed"], handled_at__isnull=False)
                & ~Q(handled_by="")
                & ~Q(handled_because="")
                | (~Q(outcome__in=["attached", "dismissed"]) & Q(handled_at__isnull=True)),
                name="handling_says_who_and_why",
            ),
        ]
        indexes = [
            models.Index(
                fields=["received_at"],
                name="inbound_open",
                condition=Q(outcome__in=["unmatched", "unclassified"]),
            ),
            models.Index(
                fields=["names"],
                name="inbound_waiting",
                condition=Q(outcome="unmatched", names__isnull=False),
            ),
        ]
        permissions = [("work_off_inboundmessage", "Can attach incoming mail to a delivery, or set it aside")]

    def __str__(self) -> str:
        return f"I-{self.pk} {self.outcome}"
