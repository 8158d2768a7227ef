"""One SMTP connection: opened, greeted, secured and signed in; then written to and read from.

smtplib knows EHLO and AUTH; the reading is ours, because smtplib can neither pipeline nor tell what of a
message had already been handed over when a connection broke.
"""

from __future__ import annotations

import os
import select
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Literal

from notices.channels.base import clip
from notices.channels.smtp.envelope import Capabilities
from notices.channels.smtp.replies import Reply
from notices.channels.smtp.troubles import Cut, DialogueError, UnreachableError, expect, trouble, unreachable

Tls = Literal["no", "starttls", "implicit"]

REPLY_OCTETS = 64 * 1024
_TLS_RECORD = 16 * 1024


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to connect. Times in seconds."""

    host: str
    port: int
    username: str
    password: str
    tls: Tls
    timeout: float
    local_hostname: str
    ssl_context: ssl.SSLContext | None


class Dialogue(smtplib.SMTP):
    """A connection that is ready for MAIL. Made by `Dialogue.open`."""

    sock: socket.socket  # smtplib has None while not connected; nobody gets hold of us before we are

    def __init__(self, server: Server) -> None:
        super().__init__(local_hostname=server.local_hostname, timeout=server.timeout)
        self.server = server
        self.pid = os.getpid()
        self.offered = Capabilities()
        self.encryption = "no"
        self.finished = 0  # messages that this connection has brought to an answer
        self.last_used = time.monotonic()
        self.in_flight = False  # the next message's MAIL, RCPT, DATA are already written
        self._ahead: list[Reply | DialogueError] = []  # and what has been read of their replies
        self.reset_due = False  # a transaction that came to nothing is still open
        self.dead = False  # nothing more can be said on it
        self._buffer = b""
        self._waits = server.timeout  # what the socket's time-out is set to

    @classmethod
    def open(cls, server: Server) -> Dialogue:
        """Connect, greet, secure, sign in. Raises UnreachableError, with the server's words where it spoke."""
        self = cls(server)
        stage = "connect"
        try:
            self._connect()
            stage = "banner"
            expect(stage, self.reply())
            stage = "ehlo"
            self._greet()
            if server.tls == "starttls":
                stage = "starttls"
                self._secure()
                stage = "ehlo"
                self._greet()
            if server.username:
                stage = "auth"
                self._sign_in()
        except UnreachableError:
            self.discard()
            raise
        except (OSError, DialogueError, ValueError) as error:  # smtplib's own exceptions are OSErrors
            self.discard()
            raise unreachable(f"{server.host}:{server.port}", stage, server.timeout, error) from error
        features = self.esmtp_features
        self.offered = Capabilities(
            pipelining="pipelining" in features,
            dsn="dsn" in features,
            size="size" in features,
            eight_bit="8bitmime" in features,
            smtputf8="smtputf8" in features,
        )
        return self

    def _connect(self) -> None:
        server = self.server
        self.sock = socket.create_connection((server.host, server.port), server.timeout)
        # Each write is a whole group of commands, or a whole message: nothing that waiting could add to.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.tls == "implicit":
            self._wrap()

    def _wrap(self) -> None:
        context = self.server.ssl_context or ssl.create_default_context()
        wrapped = context.wrap_socket(self.sock, server_hostname=self.server.host)
        self.sock = wrapped
        self.encryption = wrapped.version() or "unknown"

    def _greet(self) -> None:
        code, said = self.ehlo()
        if not 200 <= code < 300 and code != 421:
            # A server that knows nothing newer than HELO (RFC 5321, 3.2).
            code, said = self.helo()
        expect("ehlo", Reply(code, b"%d %s" % (code, said)))

    def _secure(self) -> None:
        if not self.has_extn("starttls"):
            # Going on in the clear would be what an attacker in the middle hopes for.
            sentence = (
                f"{self.server.host} does not offer STARTTLS, but the channel's option is tls=starttls."
            )
            raise UnreachableError("starttls", sentence, configuration=True)
        self.write(b"STARTTLS\r\n")
        expect("starttls", self.reply())
        if self._buffer:
            # Said in the clear, to be read as if said under TLS: an injection (CVE-2011-0411 and its kin).
            raise DialogueError("the server went on talking in the clear after it agreed to STARTTLS")
        self._wrap()
        self.ehlo_resp = self.helo_resp = None
        self.esmtp_features = {}

    def _sign_in(self) -> None:
        try:
            self.login(self.server.username, self.server.password)
        except smtplib.SMTPAuthenticationError as error:
            said = error.smtp_error
            text = said.decode("utf-8", "backslashreplace") if isinstance(said, bytes) else said
            code = error.smtp_code
            configuration = not 400 <= code < 500
            raise UnreachableError(
                "auth", f"{code} {text}", code=code, configuration=configuration
            ) from error
        except UnicodeEncodeError as error:
            sentence = "The user name or the password is not ASCII; give the channel ones that are."
            raise UnreachableError("auth", sentence, configuration=True) from error
        except smtplib.SMTPException as error:
            sentence = f"A user name is set, but {self.server.host} offers no sign-in that we know. ({error})"
            raise UnreachableError("auth", sentence, configuration=True) from error

    # smtplib speaks through these two.

    def getreply(self) -> tuple[int, bytes]:
        reply = self.reply()
        return reply.code, b"\n".join(line[4:].strip() for line in reply.raw.splitlines())

    def send(self, s: object) -> None:
        self.write(s.encode() if isinstance(s, str) else bytes(s))  # type: ignore[call-overload]  # str or bytes

    def write(self, data: bytes) -> None:
        """Write commands (not content). Raises DialogueError."""
        try:
            self._wait_at_most(self.server.timeout)
            self.sock.sendall(data)
        except OSError as error:
            raise trouble(error, "writing to it") from error

    def transmit(self, content: bytes, following: bytes) -> None:
        """Write a message's content, final dot included, and the commands of the next message in the same breath.

        Raises Cut only where the final dot cannot have reached the server: such a message is not complete,
        and the server must not deliver it (RFC 5321, 4.1.1.4). A send() on a TCP socket that fails has taken
        none of its bytes; so we are certain as long as the end of the dot's line was not among the bytes of a
        send() that succeeded. Under TLS a send() may fail with its record half written or, for all that we
        can see, wholly written; so there we are certain only where the dot was not among the bytes of the
        failing call either. Everywhere else only the server's reply can tell, and the caller goes on to read
        it.
        """
        flight = content + following
        end, at = len(content), 0
        unsure = _TLS_RECORD if self.encryption != "no" else 0
        try:
            self._wait_at_most(self.server.timeout)
            if not unsure:
                at = self.sock.send(flight)
            view = memoryview(flight)
            while at < len(flight):
                at += self.sock.send(view[at : at + _TLS_RECORD] if unsure else view[at:])
        except OSError as error:
            self.dead = True
            if at + unsure < end:
                cause = trouble(error, "writing the content")
                raise Cut(str(cause), timed_out=cause.timed_out) from error

    def reply(self, timeout: float | None = None) -> Reply:
        """The next reply, within `timeout` seconds in all. Raises DialogueError."""
        start, deadline = 0, 0.0
        while True:
            buffer = self._buffer
            end = buffer.find(b"\n", start)
            if end < 0:
                if len(buffer) > REPLY_OCTETS:
                    raise DialogueError(f"its reply was longer than {REPLY_OCTETS} octets")
                now = time.monotonic()
                deadline = deadline or now + (self.server.timeout if timeout is None else timeout)
                self._read(deadline - now)
                continue
            code, mark = buffer[start : start + 3], buffer[start + 3 : start + 4]
            if not code.isdigit() or mark not in b" -\r\n":
                raise DialogueError(
                    f"it said what is no SMTP reply: {clip(repr(buffer[start : end + 1][:200]))}"
                )
            start = end + 1
            if mark != b"-":
                self._buffer = buffer[start:]
                return Reply(int(code), buffer[:start])

    def read_ahead(self, count: int) -> bool:
        """Read the replies to the commands in flight, for `next_reply`; False where they cannot be theirs.

        They come together with the reply to the content before them, which is worth as much as our being in step:
        3xx can only answer DATA, and DATA is never answered by 2xx.
        """
        for number in range(1, count + 1):
            try:
                reply = self.reply()
            except DialogueError as trouble:
                self._ahead.append(trouble)
                break
            self._ahead.append(reply)
            if (number < count and 300 <= reply.code < 400) or (number == count and reply.accepts):
                return False
            if reply.code == 421:
                break
        return True

    def next_reply(self) -> Reply:
        """The next reply, read ahead or not. Raises DialogueError."""
        if not self._ahead:
            return self.reply()
        reply = self._ahead.pop(0)
        if isinstance(reply, DialogueError):
            raise reply
        return reply

    def _read(self, seconds: float) -> None:
        try:
            if seconds <= 0:
                raise TimeoutError
            self._wait_at_most(seconds)
            data = self.sock.recv(16_384)
        except OSError as error:
            raise trouble(error, "waiting for its reply") from error
        if not data:
            raise DialogueError("it closed the connection without a reply")
        self._buffer += data

    def _wait_at_most(self, seconds: float) -> None:
        if abs(self._waits - seconds) > 0.05:  # setting it is a system call, and mostly it is right already
            self.sock.settimeout(seconds)
            self._waits = seconds

    def interrupted(self) -> bool:
        """Whether the server has spoken, or hung up, while it was our turn."""
        if self._buffer or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return True
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        return bool(poller.poll(0))

    def last_words(self) -> Reply | None:
        """A reply that the server sent before it broke off, if one came."""
        try:
            return self.reply(min(1.0, self.server.timeout))
        except DialogueError:
            return None

    def take_leave(self, *, wait: float = 0.0) -> None:
        """Say QUIT, wait for the answer at most `wait` seconds, close."""
        try:
            self.write(b"QUIT\r\n")
            if wait:
                self.reply(wait)
        except DialogueError:
            pass  # it had gone already, which is all that we wanted
        self.discard()

    def discard(self) -> None:
        """Close without a word: right in a forked child too, whose parent goes on using the connection."""
        self.dead = True
        sock = getattr(self, "sock", None)
        if sock is not None:
            sock.close()
