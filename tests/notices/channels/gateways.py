"""A gateway for SMS on this machine: it takes forms as Twilio's Messages API does, and answers as told."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

ACCOUNT, TOKEN = "AC" + "0" * 32, "secret-token"


@dataclass
class Taken:
    """One request that came: its path, its credentials, and the form's fields."""

    path: str
    credentials: str
    form: dict[str, str]


@dataclass
class SmsApi:
    """`answers` are given in turn, the last for ever: (status, body), "silence" or "hang up"; () is Twilio's yes."""

    port: int = 0
    answers: list[Any] = field(default_factory=list)
    requests: list[Taken] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def error(status: int, code: int, message: str = "No.") -> tuple[int, Any]:
    return status, {"code": code, "message": message, "more_info": "https://example.com", "status": status}


@contextlib.contextmanager
def sms_api(*answers: Any) -> Iterator[SmsApi]:
    api = SmsApi(answers=list(answers) or [()])
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            credentials = base64.b64decode(self.headers.get("Authorization", " ").split(" ")[1]).decode()
            api.requests.append(Taken(self.path, credentials, dict(parse_qsl(body, keep_blank_values=True))))
            number = len(api.requests)
            answer = api.answers[min(number, len(api.answers)) - 1]
            if isinstance(answer, str):
                if answer == "silence":
                    over.wait()
                self.close_connection = True
                return
            sid, text = f"SM{number:032d}", api.requests[-1].form["Body"]
            status, said = answer or (
                201,
                {"sid": sid, "status": "queued", "num_segments": "1", "body": text},
            )
            data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
