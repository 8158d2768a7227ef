"""Webhook events: taken in over HTTP, and interpreted. `python -m bench.hooks [--batches N] [--singles N]`

The site runs under granian as `manage.py up` starts it, PostgreSQL with fsync. A client in a process of its own posts
over keep-alive connections: SendGrid's events in batches of 100 (once by password, once with its ECDSA signature as
well) and Postmark's singly. Each beside a view that does one INSERT and nothing else (bench/bare.py), with no
middleware and with the site's. Then all is interpreted in this process, and every event looked up in the evidence.
Client, server and PostgreSQL share the machine: CPU seconds tell more than the clock.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.harness import ROOT, cpu_seconds, free_port, report, start_django, wait_for

BATCH = 100
PASSWORD = "bench:a-long-password-of-the-bench"  # noqa: S105  (of nothing but this)
KEY = ec.generate_private_key(ec.SECP256R1())
STAMP = "1777809600"
BARE_TABLE = "CREATE TABLE bench_event (id bigserial PRIMARY KEY, event text NOT NULL, body text NOT NULL)"

Target = tuple[int, str, str]  # delivery id, address, envid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=300, help=f"requests of {BATCH} events")
    parser.add_argument("--singles", type=int, default=5_000, help="requests of one event")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--notices", type=int, default=30_000, help="that the events are about")
    options = parser.parse_args()
    os.environ["ANYMAIL_WEBHOOK_SECRET"] = PASSWORD
    start_django("due_notice_bench_hooks")
    targets = prepare(options.notices)
    figures: dict[str, Any] = {}
    for name, app, environment, path, make, times in plan(options, targets):
        with server(app, environment) as port:
            post(port, options.connections, make(path, max(40, times // 20)))  # warms connections and caches
            drain(path)
            runs = [one_run(port, options.connections, path, make, times) for _ in range(options.runs)]
        figures[name] = summary(runs)
    report("hooks", {"connections": options.connections, "runs": options.runs, **figures})


def plan(options: argparse.Namespace, targets: Sequence[Target]) -> Iterator[tuple[Any, ...]]:
    """What is measured: name, application, its environment, path, maker of requests, how many."""
    ours, bare = "config.wsgi:application", "bench.bare:application"
    signed = {"ANYMAIL_SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY": public_key()}
    everything = {"BENCH_MIDDLEWARE": "all"}

    def batches(path: str, times: int) -> list[bytes]:
        return [request(path, sendgrid(targets)) for _ in range(times)]

    def singles(path: str, times: int) -> list[bytes]:
        return [request(path, postmark(targets)) for _ in range(times)]

    yield "sendgrid_100", ours, {}, "/hooks/sendgrid/tracking/", batches, options.batches
    yield "sendgrid_100_signed", ours, signed, "/hooks/sendgrid/tracking/", batches, options.batches
    yield "bare_100", bare, {}, "/batch", batches, options.batches
    yield "bare_100_with_middleware", bare, everything, "/batch", batches, options.batches
    yield "postmark_1", ours, {}, "/hooks/postmark/tracking/", singles, options.singles
    yield "bare_1", bare, {}, "/single", singles, options.singles
    yield "bare_1_with_middleware", bare, everything, "/single", singles, options.singles


# --- What is measured -------------------------------------------------------------------------------------------------


def one_run(
    port: int, connections: int, path: str, make: Callable[[str, int], list[bytes]], times: int
) -> dict[str, float]:
    requests = make(path, times)
    events = times * (BATCH if "sendgrid" in path or path == "/batch" else 1)
    before = cpu_seconds()
    result = post(port, connections, requests)
    after = cpu_seconds()
    if result["statuses"] != {"200": times}:
        raise SystemExit(f"Not every request was taken: {result['statuses']}")
    figures = {
        "requests_per_second": times / result["seconds"],
        "events_per_second": events / result["seconds"],
        "p50_ms": result["p50_ms"],
        "p99_ms": result["p99_ms"],
        "cpu_server": after["python"] - before["python"] - result["cpu"],
        "cpu_postgres": after["postgres"] - before["postgres"],
        "cpu_client": result["cpu"],
    }
    return figures | drain(path, events)


def drain(path: str, expected: int | None = None) -> dict[str, float]:
    """Interpret what was taken in; see that every event is evidence. The bare view's rows are counted."""
    from django.db import connection

    from notices.events.interpreting import interpret
    from notices.models import Evidence, ProviderEvent, WebhookRequest

    if not path.startswith("/hooks/"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM bench_event")
            stored = cursor.fetchone()[0]
            cursor.execute("TRUNCATE bench_event")
        if expected is not None and stored != expected:
            raise SystemExit(f"{stored} rows of {expected} are there.")
        return {}
    known, before, started = Evidence.objects.count(), cpu_seconds(), time.perf_counter()
    while WebhookRequest.objects.exists():
        interpret(now=datetime.now(UTC), seconds=60)
    seconds, after = time.perf_counter() - started, cpu_seconds()
    found = Evidence.objects.count() - known
    if expected is not None and (found != expected or ProviderEvent.objects.exists()):
        raise SystemExit(f"{found} events of {expected} became evidence.")
    return {
        "interpreted_per_second": found / seconds,
        "interpreting_cpu_python": after["python"] - before["python"],
        "interpreting_cpu_postgres": after["postgres"] - before["postgres"],
    }


def post(port: int, connections: int, requests: list[bytes]) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(pickle.dumps(requests))
        command = [sys.executable, "-m", "bench.hook_load", str(port), str(connections), file.name]
        result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return dict(json.loads(result.stdout))


def summary(runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    return {
        **{name: round(median(run[name] for run in runs), 3) for name in runs[0]},
        "events_per_second_of_each_run": [round(run["events_per_second"]) for run in runs],
    }


@contextmanager
def server(application: str, environment: dict[str, str]) -> Iterator[int]:
    """The site's own web process, with another application where one is named."""
    from config.processes import web

    port = free_port()
    process = web("127.0.0.1", port, {})
    command = [*process.argv[:-1], application]
    running = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment, "DEBUG": "false"}, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: listens(port), "granian")
        yield port
    finally:
        running.terminate()
        running.wait()


def listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- What is posted ---------------------------------------------------------------------------------------------------


def prepare(notices: int) -> list[Target]:
    """Notices whose deliveries both providers are believed about, and the bare view's table."""
    from django.db import connection, transaction

    from bench import send
    from notices import tokens
    from notices.issuing import issue
    from notices.models import Delivery

    send.prepare()
    for start in range(0, notices, send.ISSUE_SIZE):
        numbers = range(start, min(start + send.ISSUE_SIZE, notices))
        with transaction.atomic():
            issue([send.order(0, n, ["en"]) for n in numbers], actor="system:bench", at=datetime.now(UTC))
    # As if sent by SMTP, so that events of either provider are about them.
    Delivery.objects.update(state="accepted", provider="smtp:bench", tries=1, called_at=datetime.now(UTC))
    with connection.cursor() as cursor:
        cursor.execute(BARE_TABLE)
        cursor.execute("ANALYZE")
    rows = Delivery.objects.order_by("pk").values_list("pk", "address")
    return [(pk, address, tokens.envid(pk)) for pk, address in rows]


_number = count(1)  # of the event; the notices take turns, so that none has more of them than any real one


def sendgrid(targets: Sequence[Target]) -> bytes:
    events = []
    for number in islice(_number, BATCH):
        pk, address, envid = targets[number % len(targets)]
        events.append(
            {
                "email": address,
                "timestamp": int(time.time()),
                "smtp-id": f"<{number}.a1b2c3@ismtpd0001p1lon1.sendgrid.net>",
                "event": "delivered",
                "category": ["notice"],
                "sg_event_id": f"ZGVsaXZlcmVkLTAtMTIzNDU2Nzg5MC{number:012d}",
                "sg_message_id": f"{number}.filterdrecv-5645d9c87f-2kb5k-18-5F3D4E-1.0",
                "response": "250 2.0.0 OK 1777809600 a1b2c3d4e5f6-7a8b9c0d1e2f si1234567ejb.12 - gsmtp",
                "tls": 1,
                "delivery": str(pk),
                "envid": envid,
                "anymail_id": f"a1b2c3d4-{number:012d}",
            }
        )
    return json.dumps(events).encode()


def postmark(targets: Sequence[Target]) -> bytes:
    number = next(_number)
    pk, address, envid = targets[number % len(targets)]
    event = {
        "RecordType": "Delivery",
        "ServerID": 23,
        "MessageStream": "outbound",
        "MessageID": f"00000000-0000-4000-8000-{number:012d}",
        "Recipient": address,
        "Tag": "notice",
        "DeliveredAt": datetime.now(UTC).isoformat(),
        "Details": "smtp;250 2.0.0 OK 1777809600 a1b2c3d4e5f6-7a8b9c0d1e2f si1234567ejb.12 - gsmtp",
        "Metadata": {"delivery": str(pk), "envid": envid},
    }
    return json.dumps(event).encode()


def request(path: str, body: bytes) -> bytes:
    """A complete HTTP request, with password and signature."""
    password = base64.b64encode(PASSWORD.encode()).decode()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Authorization: Basic {password}",
    ]
    if "sendgrid" in path:
        mac = base64.b64encode(KEY.sign(STAMP.encode() + body, ec.ECDSA(SHA256()))).decode()
        lines.append(f"X-Twilio-Email-Event-Webhook-Signature: {mac}")
        lines.append(f"X-Twilio-Email-Event-Webhook-Timestamp: {STAMP}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def public_key() -> str:
    der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


if __name__ == "__main__":
    main()
