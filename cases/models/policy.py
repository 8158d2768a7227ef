"""What the terms say, and the ladder of steps that they prescribe. Versions are added, never edited."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from notices.triggers import append_only


class Policy(models.Model):
    slug = models.SlugField(max_length=100, unique=True)
    titles = models.JSONField(help_text="title by language tag")
    default_language = models.CharField(max_length=35, default="en")

    class Meta:
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.slug


class PolicyVersion(models.Model):
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    in_force_from = models.DateTimeField()
    titles = models.JSONField(help_text="title by language tag, as it was in this version")
    texts = models.JSONField(help_text="text by language tag")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.policy.slug}@{self.number}"


class Ladder(models.Model):
    """One numbered set of rungs of a policy. A case keeps the ladder that it was opened under."""

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="ladders")
    number = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="ladder_number")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.policy.slug} ladder {self.number}"


class RungKind(models.TextChoices):
    WARNING = "warning", "warning"
    ESCALATION = "escalation", "escalation"
    SUSPENSION = "suspension", "suspension"


class Rung(models.Model):
    ladder = models.ForeignKey(Ladder, models.PROTECT, related_name="rungs")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12, choices=RungKind)
    template = models.ForeignKey("notices.Template", models.PROTECT, related_name="+")
    window_days = models.PositiveSmallIntegerField(null=True, help_text="response window, from service")
    service_rule = models.JSONField()
    channels = models.JSONField(
        help_text="chains of channels, run at once; links of a chain in turn, or after hours of silence"
    )
    approvals = models.PositiveSmallIntegerField(default=0)
    address_min_age_days = models.PositiveSmallIntegerField(
        null=True,
        help_text="to a younger address a notice does not go alone: also to the one verified before it",
    )
    on_deadline = models.CharField(
        max_length=10,
        default="propose",
        choices=[("propose", "propose the next step"), ("proceed", "take the next step")],
    )

    class Meta:
        ordering = ["ladder_id", "position"]
        constraints = [models.UniqueConstraint(fields=["ladder", "position"], name="rung_position")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.kind} (rung {self.position})"
