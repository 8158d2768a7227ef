"""What comes back: mail, webhooks, and reports that do not come."""

from __future__ import annotations

from urllib.parse import urlsplit

from environs import Env

from config.settings.start import env, octets, seconds

# Mail that comes in. Without a name, no signature that a mail server found is believed.
NOTICE_AUTHSERV_ID = env.read(
    "NOTICE_AUTHSERV_ID",
    Env.str,
    "the name under which our own mail server writes Authentication-Results (RFC 8601), such as mx.example.com",
    default="",
    in_production="",
    check=lambda name: not name or not set(name) & set(' ;"()'),
)
IMAP_URL = env.read(
    "IMAP_URL",
    Env.str,
    "imaps://user:password@host:993/FOLDER?done=OTHER, the mailbox that `manage.py receive_imap` works off",
    default="",
    in_production="",
    check=lambda url: urlsplit(url).scheme in ("imap", "imaps") and bool(urlsplit(url).hostname),
)

NOTICE_EXPECT_HOURS = seconds(
    "NOTICE_EXPECT_HOURS", "hours until a missing report counts as overdue, more than 0, such as 24", 24.0
)
NOTICE_RECONCILE_EVERY_SECONDS = seconds(
    "NOTICE_RECONCILE_EVERY_SECONDS", "seconds, more than 0, such as 300", 300.0
)

# Webhooks of e-mail providers. Limits in octets: of a request with reports, and of one with a mail and what is
# attached to it. Mailgun goes on for 8 hours with a request that failed, under the signature of its first try.
NOTICE_HOOKS_MAX_BYTES = octets("NOTICE_HOOKS_MAX_BYTES", 5_000_000)
NOTICE_HOOKS_MAX_MAIL_BYTES = octets("NOTICE_HOOKS_MAX_MAIL_BYTES", 50_000_000)
NOTICE_HOOKS_MAX_AGE_HOURS = seconds(
    "NOTICE_HOOKS_MAX_AGE_HOURS", "hours for which a signature of Mailgun is good, such as 12", 12.0
)
NOTICE_EVENTS_EVERY_SECONDS = seconds("NOTICE_EVENTS_EVERY_SECONDS", "seconds, more than 0, such as 5", 5.0)
