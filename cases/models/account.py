"""The flagged account and the addresses at which it can be reached."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


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


class ContactPoint(models.Model):
    """An address of an account on one channel, and where we have it from.

    `rank` 0 is the account's main address on that channel, 1 the next. An address that was replaced keeps its row,
    with the time until which it was valid.
    """

    # No index of its own: the unique constraint below begins with the account.
    account = models.ForeignKey(Account, models.PROTECT, db_index=False, related_name="contact_points")
    channel = models.CharField(max_length=20)
    address = models.CharField(max_length=400, help_text="as given")
    canonical = models.CharField(max_length=400, help_text="for comparison: lower case, domain as A-labels")
    rank = models.PositiveSmallIntegerField(default=0)
    source = models.CharField(max_length=100, help_text="where the address came from")
    verified_at = models.DateTimeField(null=True)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "channel", "rank", "valid_from"], name="contact_point_period"
            ),
        ]
        indexes = [models.Index(fields=["canonical"], name="contact_point_canonical")]

    def __str__(self) -> str:
        return f"{self.channel} address of {self.account_id}"
