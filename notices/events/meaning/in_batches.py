"""Providers that post events in batches: Mailjet, Mailtrap, Mandrill, SendGrid, SparkPost, Unisender Go."""

from __future__ import annotations

from collections.abc import Mapping

from notices.events.meaning.base import LISTED, Dict, Event, Meaning, given_up, inner, perhaps_retried
from notices.kinds import Kind

_MAILJET_LISTED = frozenset(
    {"preblocked", "blacklisted", "spam reporter", "user unknown", "mailbox inactive", "invalid domain"}
)


def mailjet(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    if raw.get("event") == "bounce" and plain == Kind.BOUNCED and raw.get("hard_bounce") is not True:
        return perhaps_retried(raw.get("comment"), raw.get("smtp_reply"))
    if raw.get("event") == "blocked" and plain != Kind.DELAYED:
        return LISTED if raw.get("error") in _MAILJET_LISTED else Kind.REFUSED
    return plain


def mailtrap(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    if raw.get("event") == "reject":
        return LISTED if "suppress" in str(raw.get("reason", "")).lower() else Kind.REFUSED
    return plain


_MANDRILL_LISTED = frozenset({"hard-bounce", "soft-bounce", "spam", "unsub", "custom"})
_MANDRILL_REFUSED = frozenset({"rule", "invalid-sender", "invalid", "test-mode-limit", "unsigned"})


def mandrill(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    message = inner(raw, "msg")
    match raw.get("event"):
        case "soft_bounce":  # while Mandrill still tries it says "deferral"
            return given_up(message.get("diag"))
        case "reject":
            reject = message.get("reject") or raw.get("reject")
            reason = str(reject.get("reason", "") if isinstance(reject, Mapping) else reject or "")
            if reason in _MANDRILL_LISTED:
                return LISTED
            return Kind.REFUSED if reason in _MANDRILL_REFUSED else Kind.SUPPRESSED
    return plain


_SENDGRID_LISTS = ("bounced", "unsubscribed", "spam report", "invalid")


def sendgrid(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    name, type_, reason = raw.get("event"), raw.get("type"), str(raw.get("reason") or "")
    if name == "bounce" and type_ in ("blocked", "expired"):
        return given_up(raw.get("status"), reason)
    if name == "dropped":
        text = reason.lower()
        if "smtpapi" not in text and any(word in text for word in _SENDGRID_LISTS):
            return LISTED
        return Kind.EXPIRED if "expired" in text else Kind.REFUSED
    return plain


_SPARKPOST: dict[str, Kind] = {
    "10": Kind.BOUNCED,
    "30": Kind.BOUNCED,
    "60": Kind.AUTO_REPLIED,
    "70": Kind.DELAYED,
    "80": Kind.NOTED,
    "90": Kind.NOTED,
    "100": Kind.NOTED,
}


def sparkpost(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    data: Dict = next((value for value in inner(raw, "msys").values() if isinstance(value, Mapping)), {})
    type_, class_, reason = data.get("type"), str(data.get("bounce_class", "")), data.get("raw_reason")
    if type_ in ("initial_open", "amp_initial_open"):
        return Kind.OPENED
    if type_ == "spam_complaint":
        return Kind.COMPLAINED if data.get("fbtype") in (None, "", "abuse") else Kind.NOTED
    if type_ in ("policy_rejection", "generation_rejection") or (
        type_ == "bounce" and class_ in ("25", "26")
    ):
        return LISTED if "suppress" in str(reason or data.get("reason", "")).lower() else Kind.REFUSED
    if type_ not in ("bounce", "out_of_band"):
        return plain
    if class_ in _SPARKPOST:
        return _SPARKPOST[class_]
    if type_ == "out_of_band" and class_ in ("1", ""):
        return Kind.NOTED  # some mail came back, and SparkPost could not read what it says
    return given_up(data.get("error_code"), reason)


_UNISENDER_LISTED = frozenset({"err_unsubscribed", "err_skip_letter"})
_UNISENDER_GONE = frozenset(
    {"err_user_unknown", "err_user_inactive", "err_mailbox_discarded", "err_domain_inactive"}
)


def unisender_go(raw: Dict, event: Event, plain: Kind) -> Kind | Meaning:
    if raw.get("status") != "hard_bounced":
        return plain
    about = inner(raw, "delivery_info")
    status = about.get("delivery_status")
    if status in _UNISENDER_LISTED:
        return LISTED
    if status in ("err_spam_skipped", "err_lost"):
        return Kind.REFUSED
    return Kind.BOUNCED if status in _UNISENDER_GONE else given_up(about.get("destination_response"))
