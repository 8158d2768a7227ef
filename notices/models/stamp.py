"""What others can say about a checkpoint: time-stamps of it, and that it was published elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.db import models

from notices.models.ledger import Checkpoint
from notices.triggers import append_only


class CheckpointStamp(models.Model):
    """An RFC 3161 time-stamp over the signed note of a checkpoint, its signature checked before it was stored."""

    checkpoint = models.ForeignKey(Checkpoint, models.PROTECT, related_name="stamps")
    authority = models.CharField(max_length=500, help_text="the address that gave it, without any password")
    token = models.BinaryField(help_text="DER, as the authority signed it")
    stamped_at = models.DateTimeField(help_text="by the authority's clock")
    at = models.DateTimeField(help_text="when we got it, by ours")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["checkpoint", "authority"], name="stamp_once")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.host} {self.stamped_at:%Y-%m-%d %H:%M}"

    @property
    def host(self) -> str:
        """The authority's host name, for people."""
        return urlsplit(self.authority).hostname or ""


class StampFailure(models.Model):
    """A time-stamp that was asked for and not had. The next run asks again."""

    checkpoint = models.ForeignKey(Checkpoint, models.PROTECT, db_index=False, related_name="+")
    authority = models.CharField(max_length=500)
    at = models.DateTimeField()
    reason = models.CharField(max_length=1000)

    class Meta:
        indexes = [models.Index(fields=["authority", "at"], name="stamp_failure_latest")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}: {self.reason}"


class CheckpointPublication(models.Model):
    """One run of the publishing command with a checkpoint, and what came of it."""

    checkpoint = models.ForeignKey(Checkpoint, models.PROTECT, related_name="publications")
    at = models.DateTimeField()
    ok = models.BooleanField()
    output = models.CharField(max_length=2000, blank=True, help_text="what the command printed, cut short")

    class Meta:
        indexes = [models.Index(fields=["-at"], name="publication_latest")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{'published' if self.ok else 'not published'} {self.at:%Y-%m-%d %H:%M}"
