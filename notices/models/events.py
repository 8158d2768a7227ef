"""What providers tell us by webhook, from the door to the evidence: requests, events that wait, refusals counted."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notices.kinds import Kind
from notices.triggers import Blanking, Rule, erased_notice, frozen, refusal


def _only_once_evidence(name: str, condition: str, sentence: str) -> Rule:
    return Rule(
        name=name,
        when=pgtrigger.Before,
        operation=pgtrigger.Delete,
        func=f"IF {condition} THEN RETURN OLD; END IF; {refusal(sentence, rule=name, args=', OLD.id')}",
    )


def _frozen(*columns: str, blanking: Blanking | None = None) -> list[Rule]:
    """These columns never change and the table is never emptied at once; rows may go, if another rule lets them."""
    return [rule for rule in frozen(*columns, blanking=blanking) if rule.name != "append_only_delete"]


class WebhookRequest(models.Model):
    """One verified request of a provider, as it came. Deleted once all of its events are evidence, or wait as events.

    Nothing secret is kept: no Authorization, and of the headers only what interpretation needs.
    """

    class Purpose(models.TextChoices):
        TRACKING = "tracking", "reports about what we sent"
        INBOUND = "inbound", "mail that came to us"
        CONFIRMATION = "confirmation", "Amazon asks whether it may report to us"

    class State(models.TextChoices):
        WAITING = "waiting", "waits for its interpretation"
        FAILED = "failed", "could not be interpreted"
        DISMISSED = "dismissed", "set aside by a person"

    esp = models.CharField(max_length=30)
    purpose = models.CharField(max_length=12, choices=Purpose)
    received_at = models.DateTimeField(db_default=Now())
    content_type = models.CharField(max_length=250, blank=True)
    headers = models.JSONField(default=dict, help_text="the few that interpretation needs")
    body = models.BinaryField(help_text="deflated")

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(null=True, help_text="not before; null: at once")
    tries = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=500, blank=True, help_text="why it could not be interpreted")
    dismissed_by = models.CharField(max_length=150, blank=True, help_text="user:name")
    dismissed_because = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["id"], name="webhookrequest_waiting", condition=Q(state="waiting"))]
        permissions = [("settle_webhookrequest", "Can dismiss a webhook request, or have it tried again")]
        triggers = _frozen("esp", "received_at", "content_type", "headers", "body")

    def __str__(self) -> str:
        return f"W-{self.pk} {self.esp}"


class ProviderEvent(models.Model):
    """An event that is not evidence yet: about a message that we do not know, or one whose recording failed.

    Deleted when it has become evidence, and only then.
    """

    class State(models.TextChoices):
        UNMATCHED = "unmatched", "about no delivery that we know (yet)"
        FAILED = "failed", "could not be recorded"
        DISMISSED = "dismissed", "set aside by a person"

    esp = models.CharField(max_length=30)
    key = models.BinaryField(max_length=16, unique=True, help_text="of the evidence that it would become")
    event_id = models.CharField(max_length=400)
    kind = models.CharField(max_length=20, choices=Kind)
    occurred_at = models.DateTimeField(null=True, help_text="as the provider says")
    received_at = models.DateTimeField()
    test = models.BooleanField(default=False)
    suppresses = models.BooleanField(default=False, help_text="the address is not to be written to any more")
    delivery_id_said = models.BigIntegerField(
        null=True, help_text="the delivery that the event names, by a token of ours"
    )
    provider_id = models.CharField(max_length=250, blank=True)
    recipient = models.CharField(max_length=400, blank=True)
    body = models.BinaryField(help_text="the payload of its evidence: canonical JSON, deflated")

    state = models.CharField(max_length=10, choices=State, default=State.UNMATCHED)
    reason = models.CharField(max_length=500, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, help_text="when to try again; null: only if a person asks")
    dismissed_by = models.CharField(max_length=150, blank=True, help_text="user:name")
    dismissed_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="dismissed") | (~Q(dismissed_by="") & ~Q(dismissed_because="")),
                name="dismissing_says_who_and_why",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="providerevent_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["state", "-id"], name="providerevent_state"),
        ]
        permissions = [("settle_providerevent", "Can dismiss a provider event, or have it tried again")]
        triggers = [
            *_frozen(
                "esp",
                "key",
                "event_id",
                "kind",
                "occurred_at",
                "received_at",
                "test",
                "body",
                blanking=Blanking(
                    {"body": "''", "recipient": "''", "provider_id": "''"},
                    erased_notice(
                        "(SELECT d.notice_id FROM notices_delivery d WHERE d.id = NEW.delivery_id_said)"
                    ),
                ),
            ),
            _only_once_evidence(
                "kept_until_evidence",
                "EXISTS (SELECT 1 FROM notices_evidence e WHERE e.key = OLD.key)",
                "Provider event % is not evidence yet",
            ),
        ]

    def __str__(self) -> str:
        return f"P-{self.pk} {self.kind}"


class WebhookToken(models.Model):
    """A signature's token that was used, and for what: Mailgun signs a time and a token, not what it says."""

    esp = models.CharField(max_length=30)
    token = models.BinaryField(max_length=32, help_text="SHA-256 of it")
    body_sha256 = models.BinaryField(max_length=32)
    seen_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "esp"], name="one_use_per_token")]

    def __str__(self) -> str:
        return f"token of {self.esp} at {self.seen_at:%Y-%m-%dT%H:%M:%SZ}"


class WebhookRefusal(models.Model):
    """How many requests were refused on one day. Nothing else of them is kept."""

    class Reason(models.TextChoices):
        NO_SECRET = "no_secret", "no secret is configured for this provider"
        UNVERIFIED = "unverified", "its password or signature does not hold"
        UNREADABLE = "unreadable", "not what this provider sends"
        STALE = "stale", "signed too long ago, or in the future"
        REPLAYED = "replayed", "its signature was used before, for something else"
        TOO_LARGE = "too_large", "larger than is taken"

    esp = models.CharField(max_length=30)
    day = models.DateField()
    reason = models.CharField(max_length=12, choices=Reason)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["esp", "day", "reason"], name="one_count_per_refusal")]

    def __str__(self) -> str:
        return f"{self.count} × {self.esp} {self.reason} on {self.day}"
