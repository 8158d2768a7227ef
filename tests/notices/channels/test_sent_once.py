"""No provider's library repeats a request that may have been taken.

Every backend that django-anymail has is tried with its real client (requests, boto3) against a server on this machine
that reads a request whole and then never answers, hangs up, or points elsewhere. One request each, and `lost`: the
notice may be on its way, so nobody sends it again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.config import Config
from pytest_django import Settings

from notices.channels.base import Outcome
from notices.channels.email import AnymailChannel
from tests.notices.channels.conftest import message

pytestmark = pytest.mark.filterwarnings("ignore:django-anymail has dropped official support")  # SendGrid


@dataclass
class Provider:
    url: str = ""
    requests: list[str] = field(default_factory=list)  # paths, once the body has been read to its end
    over: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def provider(behaviour: str) -> Iterator[Provider]:
    """Takes every request whole; then `silence`, `hang up`, or `redirect` (307, which repeats a POST)."""
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            made.requests.append(self.path)
            if behaviour == "redirect" and not self.path.endswith("/elsewhere"):
                self.send_response(307)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if behaviour == "silence":
                made.over.wait(30)
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


# Every backend of django-anymail that speaks HTTP by requests, with what it needs to be set up.
BY_REQUESTS: dict[str, dict[str, str]] = {
    "brevo": {"BREVO_API_KEY": "k"},
    "mailersend": {"MAILERSEND_API_TOKEN": "k"},
    "mailgun": {"MAILGUN_API_KEY": "k", "MAILGUN_SENDER_DOMAIN": "example.com"},
    "mailjet": {"MAILJET_API_KEY": "k", "MAILJET_SECRET_KEY": "s"},
    "mailtrap": {"MAILTRAP_API_TOKEN": "k"},
    "mandrill": {"MANDRILL_API_KEY": "k"},
    "postal": {"POSTAL_API_KEY": "k"},
    "postmark": {"POSTMARK_SERVER_TOKEN": "k"},
    "resend": {"RESEND_API_KEY": "k"},
    "scaleway": {"SCALEWAY_SECRET_KEY": "k", "SCALEWAY_PROJECT_ID": "p"},
    "sendgrid": {"SENDGRID_API_KEY": "k"},
    "sparkpost": {"SPARKPOST_API_KEY": "k"},
    "unisender_go": {"UNISENDER_GO_API_KEY": "k"},
}

Send = Callable[[str, str], tuple[list[Outcome], Provider]]


@pytest.fixture
def send(settings: Settings) -> Send:
    def send(backend: str, behaviour: str) -> tuple[list[Outcome], Provider]:
        with provider(behaviour) as there:
            settings.ANYMAIL = {**BY_REQUESTS[backend], f"{backend.upper()}_API_URL": there.url}
            return list(AnymailChannel(backend, timeout=0.4).send([message(1)])), there

    return send


def test_every_backend_of_anymail_is_tried_here() -> None:
    """A backend that comes with a new version of django-anymail has to be looked at before it is used."""
    import pkgutil

    import anymail.backends

    names = {module.name for module in pkgutil.iter_modules(anymail.backends.__path__)}
    not_a_provider = {
        "base",
        "base_requests",
        "test",
        "console",
        "sendinblue",
    }  # the last is brevo's old name
    assert names - not_a_provider == {*BY_REQUESTS, "amazon_ses"}


@pytest.mark.parametrize("backend", sorted(BY_REQUESTS))
@pytest.mark.parametrize("behaviour", ["silence", "hang up"])
def test_a_request_that_was_taken_is_never_repeated(send: Send, backend: str, behaviour: str) -> None:
    (outcome,), there = send(backend, behaviour)
    assert (outcome.kind, len(there.requests)) == ("lost", 1)


@pytest.mark.parametrize("backend", sorted(BY_REQUESTS))
def test_a_redirect_repeats_nothing_and_is_for_a_person_to_see(send: Send, backend: str) -> None:
    (outcome,), there = send(backend, "redirect")
    assert (outcome.kind, outcome.code, outcome.detail["configuration"]) == ("deferred", 307, True)
    assert len(there.requests) == 1


CREDENTIALS = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-west-1"}


@pytest.mark.parametrize("behaviour", ["silence", "hang up"])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"config": {"retries": {"max_attempts": 5, "mode": "adaptive"}, "read_timeout": 0.4}},
        {"config": Config(retries={"total_max_attempts": 5, "mode": "legacy"}, read_timeout=0.4)},
    ],
)
def test_amazon_ses_is_called_once_whatever_its_settings_say(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, behaviour: str, config: dict[str, Any]
) -> None:
    """boto3 calls up to five times by itself, also where only the answer was lost."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with provider(behaviour) as there:
        settings.ANYMAIL = {"AMAZON_SES_CLIENT_PARAMS": {**CREDENTIALS, "endpoint_url": there.url, **config}}
        outcomes = list(AnymailChannel("amazon_ses", timeout=0.4).send([message(1)]))
    assert [outcome.kind for outcome in outcomes] == ["lost"]
    assert there.requests == ["/v2/email/outbound-emails"]


def test_the_server_of_these_tests_would_see_boto3_s_own_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter-check: boto3 as it comes does repeat the call, so the tests above can fail."""
    import boto3
    from botocore.exceptions import BotoCoreError

    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with provider("hang up") as there:
        client = boto3.client(
            "sesv2",
            endpoint_url=there.url,
            config=Config(retries={"total_max_attempts": 2, "mode": "standard"}),
            **CREDENTIALS,
        )
        with pytest.raises(BotoCoreError):
            client.send_email(Destination={"ToAddresses": ["a@example.org"]}, Content={"Raw": {"Data": b"x"}})
        client.close()
    assert len(there.requests) == 2
