"""The kinds of evidence and what each is worth, and the four verdicts.

The grades are the scale that the whole product rests on: 1 the provider took it, 2 the recipient's own server took
it, 3 it reached the mailbox, 4 a person most likely saw it, 5 shown to the signed-in account holder, 6 the holder
has it. Opens and clicks are worth nothing alone: mail proxies and link scanners fetch everything.
"""

from __future__ import annotations

from django.db import models


class Kind(models.TextChoices):
    SUBMITTED = "submitted", "taken by our relay or provider"
    POSTED = "posted", "posted to the in-app inbox"
    RELAYED = "relayed", "taken by the recipient's mail server"
    DELIVERED = "delivered", "delivered to the mailbox"
    AUTO_REPLIED = "auto_replied", "answered by an automatic reply"
    COMPLAINED = "complained", "reported as spam"
    DISPLAYED = "displayed", "displayed, by the mail program's own report"
    SHOWN = "shown", "shown to the signed-in account holder"
    ACKNOWLEDGED = "acknowledged", "acknowledged by the account holder"
    REPLIED = "replied", "answered by the account holder, with a signature that holds"
    ANSWERED = "answered", "answered by mail, by somebody who had the notice"
    SIGNED_FOR = "signed_for", "signed for on receipt"
    DEFERRED = "deferred", "refused for now; we try again"
    DELAYED = "delayed", "held up on the way; the carrier still tries"
    REFUSED = "refused", "refused for good"
    SUPPRESSED = "suppressed", "withheld by the provider"
    EXPIRED = "expired", "given up after repeated deferral"
    BOUNCED = "bounced", "returned as undeliverable"
    LOST = "lost", "handed over, the answer never came"
    OPENED = "opened", "opened (by whom or what is unknown)"
    CLICKED = "clicked", "a link was fetched (by whom or what is unknown)"
    NOTED = "noted", "noted; worth nothing either way"
    OVERDUE = "overdue", "the report that its carrier should have sent is overdue"
    ERASED = "erased", "personal data erased; the facts stand"


class Verdict(models.TextChoices):
    PROVEN = "proven", "Proven"
    PROBABLE = "probable", "Probable"
    NOT_PROVEN = "not_proven", "Not proven"
    DISPROVEN = "disproven", "Disproven"


GRADES: dict[str, int] = {
    Kind.SUBMITTED: 1,
    Kind.POSTED: 1,
    Kind.RELAYED: 2,
    Kind.DELIVERED: 3,
    Kind.AUTO_REPLIED: 3,
    Kind.COMPLAINED: 4,
    Kind.DISPLAYED: 4,
    Kind.ANSWERED: 4,
    Kind.SIGNED_FOR: 4,
    Kind.SHOWN: 5,
    Kind.ACKNOWLEDGED: 6,
    Kind.REPLIED: 6,
}

# A person's own act. Nothing that a mail server says later takes it back.
BY_A_PERSON = 4

NOT_SENT = frozenset({Kind.REFUSED, Kind.SUPPRESSED, Kind.EXPIRED})
DEFEATING = frozenset({Kind.BOUNCED})

# Sources whose messages can be repeated or altered by whoever once saw one: Mailgun signs a time and a token, not
# what it says. They count for no more than that the recipient's server took a notice, and alone disprove nothing.
WEAK_SOURCES = frozenset({"mailgun"})
WEAK_LIMIT = 2
