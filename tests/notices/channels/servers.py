"""Small servers for these tests: an SMTP and an HTTP server that can be made to misbehave at any point."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

CERTIFICATE = Path(__file__).with_name("localhost.pem")
OFFERS = ("PIPELINING", "8BITMIME", "SIZE 50000000", "DSN", "ENHANCEDSTATUSCODES", "SMTPUTF8")


class Gone(Exception):
    """The client has hung up."""


class Received(NamedTuple):
    mail: str
    rcpt: str
    content: bytes


class Talk:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, server: Server, number: int) -> None:
        self.sock, self.server, self.number = sock, server, number
        self._file = sock.makefile("rb")

    def say(self, line: str | bytes) -> None:
        data = line.encode() if isinstance(line, str) else line
        with contextlib.suppress(OSError):
            self.sock.sendall(data + b"\r\n")

    def hear(self) -> str:
        self.server.heard.append(self._line().decode().rstrip("\r\n"))
        return self.server.heard[-1]

    def _line(self) -> bytes:
        try:
            line = self._file.readline()
        except OSError as error:
            raise Gone from error
        if not line:
            raise Gone
        return line

    def hear_octets(self, count: int) -> bytes:
        try:
            return self._file.read(count)
        except OSError as error:
            raise Gone from error

    def hear_content(self) -> bytes:
        """The content without dot-stuffing, without the final dot."""
        lines = []
        while (line := self._line()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def stay_silent(self) -> None:
        """Hear everything, answer nothing, until the client has had enough."""
        while True:
            self._line()

    def forget_input(self) -> None:
        """Throw away what the client has sent ahead (it came in one piece, and was read in one)."""
        self._file = self.sock.makefile("rb")

    def encrypt(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        self._file.close()
        plain = self.sock
        try:
            self.sock = context.wrap_socket(plain, server_side=True)
        except OSError as error:
            raise Gone from error
        finally:
            plain.close()
        self._file = self.sock.makefile("rb")

    def hang_up(self, *, reset: bool = False) -> None:
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self._file.close()
            self.sock.close()
        raise Gone

    def serve(
        self,
        answer: Callable[[str, str], str | None] = lambda verb, line: None,
        offers: tuple[str, ...] = OFFERS,
        *,
        greeted: bool = False,
    ) -> None:
        """Speak SMTP well, but where `answer(verb, line)` gives a reply of its own ("." is the final dot's verb).

        An answer of "" says nothing at all.
        """
        if not greeted:
            self.say(answer("CONNECT", "") or "220 mx.example ESMTP")
        mail = rcpt = ""
        while True:
            line = self.hear()
            verb = line.split(" ")[0].partition(":")[0].upper()
            own = answer(verb, line)
            if own is not None:
                if own:
                    self.say(own)
                accepted = own.startswith(("2", "354"))
            else:
                accepted = True
                self.say(self._usual(verb, rcpt, offers))
                accepted = not (verb == "DATA" and not rcpt)
            if verb == "QUIT":
                self.hang_up()
            elif verb == "MAIL" and accepted:
                mail = line
            elif verb == "RCPT" and accepted:
                rcpt = line
            elif verb == "RSET":
                mail = rcpt = ""
            elif verb == "DATA" and accepted:
                content = self.hear_content()
                if rcpt:
                    self.server.received.append(Received(mail, rcpt, content))
                mail = rcpt = ""
                final = answer(".", "")
                if final != "":
                    self.say(final or f"250 2.0.0 Ok: queued as Q{len(self.server.received)}")

    @staticmethod
    def _usual(verb: str, rcpt: str, offers: tuple[str, ...]) -> str:
        if verb == "EHLO":
            return "\r\n".join(["250-mx.example", *(f"250-{offer}" for offer in offers), "250 HELP"])
        if verb == "DATA":
            return "354 go on" if rcpt else "554 5.5.1 no valid recipients"
        return "221 2.0.0 bye" if verb == "QUIT" else "250 2.0.0 Ok"


Script = Callable[[Talk], None]


@dataclass
class Server:
    """What happened. `received` is every message whose final dot came, whatever was answered."""

    port: int = 0
    connections: int = 0
    heard: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    problems: list[BaseException] = field(default_factory=list)


@contextlib.contextmanager
def smtp_server(*scripts: Script, implicit_tls: bool = False) -> Iterator[Server]:
    """A server whose first connection follows the first script, and so on; the last script serves all the rest."""
    server = Server()
    scripts = scripts or (Talk.serve,)
    talks: list[Talk] = []
    threads: list[threading.Thread] = []
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]

    def follow(script: Script, talk: Talk) -> None:
        try:
            if implicit_tls:
                talk.encrypt()
            script(talk)
        except Gone:
            pass
        except Exception as error:  # noqa: BLE001  # raised again where the test can see it
            server.problems.append(error)
        finally:
            with contextlib.suppress(Gone):
                talk.hang_up()

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            script = scripts[min(server.connections, len(scripts) - 1)]
            server.connections += 1
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            talks.append(Talk(sock, server, server.connections))
            thread = threading.Thread(target=follow, args=(script, talks[-1]))
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for talk in talks:
            with contextlib.suppress(OSError):
                talk.sock.shutdown(
                    socket.SHUT_RDWR
                )  # encrypted or not: it ends the script that waits for more
        for thread in threads:
            thread.join()
        if server.problems:
            raise server.problems[0]


@dataclass
class Api:
    """An HTTP API: `answers` are given in turn, the last one for ever; `requests` are the bodies that came.

    An answer is a status with a body, "silence" until the test is over, or "hang up" without a word.
    """

    url: str = ""
    answers: list[tuple[int, Any] | str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)


@contextlib.contextmanager
def http_api(*answers: tuple[int, Any] | str) -> Iterator[Api]:
    api = Api(answers=list(answers))
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            api.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = api.answers[min(len(api.requests), len(api.answers)) - 1]
            if isinstance(answer, str):
                if answer == "silence":
                    over.wait()
                self.close_connection = True
                return
            status, body = answer
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
