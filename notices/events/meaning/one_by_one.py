"""Providers that post one event at a time: Brevo, MailerSend, Mailgun, Postal, Postmark."""

from __future__ import annotations

from notices.events.meaning.base import LISTED, Dict, Event, Meaning, given_up, inner, perhaps_retried
from notices.kinds import Kind


def brevo(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    # A soft bounce comes after 36 hours of deferral: Brevo tries no more.
    match raw.get("event"):
        case "soft_bounce":
            return given_up(raw.get("reason"))
        case "blocked":
            return LISTED
        case "invalid_email":
            return Kind.REFUSED
    return plain


def mailersend(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    data = inner(raw, "data")
    morph = inner(data, "morph")
    match data.get("type"):
        case "soft_bounced":  # while MailerSend still tries it says "deferred"
            return given_up(morph.get("reason"))
        case "deferred":
            return Kind.DELAYED
        case "opened_unique":
            return Kind.OPENED
        case "clicked_unique":
            return Kind.CLICKED
    return plain


def mailgun(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    data = inner(raw, "event-data")
    if not data:  # the form of before 2018
        return _mailgun_legacy(raw, event, plain)
    if data.get("event") == "rejected":
        return Kind.REFUSED
    if data.get("event") != "failed" or data.get("severity") == "temporary":
        return plain
    status, reason = inner(data, "delivery-status"), str(data.get("reason", ""))
    if reason.startswith("suppress") or status.get("code") in (605, 606, 607):
        return LISTED
    return given_up(status.get("enhanced-code"), status.get("code"), status.get("message"))


def _mailgun_legacy(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    name, code = raw.get("event"), str(raw.get("code", ""))
    if name == "dropped" and code in ("605", "606", "607"):
        return LISTED
    return (
        given_up(code, raw.get("error"), raw.get("description")) if name in ("dropped", "bounced") else plain
    )


def postal(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    payload = inner(raw, "payload")
    details = str(payload.get("details") or "").lower()
    if payload.get("status") in ("Held", "HardFail") and "suppression" in details:
        return LISTED
    if payload.get("status") == "Held":
        return Kind.DELAYED
    if payload.get("status") == "HardFail":
        return given_up(payload.get("output"))
    if "bounce" in payload:
        return _postal_return(inner(payload, "bounce"))
    return Kind.OPENED if raw.get("event") == "MessageLoaded" else plain


def _postal_return(returned: Dict) -> Kind:
    """Postal calls every mail to the return path a bounce: here only what a mail server sent, and no delay."""
    sender = str(returned.get("from") or "").lower()
    server = not sender or "mailer-daemon" in sender or "postmaster" in sender
    delay = "delay" in str(returned.get("subject") or "").lower()
    return (Kind.DELAYED if delay else Kind.BOUNCED) if server else Kind.NOTED


_POSTMARK: dict[str, Kind | Meaning] = {
    "HardBounce": Kind.BOUNCED,
    "Transient": Kind.DELAYED,
    "DnsError": Kind.DELAYED,
    "AutoResponder": Kind.AUTO_REPLIED,
    "BadEmailAddress": Kind.REFUSED,
    "SMTPApiError": Kind.REFUSED,
    "TemplateRenderingFailed": Kind.REFUSED,
    "SpamComplaint": Kind.COMPLAINED,
    "ManuallyDeactivated": LISTED,
    "Unconfirmed": Kind.SUPPRESSED,
}
_POSTMARK_GIVEN_UP = frozenset({"Blocked", "DMARCPolicy", "VirusNotification"})


def postmark(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    record, type_, details = raw.get("RecordType"), str(raw.get("Type", "")), raw.get("Details")
    if record == "Bounce":
        if type_ == "SoftBounce":
            return perhaps_retried(details)
        if type_ in _POSTMARK_GIVEN_UP:
            return given_up(details)
        # Of the rest none says that it arrived, or that it did not: a filter's notification (which Anymail calls a
        # complaint), a challenge, a change of address, a report that Postmark itself cannot classify.
        return _POSTMARK.get(type_, Kind.NOTED)
    if record == "SubscriptionChange" and raw.get("SuppressSending"):
        return {"HardBounce": Kind.BOUNCED, "SpamComplaint": Kind.COMPLAINED}.get(
            str(raw.get("SuppressionReason")), Meaning(Kind.NOTED, suppresses=True)
        )
    return plain
