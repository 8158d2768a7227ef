from __future__ import annotations

from datetime import datetime

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone


class QuestionForm(forms.Form):
    """Was this account warned? Who is meant and, where wanted, as of which moment (UTC)."""

    who = forms.CharField(
        label="Account, address, case or notice",
        max_length=400,
        help_text="The platform's account id, an e-mail address (also a former one), a case such as C-12, or a notice: "
        "N-12, or the reference printed on it.",
        error_messages={"required": "Say whom you mean."},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    as_of = forms.DateTimeField(
        label="As of (UTC)",
        required=False,
        help_text="Leave empty for now. Else: what was known, and done, by then.",
        error_messages={"invalid": "Write a date and time, such as 2026-05-12 14:00."},
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )

    def clean_as_of(self) -> datetime | None:
        moment: datetime | None = self.cleaned_data["as_of"]
        if moment is not None and moment > timezone.now():
            raise ValidationError("This moment is still to come; nobody knows yet what will be known then.")
        return moment


class DecisionForm(forms.Form):
    """The reason for a decision, as the admin asks for it. What it is told to, and whether it may be empty, varies."""

    reason = forms.CharField(
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 6, "class": "vLargeTextField"}),
        error_messages={
            "required": "Say why: the reason is kept with the decision and shown to those who ask."
        },
    )

    def __init__(self, *args: object, needed: bool, help_text: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed through to Django's own form
        self.fields["reason"].required = needed
        self.fields["reason"].help_text = help_text
