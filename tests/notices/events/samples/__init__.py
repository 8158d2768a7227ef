"""What each provider posts, after its documentation and what Anymail reads: delivered, hard, soft, complaint."""

from __future__ import annotations

from collections.abc import Callable

from tests.notices.events.samples.base import (
    HARD,
    MAILGUN_KEY,
    PASSWORD,
    SOFT,
    Case,
    Post,
    as_json,
    basic,
    serial,
)
from tests.notices.events.samples.in_batches import (
    mailjet,
    mailtrap,
    mandrill,
    sendgrid,
    sendgrid_event,
    sparkpost,
    sparkpost_event,
    unisender_go,
)
from tests.notices.events.samples.one_by_one import (
    brevo,
    mailersend,
    mailgun,
    mailgun_event,
    mailgun_signed,
    postal,
    postmark,
    postmark_event,
    resend,
    ses_event,
)

__all__ = [
    "ESPS",
    "HARD",
    "MAILGUN_KEY",
    "PASSWORD",
    "SETTINGS",
    "SIGNED_ALONE",
    "SOFT",
    "Case",
    "Post",
    "as_json",
    "basic",
    "brevo",
    "mailersend",
    "mailgun",
    "mailgun_event",
    "mailgun_signed",
    "mailjet",
    "mailtrap",
    "mandrill",
    "postal",
    "postmark",
    "postmark_event",
    "resend",
    "sendgrid",
    "sendgrid_event",
    "serial",
    "ses_event",
    "sparkpost",
    "sparkpost_event",
    "unisender_go",
]

ESPS: dict[str, Callable[..., Post]] = {
    "brevo": brevo,
    "mailersend": mailersend,
    "mailgun": mailgun,
    "mailjet": mailjet,
    "mailtrap": mailtrap,
    "mandrill": mandrill,
    "postmark": postmark,
    "resend": resend,
    "sendgrid": sendgrid,
    "sparkpost": sparkpost,
    "unisender_go": unisender_go,
}
SETTINGS = {
    "WEBHOOK_SECRET": [PASSWORD],
    "MAILGUN_WEBHOOK_SIGNING_KEY": MAILGUN_KEY,
    "MAILERSEND_SIGNING_SECRET": "mailersend-secret",
    "MAILTRAP_TRACKING_SECRET": "mailtrap-secret",
    "MANDRILL_WEBHOOK_KEY": "mandrill-key",
    "UNISENDER_GO_API_KEY": "unisender-key",
}
# These check a signature; a password, where one is configured, is asked for besides.
SIGNED_ALONE = ("mailersend", "mailgun", "mandrill", "unisender_go")
