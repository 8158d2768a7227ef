from __future__ import annotations

from cases.models.account import Account, AccountMark, Changer, ContactPoint
from cases.models.appeal import Appeal, Dispute
from cases.models.case import Case, Exemption, Flag, Proposal, State, Step, Transition
from cases.models.erasure import Erasure
from cases.models.policy import Ladder, Policy, PolicyVersion, Rung, RungKind
from cases.models.staff import User
from cases.models.wave import RejectedRow, Wave

__all__ = [
    "Account",
    "AccountMark",
    "Appeal",
    "Case",
    "Changer",
    "ContactPoint",
    "Dispute",
    "Erasure",
    "Exemption",
    "Flag",
    "Ladder",
    "Policy",
    "PolicyVersion",
    "Proposal",
    "RejectedRow",
    "Rung",
    "RungKind",
    "State",
    "Step",
    "Transition",
    "User",
    "Wave",
]
