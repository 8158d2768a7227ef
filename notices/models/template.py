"""What notices are made from: a template per purpose, and its numbered texts by language."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from notices.triggers import append_only


class Template(models.Model):
    slug = models.SlugField(max_length=100, unique=True)
    kind = models.CharField(max_length=20)

    def __str__(self) -> str:
        return self.slug


class TemplateVersion(models.Model):
    """One text in one language. Never edited: a change is a new number."""

    template = models.ForeignKey(Template, models.PROTECT, related_name="versions")
    language = models.CharField(max_length=35, help_text="BCP 47 tag")
    number = models.PositiveSmallIntegerField()
    subject = models.CharField(max_length=500)
    body = models.TextField(help_text="Markdown with {{ placeholders }}")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["template", "language", "number"], name="template_version_number"
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.template.slug} {self.language} v{self.number}"
