"""Amazon SES, and Resend, which sends through it."""

from __future__ import annotations

from notices.events.meaning.base import LISTED, Dict, Event, Meaning, given_up, inner, permanent
from notices.kinds import Kind

_SES_LISTED = frozenset({"Suppressed", "OnAccountSuppressionList"})


def amazon_ses(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    type_ = raw.get("eventType") or raw.get("notificationType")
    if type_ == "Bounce":
        return _ses_bounce(inner(raw, "bounce"), event)
    if type_ == "Complaint":
        complaint = inner(raw, "complaint")
        if complaint.get("complaintSubType") in _SES_LISTED:
            return LISTED  # of an earlier complaint: this message was never sent
        # `not-spam` is a person's word as well, but no complaint; `auth-failure` and `virus` are no person's at all.
        abuse = complaint.get("complaintFeedbackType") in (None, "", "abuse", "fraud", "other")
        return Kind.COMPLAINED if abuse else Kind.NOTED
    return {"Reject": Kind.REFUSED, "DeliveryDelay": Kind.DELAYED}.get(str(type_), plain)


def _ses_bounce(bounce: Dict, event: Event) -> Kind | Meaning:
    if bounce.get("bounceSubType") in _SES_LISTED:
        return LISTED
    if bounce.get("bounceType") == "Permanent":
        return Kind.BOUNCED
    about: Dict = next(
        (each for each in bounce.get("bouncedRecipients", []) if each.get("emailAddress") == event.recipient),
        {},
    )
    action = str(about.get("action", "")).lower()
    if action == "failed":
        return given_up(about.get("status"), about.get("diagnosticCode"))
    # Without an action it is no delivery status: SES counts vacation replies among its transient bounces.
    return Kind.DELAYED if action == "delayed" else Kind.NOTED


def resend(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    match raw.get("type"):
        case "email.suppressed":
            return LISTED
        case "email.failed":
            return Kind.REFUSED
        case "email.bounced":
            return _resend_bounce(inner(raw, "data", "bounce"))
    return plain


def _resend_bounce(bounce: Dict) -> Kind | Meaning:
    type_, text = bounce.get("type"), str(bounce.get("message", "")).lower()
    if bounce.get("subType") in _SES_LISTED or "suppressed sending" in text:
        return LISTED
    if type_ == "Permanent" or (not type_ and ("hard bounce" in text or "permanent" in text)):
        return Kind.BOUNCED
    if permanent(text):
        return Kind.BOUNCED
    # Resend sends through SES, whose general transient bounces may be vacation replies.
    return Kind.EXPIRED if bounce.get("subType") not in (None, "", "General") else Kind.NOTED
