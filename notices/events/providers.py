"""The providers that django-anymail knows: their webhook views, and whether a secret guards each."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from anymail.exceptions import AnymailConfigurationError, AnymailError
from anymail.webhooks.base import AnymailBasicAuthMixin
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.utils.module_loading import import_string

log = logging.getLogger(__name__)

TRACKING, INBOUND = "tracking", "inbound"

# Slug in the URL -> (slug of its evidence, Anymail's view for reports, and for mail that comes in).
_VIEWS: dict[str, tuple[str, ...]] = {
    slug: (
        "brevo" if slug == "sendinblue" else slug,
        f"anymail.webhooks.{slug}.{name}TrackingWebhookView",
        f"anymail.webhooks.{slug}.{name}InboundWebhookView",
    )
    for slug, name in (
        ("amazon_ses", "AmazonSES"),
        ("brevo", "Brevo"),
        ("mailersend", "MailerSend"),
        ("mailgun", "Mailgun"),
        ("mailjet", "Mailjet"),
        ("mailtrap", "Mailtrap"),
        ("postal", "Postal"),
        ("postmark", "Postmark"),
        ("resend", "Resend"),
        ("sendgrid", "SendGrid"),
        ("sendinblue", "SendinBlue"),
        ("sparkpost", "SparkPost"),
    )
} | {
    "mandrill": ("mandrill", *["anymail.webhooks.mandrill.MandrillCombinedWebhookView"] * 2),
    "unisender_go": ("unisender_go", "anymail.webhooks.unisender_go.UnisenderGoTrackingWebhookView", ""),
}

# Where Anymail's views keep the key by which they check a signature. (Their API keys are no such thing.)
_SIGNED_BY = (
    "webhook_verification_key",
    "webhook_signing_key",
    "signing_secret",
    "webhook_key",
    "_svix_webhook",
    "api_key_bytes",
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider's webhook for one purpose.

    Attributes:
        esp: the provider as evidence names it.
        view: Anymail's view, made once; its checks and its parsing keep nothing between requests.
        checks: the view's own, without that of the password: the door makes it before it reads the body.
        basic_auth: whether a password guards it.
        signed: whether it checks a signature.
    """

    esp: str
    view: Any
    checks: tuple[Callable[[Any, HttpRequest], None], ...]
    basic_auth: bool
    signed: bool

    @property
    def secured(self) -> bool:
        # Anybody with an account at Amazon can have SNS sign a message: only the password says that it is ours.
        return self.basic_auth or (self.signed and self.esp != "amazon_ses")


def known(slug: str, purpose: str) -> bool:
    return slug in _VIEWS and bool(_VIEWS[slug][1 if purpose == TRACKING else 2])


def slugs() -> list[str]:
    return sorted(_VIEWS)


_endpoints: dict[tuple[str, str], Endpoint | None] = {}
_lock = threading.Lock()


def endpoint(slug: str, purpose: str) -> Endpoint | None:
    """The endpoint as the settings configure it; None, and a line in the log once, where it lacks what it needs."""
    key = (slug, purpose)
    if key not in _endpoints:
        with _lock:
            if key not in _endpoints:
                _endpoints[key] = _make(slug, purpose)
    return _endpoints[key]


def _make(slug: str, purpose: str) -> Endpoint | None:
    esp, tracking, inbound = _VIEWS[slug]
    try:
        # Anymail warns of providers that it no longer tries out, and of views without a password: these we refuse.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            view_class = import_string(tracking if purpose == TRACKING else inbound)
            view = view_class.as_view().view_class()
    except (AnymailConfigurationError, AnymailError, ImportError) as error:
        log.warning("Webhook %s/%s is refused: %s", slug, purpose, str(error).splitlines()[0])
        return None
    except ValueError as error:  # a key that is none; its text is not to be seen in a log
        log.error(
            "Webhook %s/%s is refused: a key in its settings is malformed (%s).",
            slug,
            purpose,
            type(error).__name__,
        )
        return None
    checks = tuple(each for each in view.validators if each is not AnymailBasicAuthMixin.validate_request)
    made = Endpoint(
        esp, view, checks, bool(view.basic_auth), any(getattr(view, name, None) for name in _SIGNED_BY)
    )
    if not made.secured:
        log.warning(
            "Webhook %s/%s is refused: no secret is configured for it. Set ANYMAIL_WEBHOOK_SECRET=user:password "
            "and put user:password@ before the host in the address that the provider calls%s.",
            slug,
            purpose,
            "" if esp == "amazon_ses" else ", or set the key by which it signs (docs/providers.md)",
        )
    return made


def forget(*, setting: str = "", **_: Any) -> None:
    """Make the endpoints anew, after settings were changed (tests alone do that)."""
    if not setting or setting.startswith("ANYMAIL"):
        with _lock:
            _endpoints.clear()


setting_changed.connect(forget, dispatch_uid="notices.events.providers.forget")
