"""What goes wrong with a connection to a mail server, in words for people."""

from __future__ import annotations

import ssl

from notices.channels.base import clip
from notices.channels.smtp.replies import Reply

# Sign in, or sign in otherwise (RFC 4954, 6); out of step; parameters unknown. About us and our settings, at
# whatever stage they are said: no message may count as refused for them.
ABOUT_US = frozenset({530, 534, 535, 538, 503, 555})


class DialogueError(Exception):
    """The connection failed: closed, silent for too long, or talking something that is not SMTP."""

    def __init__(self, sentence: str, *, timed_out: bool = False) -> None:
        super().__init__(sentence)
        self.timed_out = timed_out


class Cut(DialogueError):
    """The connection failed while content was being written; its final dot cannot have left this machine."""


class UnreachableError(Exception):
    """No usable connection came about, which is no message's fault. `code` is None where no server spoke."""

    def __init__(
        self, stage: str, text: str, *, code: int | None = None, configuration: bool = False
    ) -> None:
        super().__init__(text)
        self.stage, self.text, self.code, self.configuration = stage, clip(text), code, configuration


def expect(stage: str, reply: Reply) -> None:
    """Raises UnreachableError unless `reply` is positive.

    A 5xx to the connection itself says nothing about a message or its recipient: it is our standing with that
    server that a person must look at, so nothing may be marked as refused for good because of it.
    """
    if not reply.accepts:
        raise UnreachableError(stage, reply.text, code=reply.code, configuration=reply.code >= 500)


def trouble(error: OSError, doing: str) -> DialogueError:
    if isinstance(error, TimeoutError):
        return DialogueError(f"it did not answer in time while we were {doing}", timed_out=True)
    return DialogueError(f"the connection broke while we were {doing} ({error})")


def unreachable(where: str, stage: str, timeout: float, error: Exception) -> UnreachableError:
    """What an exception of socket, ssl or smtplib means for connecting to `where` ("host:port")."""
    if isinstance(error, ssl.SSLCertVerificationError):
        sentence = f"The certificate of {where} was not accepted: {error.verify_message}."
        return UnreachableError("tls", sentence, configuration=True)
    if isinstance(error, ssl.SSLError):
        return UnreachableError("tls", f"No TLS connection with {where}: {error}.", configuration=True)
    if isinstance(error, TimeoutError) or (isinstance(error, DialogueError) and error.timed_out):
        return UnreachableError(stage, f"{where} did not answer within {timeout:g} seconds.")
    # smtplib and the host name look-up raise ValueError over names that can never be sent or looked up.
    return UnreachableError(
        stage, f"Connecting to {where} failed: {error}.", configuration=isinstance(error, ValueError)
    )
