"""The flagged account, the addresses at which it can be reached, and when it may not have been its holder's."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from cases.models import rules
from notices.triggers import Blanking, frozen

_ERASED = rules.erased_account("NEW.account_id")


class Account(models.Model):
    external_id = models.CharField(max_length=200, help_text="the platform's own id")
    display_name = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=35, default="en", help_text="BCP 47 tag")
    timezone = models.CharField(max_length=64, default="UTC", help_text="IANA name")
    described_at = models.DateTimeField(
        help_text="of the newest report that the name, language and zone come from"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        # Not unique=True: that would bring a second index, for LIKE, which nothing asks for.
        constraints = [models.UniqueConstraint(fields=["external_id"], name="account_external_id")]

    def __str__(self) -> str:
        return self.external_id


class Changer(models.TextChoices):
    """Who made an address the account's."""

    HOLDER = "holder", "the account holder"
    PLATFORM = "platform", "the platform"
    SUPPORT = "support", "the platform's support"
    IMPORT = "import", "not said: known from a report"


class ContactPoint(models.Model):
    """An address of an account on one channel, and where we have it from.

    `rank` 0 is the account's main address on that channel, 1 the next. An address that was replaced keeps its row,
    with the time until which it was valid. One address may have several rows, where more than one source tells of it.
    """

    # No index of its own: the unique constraint below begins with the account.
    account = models.ForeignKey(Account, models.PROTECT, db_index=False, related_name="contact_points")
    channel = models.CharField(max_length=20)
    address = models.CharField(max_length=400, help_text="as given")
    canonical = models.CharField(max_length=400, help_text="for comparison: lower case, domain as A-labels")
    rank = models.PositiveSmallIntegerField(default=0)
    source = models.CharField(max_length=100, help_text="where the address came from")
    verified_at = models.DateTimeField(null=True, help_text="when its holder was first seen to receive there")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)
    changed_by = models.CharField(
        max_length=10, choices=Changer, default=Changer.IMPORT, db_default=Changer.IMPORT
    )
    changed_by_label = models.CharField(max_length=100, blank=True, db_default="", help_text="which of them")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="when we learnt of it")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "channel", "rank", "valid_from"], name="contact_point_period"
            ),
            models.CheckConstraint(
                condition=Q(changed_by__in=Changer.values), name="contact_point_changed_by"
            ),
        ]
        indexes = [models.Index(fields=["canonical"], name="contact_point_canonical")]
        # What was later learnt may end an address, or say that it was verified. Where it came from stands.
        triggers = [
            *frozen(
                "account_id",
                "channel",
                "address",
                "canonical",
                "rank",
                "source",
                "valid_from",
                "changed_by",
                "changed_by_label",
                "recorded_at",
                blanking=Blanking({"address": "''", "canonical": "''", "changed_by_label": "''"}, _ERASED),
            ),
            rules.VERIFIED_ONCE,
        ]

    def __str__(self) -> str:
        return f"{self.channel} address of {self.account_id}"


class AccountMark(models.Model):
    """The platform says that an account was, or may have been, in other hands for a time.

    It names nobody, so an erasure leaves it.
    """

    class Kind(models.TextChoices):
        TAKEOVER_SUSPECTED = "takeover_suspected", "take-over suspected"
        TAKEOVER_CONFIRMED = "takeover_confirmed", "take-over confirmed"

    account = models.ForeignKey(Account, models.PROTECT, db_index=False, related_name="marks")
    kind = models.CharField(max_length=20, choices=Kind)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, help_text="empty while it lasts")
    source = models.CharField(max_length=100, help_text="who says so")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="when we learnt of it")
    end_recorded_at = models.DateTimeField(null=True, help_text="when we learnt of its end")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "begins_at", "source"], name="account_mark_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["takeover_suspected", "takeover_confirmed"]), name="mark_kind"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("begins_at")), name="mark_ends"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True, end_recorded_at__isnull=True)
                | Q(ends_at__isnull=False, end_recorded_at__isnull=False),
                name="mark_end_recorded",
            ),
        ]
        triggers = [
            *frozen("account_id", "kind", "begins_at", "source", "recorded_at"),
            rules.MARK_ENDS_ONCE,
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} from {self.begins_at:%Y-%m-%d}"
