"""What did not come: gaps in the reports of a stream, and deliveries that their provider is to be asked about."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from notices.models.notice import Delivery
from notices.triggers import frozen


class StreamGap(models.Model):
    """A time in which the reports of one stream were missing. What stands on silence does not stand on this one.

    A stream is what sends reports together: a provider ("postmark"), or a mail server ("smtp:host"), as in
    `Delivery.provider`.
    """

    class Closed(models.TextChoices):
        ARRIVED = "arrived", "the reports flow again, and what was missing has come or was asked for"
        BY_PERSON = "by_person", "closed by a person"

    stream = models.CharField(max_length=100)
    began_at = models.DateTimeField(help_text="deliveries accepted from here on have no report")
    noticed_at = models.DateTimeField()
    resumed_at = models.DateTimeField(
        null=True, help_text="reports flow again; what was accepted before this is still accounted for"
    )
    ended_at = models.DateTimeField(null=True)
    expected = models.PositiveIntegerField(help_text="reports that should have come, at the last look")
    missing = models.PositiveIntegerField(help_text="of these, how many have not come")
    usual = models.PositiveSmallIntegerField(
        help_text="how many in a hundred are missing at this age in ordinary times"
    )
    closed = models.CharField(max_length=10, choices=Closed, blank=True)
    closed_by = models.CharField(max_length=150, blank=True, help_text="user:name")
    reason = models.TextField(blank=True, help_text="why a person closed it")
    regraded_at = models.DateTimeField(
        null=True, help_text="the notices that it touches were graded anew since it was opened or closed"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stream"], condition=Q(ended_at__isnull=True), name="one_open_gap_per_stream"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, closed="")
                | Q(ended_at__isnull=False, closed="arrived")
                | (Q(ended_at__isnull=False, closed="by_person") & ~Q(closed_by="") & ~Q(reason="")),
                name="gap_says_how_it_closed",
            ),
        ]
        permissions = [("close_streamgap", "Can close a gap in the reports of a stream")]
        # Verdicts of the past depend on what was known then: a gap is closed, never removed.
        triggers = frozen("stream", "began_at", "noticed_at")

    def __str__(self) -> str:
        return f"gap in {self.stream} since {self.began_at:%-d %B %Y %H:%M} UTC"


class Question(models.Model):
    """A delivery that its provider is to be asked about, again and again with growing waits, until it answers."""

    delivery = models.OneToOneField(Delivery, models.PROTECT, primary_key=True, related_name="question")
    stream = models.CharField(max_length=100)
    times = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True, help_text="null: not to be asked any more")
    trouble = models.CharField(
        max_length=300, blank=True, help_text="why the last asking brought no answer; evidence of nothing"
    )
    answered_at = models.DateTimeField(null=True, help_text="the answer said something; it is evidence now")
    again = models.BooleanField(
        default=False, help_text="answered before the gap was over, so asked for what came after"
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["stream", "next_at"], name="question_due", condition=Q(next_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"question about D-{self.delivery_id}"


class Watermark(models.Model):
    """How far a sweep over time has come, by its name."""

    name = models.CharField(max_length=40, primary_key=True)
    reached_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.reached_at:%Y-%m-%dT%H:%M:%SZ}"
