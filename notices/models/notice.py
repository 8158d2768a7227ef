"""A notice is one frozen message to one account; a delivery is one attempt to bring it to one address."""

from __future__ import annotations

import pgtrigger
from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from notices.kinds import GRADES, Kind, Verdict
from notices.models.template import TemplateVersion
from notices.triggers import Blanking, Rule, append_only, erased_notice, frozen, refusal

_SERVING = ", ".join(f"'{Kind(kind).value}'" for kind in GRADES)


class NoticeKind(models.TextChoices):
    WARNING = "warning", "warning"
    ESCALATION = "escalation", "escalation"
    SUSPENSION = "suspension", "suspension"


class DeliveryState(models.TextChoices):
    QUEUED = "queued", "queued"
    CALLING = "calling", "calling"
    ACCEPTED = "accepted", "accepted"
    REFUSED = "refused", "refused"
    UNKNOWN = "unknown", "unknown"


class ContentDictionary(models.Model):
    """The text that a template's notices have in common; their frozen bytes are compressed against it."""

    sha256 = models.BinaryField(max_length=32, unique=True)
    data = models.BinaryField()

    class Meta:
        triggers = append_only()

    def __str__(self) -> str:
        return bytes(self.sha256).hex()[:12]


class Notice(models.Model):
    """Frozen at issue. Only the standing (below) changes, and it is a cache: the evidence decides."""

    recipient = models.CharField(max_length=200, help_text="the platform's id of the account")
    recipient_name = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=20, choices=NoticeKind)
    template_version = models.ForeignKey(TemplateVersion, models.PROTECT, db_index=False, related_name="+")
    policy_version = models.CharField(max_length=120, help_text="policy and number, as slug@number")
    language_asked = models.CharField(max_length=35)
    language_used = models.CharField(max_length=35)
    service_rule = models.JSONField(help_text="when this notice counts as served")
    dictionary = models.ForeignKey(ContentDictionary, models.PROTECT, db_index=False, related_name="+")
    content = models.BinaryField(help_text="frozen bytes, deflated against the dictionary")
    content_sha256 = models.BinaryField(max_length=32)
    plan = models.JSONField(
        null=True,
        help_text="addresses still to try, by chain: [channel, address, ref] or [channel, address, ref, hours to wait]",
    )
    issued_at = models.DateTimeField()
    issued_by = models.CharField(max_length=150)

    grade = models.PositiveSmallIntegerField(default=0)
    verdict = models.CharField(max_length=12, choices=Verdict, default=Verdict.NOT_PROVEN)
    served_at = models.DateTimeField(null=True)
    deemed = models.BooleanField(default=False)
    deemed_due_at = models.DateTimeField(null=True, help_text="when silence would make it count as served")
    stood_down_at = models.DateTimeField(
        null=True,
        help_text="from then on no further address is tried: its case was closed, or its step overturned",
    )
    grading_version = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["recipient"], name="notice_recipient"),
            models.Index(
                fields=["deemed_due_at"], name="notice_deemed_due", condition=Q(deemed_due_at__isnull=False)
            ),
            models.Index(fields=["served_at"], name="notice_deemed", condition=Q(deemed=True)),
        ]
        triggers = [
            *frozen(
                "recipient",
                "recipient_name",
                "kind",
                "template_version_id",
                "policy_version",
                "language_asked",
                "language_used",
                "service_rule",
                "dictionary_id",
                "content",
                "content_sha256",
                "plan",
                "issued_at",
                "issued_by",
                blanking=Blanking(
                    {
                        "recipient": "'erased-' || NEW.id",
                        "recipient_name": "''",
                        "content": "''",
                        "plan": "NULL",
                    },
                    erased_notice("NEW.id"),
                ),
            ),
            Rule(
                name="served_needs_evidence",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("served_at"),
                condition=pgtrigger.Condition("NEW.served_at IS NOT NULL"),
                func=f"""
                IF NOT EXISTS (
                    SELECT 1 FROM notices_evidence e WHERE e.notice_id = NEW.id AND e.kind IN ({_SERVING})
                ) THEN
                    {refusal("Notice % has no evidence of service", rule="served_needs_evidence", args=", NEW.id")}
                END IF;
                RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The notice id as people write it, for example N-1042."""
        return f"N-{self.pk}"


class Delivery(models.Model):
    """One attempt. Where it went and what it said is frozen; how far it got is not."""

    # No index of its own: the unique constraint below begins with the notice.
    notice = models.ForeignKey(Notice, models.PROTECT, db_index=False, related_name="deliveries")
    channel = models.CharField(max_length=20)
    address = models.CharField(
        max_length=400, help_text="as used; later changes of the account do not reach it"
    )
    contact_ref = models.BigIntegerField(null=True, help_text="the caller's id of the contact point")
    chain = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)
    retry_of = models.ForeignKey("self", models.PROTECT, null=True, db_index=False, related_name="retries")
    retry_reason = models.CharField(
        max_length=300,
        blank=True,
        help_text="why this attempt was made, where it is not the first of its chain",
    )
    head = models.BinaryField(help_text="header lines of this recipient; head + content are the bytes sent")
    created_at = models.DateTimeField(db_default=Now())

    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.QUEUED)
    due_at = models.DateTimeField(help_text="not before")
    tries = models.PositiveSmallIntegerField(default=0)
    called_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(
        null=True, help_text="when to look whether it was served, and else to try the next address"
    )
    provider = models.CharField(max_length=100, blank=True)
    provider_id = models.CharField(max_length=250, blank=True)
    reply = models.TextField(blank=True)
    expects_report = models.BooleanField(
        db_default=False, help_text="whoever took it is to report what became of it; see notices.silence"
    )

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "channel", "address"],
                condition=Q(state__in=["queued", "calling"]),
                name="one_live_delivery",
            ),
            # Each place of a plan is tried once, and each attempt repeated at most once.
            models.UniqueConstraint(
                fields=["notice", "chain", "position", "retry_of"],
                nulls_distinct=False,
                name="one_attempt",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "calling", "accepted", "refused", "unknown"]),
                name="delivery_state",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="delivery_due", condition=Q(state="queued")),
            models.Index(fields=["called_at"], name="delivery_calling", condition=Q(state="calling")),
            models.Index(fields=["settled_at"], name="delivery_unknown", condition=Q(state="unknown")),
            # Mail that came in with none of our tokens: is it about an address that we mailed? Small: a hash of it.
            HashIndex(Lower("address"), name="delivery_address", condition=Q(channel="email")),
            models.Index(fields=["next_at"], name="delivery_next", condition=Q(next_at__isnull=False)),
            # Provider events that name no attempt of ours are found by the provider's message id.
            models.Index(
                fields=["provider_id"],
                name="delivery_provider_id",
                condition=~Q(provider_id="") & ~Q(provider__startswith="smtp:"),
            ),
            # The deliveries of one stream that should have been reported on, in the order in which they were taken.
            models.Index(
                fields=["provider", "settled_at"],
                name="delivery_expects",
                condition=Q(expects_report=True),
            ),
        ]
        triggers = frozen(
            "notice_id",
            "channel",
            "address",
            "contact_ref",
            "chain",
            "position",
            "retry_of_id",
            "retry_reason",
            "head",
            blanking=Blanking(
                {"address": "''", "contact_ref": "NULL", "head": "''", "reply": "''"},
                erased_notice("NEW.notice_id"),
            ),
        )

    def __str__(self) -> str:
        return f"D-{self.pk}"
