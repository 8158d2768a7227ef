"""A case is one account on one policy ground; a step is one rung taken in it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from cases.models import rules
from cases.models.account import Account
from cases.models.policy import Ladder, Policy, PolicyVersion, Rung
from cases.models.wave import Wave
from notices.models import Notice
from notices.triggers import Blanking, append_only, frozen

# What a person wrote about an account is gone once its data are erased; this word stands in its place.
_BLANK_REASON = Blanking({"reason": "'erased'"}, rules.erased_case("NEW.case_id"))


class State(models.TextChoices):
    OPEN = "open", "open"
    WARNED = "warned", "warned"
    ESCALATED = "escalated", "escalated"
    SUSPENDED = "suspended", "suspended"
    CLOSED = "closed", "closed"


class Resolution(models.TextChoices):
    DISMISSED = "dismissed", "dismissed"
    COMPLIED = "complied", "complied"
    REINSTATED = "reinstated", "reinstated"
    OVERTURNED = "overturned", "overturned on appeal"


class Case(models.Model):
    account = models.ForeignKey(Account, models.PROTECT, related_name="cases")
    policy = models.ForeignKey(Policy, models.PROTECT, db_index=False, related_name="cases")
    ladder = models.ForeignKey(Ladder, models.PROTECT, db_index=False, related_name="+")
    wave = models.ForeignKey(
        Wave, models.PROTECT, null=True, related_name="cases", help_text="that opened it"
    )
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    resolution = models.CharField(max_length=12, choices=Resolution, blank=True)
    version = models.PositiveIntegerField(
        default=1, help_text="rises with every change that a decider must see"
    )
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "policy"], condition=~Q(state="closed"), name="one_open_case_per_policy"
            ),
            models.CheckConstraint(condition=Q(state__in=State.values), name="case_state"),
            models.CheckConstraint(
                condition=Q(state="closed") & ~Q(resolution="") | ~Q(state="closed") & Q(resolution=""),
                name="closed_has_resolution",
            ),
        ]
        triggers = [
            rules.SUSPENSION_NEEDS_SERVED_WARNING,
            rules.CASE_BEGINS_OPEN,
            rules.STATE_CHANGE_LEAVES_HISTORY,
            *append_only()[1:],
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The case number as people write it, for example C-1042."""
        return f"C-{self.pk}"


class Transition(models.Model):
    """Case history: one row per change of state, written by `cases.workflow.move` beside the change."""

    case = models.ForeignKey(Case, models.PROTECT, related_name="transitions")
    old = models.CharField(max_length=10, blank=True)
    new = models.CharField(max_length=10, choices=State)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    actor_label = models.CharField(max_length=150, help_text="user:name or system:what")
    reason = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=rules.LEGAL_TRANSITIONS, name="legal_transition"),
            models.CheckConstraint(condition=~Q(actor_label=""), name="transition_has_actor"),
        ]
        triggers = append_only(_BLANK_REASON)

    def __str__(self) -> str:
        return f"{self.old or 'nothing'} to {self.new}"


class Flag(models.Model):
    """One report about an account from one source."""

    source = models.CharField(max_length=100)
    reference = models.CharField(max_length=200, help_text="the source's own id of the report")
    case = models.ForeignKey(Case, models.PROTECT, related_name="flags")
    wave = models.ForeignKey(Wave, models.PROTECT, null=True, db_index=False, related_name="flags")
    reported_at = models.DateTimeField()
    reason = models.TextField()
    evidence = models.JSONField(null=True)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "reference"], name="flag_reference")]

    def __str__(self) -> str:
        return f"{self.source} {self.reference}"


class Step(models.Model):
    """One rung taken in one case: who decided it and why, its notice, and its clock.

    `served_at` and `deadline_at` follow the notice's evidence: both are empty until it is served, and become empty
    again if a later fact defeats the service.
    """

    case = models.ForeignKey(Case, models.PROTECT, db_index=False, related_name="steps")
    rung = models.ForeignKey(Rung, models.PROTECT, db_index=False, related_name="+")
    policy_version = models.ForeignKey(PolicyVersion, models.PROTECT, db_index=False, related_name="+")
    notice = models.OneToOneField(Notice, models.PROTECT, related_name="step")
    wave = models.ForeignKey(Wave, models.PROTECT, null=True, db_index=False, related_name="+")
    decided_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    actor_label = models.CharField(max_length=150)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    reason = models.TextField(help_text="the facts and why they break the policy")
    automated = models.BooleanField(default=False, help_text="decided without a person")

    served_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True, help_text="the first instant after the response window")
    deadline_handled = models.BooleanField(default=False, help_text="the sweep has acted on the deadline")
    held_at = models.DateTimeField(
        null=True, help_text="when the sweep last held the passed deadline back, because reports are missing"
    )
    overturned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "rung"], name="one_step_per_rung"),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(decided_by__isnull=True)
                | ~Q(approved_by=F("decided_by")),
                name="approver_is_another",
            ),
        ]
        indexes = [
            models.Index(
                fields=["deadline_at"],
                name="step_deadline",
                condition=Q(deadline_at__isnull=False, deadline_handled=False),
            ),
        ]
        triggers = [
            *frozen(
                "case_id",
                "rung_id",
                "policy_version_id",
                "decided_at",
                "decided_by_id",
                "actor_label",
                "approved_by_id",
                "reason",
                "automated",
                blanking=_BLANK_REASON,
            ),
            rules.CLOCK_FOLLOWS_SERVICE,
        ]

    def __str__(self) -> str:
        return f"{self.rung.kind} in C-{self.case_id}"


class Proposal(models.Model):
    """A step that the system or a colleague thinks is due; a person decides."""

    class Outcome(models.TextChoices):
        OPEN = "open", "open"
        TAKEN = "taken", "taken"
        DECLINED = "declined", "declined"

    case = models.ForeignKey(Case, models.PROTECT, db_index=False, related_name="proposals")
    rung = models.ForeignKey(Rung, models.PROTECT, db_index=False, related_name="+")
    proposed_by = models.CharField(max_length=150)
    proposed_at = models.DateTimeField()
    reason = models.TextField()
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OPEN)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "rung"], name="one_proposal_per_rung")]
        indexes = [models.Index(fields=["proposed_at"], name="proposal_open", condition=Q(outcome="open"))]

    def __str__(self) -> str:
        return f"{self.rung.kind} proposed in C-{self.case_id}"


class Exemption(models.Model):
    """Leave to suspend without a served warning: rare, reasoned, approved by another person, and it ends."""

    class Ground(models.TextChoices):
        LEGAL_ORDER = "legal_order", "legal order"
        IMMINENT_HARM = "imminent_harm", "imminent harm"
        ACCOUNT_COMPROMISE = "account_compromise", "account compromise"

    case = models.ForeignKey(Case, models.PROTECT, related_name="exemptions")
    ground = models.CharField(max_length=20, choices=Ground)
    reason = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    approved_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="exemption_has_reason"),
            models.CheckConstraint(
                condition=Q(approver__isnull=True) | ~Q(approver=F("author")),
                name="exemption_approver_is_another",
            ),
            models.CheckConstraint(
                condition=Q(approver__isnull=True, approved_at__isnull=True)
                | Q(approver__isnull=False, approved_at__isnull=False),
                name="exemption_approved_at",
            ),
        ]
        triggers = frozen(
            "case_id", "ground", "reason", "author_id", "asked_at", "expires_at", blanking=_BLANK_REASON
        )

    def __str__(self) -> str:
        return f"{self.get_ground_display()} in C-{self.case_id}"
