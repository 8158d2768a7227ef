"""The ways out: `get_channel("email").send(messages)`, by the options in settings.NOTICE_CHANNELS."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from notices.channels.base import Channel, Message, Outcome
from notices.channels.inapp import InAppChannel

__all__ = ["Channel", "Message", "Outcome", "UnknownChannelError", "close_channels", "get_channel"]


class UnknownChannelError(LookupError):
    """A channel was named that NOTICE_CHANNELS does not have."""


def email_channel(options: Mapping[str, Any]) -> Channel:
    """The channel that `options` describe: {"transport": "smtp", …} or {"transport": "anymail", …}.

    The other keys are the arguments of SmtpChannel or AnymailChannel. Raises ImproperlyConfigured.
    """
    arguments = dict(options)
    transport = arguments.pop("transport", None)
    try:
        if transport == "smtp":
            from notices.channels.smtp import SmtpChannel

            return SmtpChannel(**arguments)
        if transport == "anymail":
            from notices.channels.email import AnymailChannel

            return AnymailChannel(**arguments)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"The e-mail channel's options are wrong: {error}") from error
    raise ImproperlyConfigured(f"The e-mail channel's transport is {transport!r}; it takes smtp or anymail.")


def inapp_channel(options: Mapping[str, Any]) -> Channel:
    """The in-app inbox; it takes no options. Raises ImproperlyConfigured."""
    if options:
        raise ImproperlyConfigured(
            f"The in-app channel takes no options, but has: {', '.join(sorted(options))}."
        )
    return InAppChannel()


def sms_channel(options: Mapping[str, Any]) -> Channel:
    """The gateway that `options` describe: {"gateway": "twilio", and TwilioGateway's arguments}.

    Raises ImproperlyConfigured.
    """
    from notices.channels.sms.channel import SmsChannel
    from notices.channels.sms.twilio import TwilioGateway

    arguments = dict(options)
    gateway = arguments.pop("gateway", None)
    if gateway != "twilio":
        raise ImproperlyConfigured(f"The SMS channel's gateway is {gateway!r}; it takes twilio.")
    try:
        return SmsChannel(TwilioGateway(**arguments))
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"The SMS channel's options are wrong: {error}") from error


def post_channel(options: Mapping[str, Any]) -> Channel:
    """The print queue; {"sender": [address lines]}. Raises ImproperlyConfigured."""
    from notices.channels.post.channel import PostChannel

    try:
        return PostChannel(**options)
    except TypeError as error:
        raise ImproperlyConfigured(f"The post channel's options are wrong: {error}") from error


_MAKERS: dict[str, Callable[[Mapping[str, Any]], Channel]] = {
    "email": email_channel,
    "inapp": inapp_channel,
    "sms": sms_channel,
    "post": post_channel,
}

# By name: the process that made the channel, the options it was made with, the channel.
_made: dict[str, tuple[int, dict[str, Any], Channel]] = {}


def get_channel(name: str) -> Channel:
    """The channel called `name`, made once per process and again when its options changed.

    Raises UnknownChannelError, naming the channels that exist, and ImproperlyConfigured where the options
    make no sense.
    """
    configured = settings.NOTICE_CHANNELS
    if name not in configured or name not in _MAKERS:
        known = ", ".join(sorted(set(configured) & set(_MAKERS))) or "none"
        raise UnknownChannelError(f"There is no channel called {name!r}. NOTICE_CHANNELS offers: {known}.")
    options = configured[name]
    made = _made.get(name)
    # A forked child must not speak on its parent's connections; a test may have put other options in place.
    if made is None or made[0] != os.getpid() or made[1] != options:
        if made is not None:
            _close(made[2])
        made = _made[name] = (os.getpid(), deepcopy(dict(options)), _MAKERS[name](options))
    return made[2]


def close_channels() -> None:
    """Take leave of every server that this process still holds a connection to (when a worker shuts down)."""
    while _made:
        _close(_made.popitem()[1][2])


def _close(channel: Channel) -> None:
    # Only SMTP keeps connections; in a forked child its close() drops them without a word to the server.
    close = getattr(channel, "close", None)
    if close is not None:
        close()
