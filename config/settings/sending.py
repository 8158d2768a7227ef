"""Notices on their way out: who sends, by which channels, how long and how often."""

from __future__ import annotations

import os
from email.utils import parseaddr
from typing import Any

from environs import Env

from config.addresses import EMAIL_FORM, SMS_FORM, read_email_url, read_sms_url
from config.settings.site import BASE_URL, SECRET_KEY
from config.settings.start import env, seconds


def _is_mailbox(value: str) -> bool:
    local, _, domain = parseaddr(value)[1].rpartition("@")
    return bool(local) and bool(domain)


NOTICE_PLATFORM = env.read(
    "NOTICE_PLATFORM",
    Env.str,
    "the platform's name as account holders know it",
    default="Example Platform",
)
NOTICE_FROM = env.read(
    "NOTICE_FROM",
    Env.str,
    'a sender with its address, such as "Example Trust & Safety <notices@example.com>"',
    default="Example Platform Trust & Safety <notices@example.com>",
    check=_is_mailbox,
)
NOTICE_BOUNCE_DOMAIN = env.read(
    "NOTICE_BOUNCE_DOMAIN",
    Env.str,
    "the domain that bounces come back to, such as bounces.example.com; its mail must reach `manage.py receive_mail`",
    default="bounces.example.com",
    check=lambda domain: "@" not in domain and "." in domain.strip(".") and " " not in domain,
)
NOTICE_TOKEN_KEY = env.read(
    "NOTICE_TOKEN_KEY",
    Env.str,
    "a random string of at least 32 characters, kept for years (bounces of old notices are recognised by it) and "
    "not the same as SECRET_KEY",
    default="only-for-development-notice-token-key",
    check=lambda key: len(key) >= 32 and key != SECRET_KEY and not key.startswith("only-for-development"),
)
_NO_SMS: dict[str, Any] = {}
_SMS = env.read(
    "SMS_URL",
    lambda values, name: read_sms_url(values.str(name)),
    SMS_FORM,
    default=_NO_SMS,
    in_production={},
)
if _SMS and BASE_URL.startswith("https://"):
    _SMS["callback"] = f"{BASE_URL}/hooks/twilio/status/"
LETTER_SENDER = env.read(
    "LETTER_SENDER",
    lambda values, name: [line.strip() for line in values.str(name).split("|")],
    "the sender's address on letters, its lines separated by bars, such as Example Ltd.|1 High Street|London W1A 1AA; "
    "at most 6 lines of 60 characters",
    default=["Example Platform", "Trust & Safety", "1 Example Street", "Exampletown"],
    in_production=[],
    check=lambda lines: 2 <= len(lines) <= 6 and all(0 < len(line) <= 60 for line in lines),
)
# A channel that is not here is not configured: what a policy sends there is refused, and the next address tried.
NOTICE_CHANNELS: dict[str, dict[str, Any]] = {
    "email": env.read(
        "EMAIL_URL",
        lambda values, name: read_email_url(values.str(name)),
        EMAIL_FORM,
        default=read_email_url("smtp://127.0.0.1:1025?role=relay"),
    ),
    "inapp": {},
}
if _SMS:
    NOTICE_CHANNELS["sms"] = _SMS
if LETTER_SENDER:
    NOTICE_CHANNELS["post"] = {"sender": LETTER_SENDER}
ANYMAIL: dict[str, Any] = {
    name.removeprefix("ANYMAIL_"): value for name, value in os.environ.items() if name.startswith("ANYMAIL_")
}
if ANYMAIL.get("WEBHOOK_SECRET"):
    # Several, separated by commas, while the old one is being replaced.
    ANYMAIL["WEBHOOK_SECRET"] = [each for each in ANYMAIL["WEBHOOK_SECRET"].split(",") if each]

_RETRY_MINUTES = [1.0, 5.0, 15.0, 60.0, 120.0, 240.0, 480.0, 720.0]
NOTICE_RETRY_MINUTES = env.read(
    "NOTICE_RETRY_MINUTES",
    lambda values, name: values.list(name, subcast=float),
    "the waits between tries of a deferred delivery, in minutes, separated by commas, such as 1,5,15,60",
    default=_RETRY_MINUTES,
    in_production=_RETRY_MINUTES,
    check=lambda waits: bool(waits) and min(waits) > 0,
)


NOTICE_RETRY_FOR_HOURS = seconds("NOTICE_RETRY_FOR_HOURS", "hours, more than 0, such as 72", 72.0)
NOTICE_CALLING_TIMEOUT_SECONDS = seconds(
    "NOTICE_CALLING_TIMEOUT_SECONDS", "seconds, more than 0, such as 900", 900.0
)
NOTICE_SWEEP_GRACE_SECONDS = seconds("NOTICE_SWEEP_GRACE_SECONDS", "seconds, more than 0, such as 30", 30.0)
NOTICE_SWEEP_EVERY_SECONDS = seconds("NOTICE_SWEEP_EVERY_SECONDS", "seconds, more than 0, such as 15", 15.0)
NOTICE_RESEND_UNKNOWN = env.read(
    "NOTICE_RESEND_UNKNOWN",
    Env.str,
    "never or after_seconds:N, such as after_seconds:86400",
    default="never",
    in_production="never",
    check=lambda rule: rule == "never" or (rule.startswith("after_seconds:") and float(rule[14:]) > 0),
)
NOTICE_LINK_DAYS = env.read(
    "NOTICE_LINK_DAYS",
    Env.int,
    "for how many days after its issue the link in a notice opens it, a whole number more than 0, such as 400",
    default=400,
    in_production=400,
    check=lambda days: days > 0,
)
