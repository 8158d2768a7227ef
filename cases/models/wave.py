"""One bulk decision over many accounts, and the rows of its file that could not be read."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Wave(models.Model):
    source = models.CharField(max_length=100, blank=True)
    file_name = models.CharField(max_length=300, blank=True)
    started_by = models.CharField(max_length=150)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(
        default=dict, help_text="rows read, rejected, flags new and known, cases opened, joined"
    )

    def __str__(self) -> str:
        return f"W-{self.pk}"


class RejectedRow(models.Model):
    """A row kept whole with every reason why it was not taken, so that it can be mended and sent again."""

    wave = models.ForeignKey(Wave, models.PROTECT, related_name="rejected_rows")
    line = models.PositiveBigIntegerField()
    raw = models.TextField()
    reasons = models.JSONField()

    def __str__(self) -> str:
        return f"line {self.line} of {self.wave_id}"
