"""What a provider's event is evidence of. Pure tables; nothing here touches a database.

Anymail normalises events to a dozen types. That is too coarse for proof: it calls a vacation reply a bounce where
Amazon does, and a spam filter's refusal a person's complaint where Postmark does. So each provider's own words decide
where they say more, and what they leave open is never called delivered nor bounced:

- bounced   the recipient's side will not take it, or sent it back
- expired   the provider gave up trying; takes nothing back that stood before
- delayed   held up; the provider still tries, or does not say that it stopped
- noted     worth nothing either way
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from notices.events.meaning import amazon, in_batches, one_by_one
from notices.events.meaning.base import Dict, Event, Meaning, inner
from notices.kinds import Kind

__all__ = ["Event", "Meaning", "meaning"]

_PLAIN: dict[str, Kind] = {
    "queued": Kind.SUBMITTED,
    "sent": Kind.SUBMITTED,
    "delivered": Kind.RELAYED,
    "deferred": Kind.DELAYED,
    "bounced": Kind.BOUNCED,
    "rejected": Kind.SUPPRESSED,
    "failed": Kind.REFUSED,
    "complained": Kind.COMPLAINED,
    "autoresponded": Kind.AUTO_REPLIED,
    "opened": Kind.OPENED,
    "clicked": Kind.CLICKED,
}

# Addresses by which providers let their customers try things out.
_TEST_DOMAINS: dict[str, tuple[str, ...]] = {
    "amazon_ses": ("simulator.amazonses.com",),
    "mandrill": ("test.mandrillapp.com",),
    "postmark": ("bounce-testing.postmarkapp.com", "blackhole.postmarkapp.com"),
    "resend": ("resend.dev", "simulator.amazonses.com"),
    "sendgrid": ("sink.sendgrid.net",),
    "sparkpost": ("sink.sparkpostmail.com",),
}

_OWN: dict[str, Callable[[Dict, Event, Kind], Kind | Meaning]] = {
    "amazon_ses": amazon.amazon_ses,
    "brevo": one_by_one.brevo,
    "mailersend": one_by_one.mailersend,
    "mailgun": one_by_one.mailgun,
    "mailjet": in_batches.mailjet,
    "mailtrap": in_batches.mailtrap,
    "mandrill": in_batches.mandrill,
    "postal": one_by_one.postal,
    "postmark": one_by_one.postmark,
    "resend": amazon.resend,
    "sendgrid": in_batches.sendgrid,
    "sparkpost": in_batches.sparkpost,
    "unisender_go": in_batches.unisender_go,
}


def meaning(esp: str, event: Event) -> Meaning:
    """What `event` of provider `esp` (as in Evidence.source) is evidence of."""
    raw: Dict = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    plain = _PLAIN.get(event.event_type, Kind.NOTED)
    own = _OWN.get(esp)
    said = own(raw, event, plain) if own else plain
    result = said if isinstance(said, Meaning) else Meaning(said)
    return Meaning(
        result.kind,
        result.suppresses or result.kind == Kind.COMPLAINED,
        result.test or _is_test(esp, raw, event),
    )


def _is_test(esp: str, raw: Dict, event: Event) -> bool:
    if esp == "mailgun":
        return inner(raw, "event-data", "flags").get("is-test-mode") is True
    domain = (event.recipient or "").rpartition("@")[2].lower()
    return any(domain == test or domain.endswith(f".{test}") for test in _TEST_DOMAINS.get(esp, ()))
