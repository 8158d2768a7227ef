"""E-mail by SMTP: to a relay of ours, or to the recipient's own server. Free from Django.

envelope.py   what is said about one message: addresses, parameters, dot-stuffing   (no network)
replies.py    what servers answer: codes, queue ids                                 (no network)
dialogue.py   one connection: connect, greet, TLS, sign in, write, read
batch.py      one send(): which step comes next, and what each answer amounts to
channel.py    the channel: options, and connections kept between batches
"""

from __future__ import annotations

from notices.channels.smtp.channel import SmtpChannel

__all__ = ["SmtpChannel"]
