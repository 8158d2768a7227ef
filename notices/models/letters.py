"""Notices on paper: a delivery's letter, the batches for a print shop, and tracking rows that told nothing."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notices import tokens
from notices.models.notice import Delivery
from notices.triggers import Blanking, Rule, append_only, erased_notice, frozen, refusal


class LetterBatch(models.Model):
    """Letters that were handed to a print shop together. Which they are, and in which order, never changes."""

    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150, help_text="user:name or system:what")
    count = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "letter batches"
        permissions = [("print_letters", "Can hand queued letters over for printing")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"B-{self.pk}"


class Letter(models.Model):
    """The PDF of one delivery by post, frozen. Once in a batch it stays there; once numbered by a carrier, likewise."""

    delivery = models.OneToOneField(Delivery, models.PROTECT, primary_key=True, related_name="letter")
    pdf = models.BinaryField()
    sha256 = models.BinaryField(max_length=32)
    pages = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    batch = models.ForeignKey(LetterBatch, models.PROTECT, null=True, db_index=False, related_name="letters")
    place = models.PositiveIntegerField(null=True, help_text="in the batch, from 1; the order of printing")
    carrier = models.CharField(max_length=40, blank=True)
    tracking_number = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "place"], name="letter_place"),
            models.UniqueConstraint(
                fields=["carrier", "tracking_number"],
                condition=~Q(tracking_number=""),
                name="letter_tracking_number",
            ),
            models.CheckConstraint(
                condition=Q(batch__isnull=True, place__isnull=True)
                | Q(batch__isnull=False, place__isnull=False),
                name="letter_has_place_in_batch",
            ),
        ]
        indexes = [models.Index(fields=["delivery"], name="letter_queued", condition=Q(batch__isnull=True))]
        triggers = [
            *frozen(
                "delivery_id",
                "pdf",
                "sha256",
                "pages",
                "created_at",
                blanking=Blanking(
                    {"pdf": "''"},
                    erased_notice(
                        "(SELECT d.notice_id FROM notices_delivery d WHERE d.id = NEW.delivery_id)"
                    ),
                ),
            ),
            Rule(
                name="handed_over_once",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("batch_id", "place", "carrier", "tracking_number"),
                condition=pgtrigger.Condition(
                    "((OLD.batch_id IS NOT NULL"
                    " AND (NEW.batch_id, NEW.place) IS DISTINCT FROM (OLD.batch_id, OLD.place))"
                    " OR (OLD.tracking_number <> '' AND (NEW.carrier, NEW.tracking_number)"
                    " IS DISTINCT FROM (OLD.carrier, OLD.tracking_number)))"
                ),
                func=refusal("A letter is handed over once, and numbered by its carrier once", rule="frozen"),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The letter's number as print shops and carriers hand it back: with a check, so that a slip is noticed."""
        return f"L-{tokens.make('letter', self.pk)}"

    @property
    def state(self) -> str:
        return "queued" if self.batch_id is None else "handed_over"

    @property
    def file_name(self) -> str:
        """In its batch's archive; sorted by name is sorted by print order."""
        return f"{self.place:05d}_{self.number}.pdf"


def read_letter_number(text: str) -> int | None:
    """The delivery whose letter has this number, or None where it is none of ours (or mistyped)."""
    prefix, _, token = text.strip().partition("-")
    return tokens.read("letter", token) if prefix.upper() == "L" else None


class TrackingReject(models.Model):
    """A row of a tracking file that told us nothing, kept with the reason. The same row is kept once."""

    file = models.CharField(max_length=200)
    line = models.PositiveIntegerField()
    row = models.TextField(help_text="as it stood in the file")
    reason = models.CharField(max_length=400)
    rejected_at = models.DateTimeField()
    key = models.BinaryField(max_length=32, unique=True, help_text="SHA-256 of row and reason")

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"
