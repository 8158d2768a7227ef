"""Disk for one warned account, everything in: `python -m bench.disk [--accounts N]`

Made-up flags with all their mess are imported, warned wave by wave in four languages, sent, and reported on, by the
product's own code: the channels are called, outcomes settled, delivery reports received and kept whole, all evidence
sealed. Only the mail server is missing: a stand-in answers what Postfix would, and its success reports come at once.

What counts is the growth of the database (heaps, TOAST, indexes, free space within them) from an empty one with the
policies loaded, for each warned account. After each phase of each wave tables are vacuumed, as autovacuum does in the
minutes between an import, a wave and its reports; nothing is rewritten (no VACUUM FULL). A second figure is taken after
REINDEX CONCURRENTLY, which an administrator runs now and then without stopping anything.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import ROOT, report, start_django
from bench.sizes import breakdown, counted, database_size, reindex, rows, tables, vacuum

if TYPE_CHECKING:  # Django is loaded later
    from notices.channels.base import Message, Outcome

TARGET = 4096  # bytes per warned account
_random = random.Random(7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--waves", type=int, default=10, help="in which the accounts come")
    options = parser.parse_args()
    start_django("due_notice_disk")
    from cases.actions.policies import load_policies

    load_policies(ROOT / "demo" / "policies.toml")
    vacuum()
    before, tables_before = database_size(), tables()
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.waves):
            # A few more than are asked for: some rows cannot be taken.
            path = Path(folder) / f"flags-{number}.csv"
            flags(path, round(options.accounts / options.waves * 1.01), number)
            for name, phase in phases(path):
                started = time.perf_counter()
                phase()
                seconds[name] = seconds.get(name, 0) + time.perf_counter() - started
                vacuum()
    vacuum()
    warned = counted("SELECT count(*) FROM cases_step")
    grown, by_table = database_size() - before, breakdown(tables_before, warned)
    reindex()
    reindexed = database_size() - before
    report(
        "disk",
        {
            "warned_accounts": warned,
            "bytes_per_account": round(grown / warned),
            "bytes_per_account_once_reindexed": round(reindexed / warned),
            "target": TARGET,
            "database_bytes": grown,
            "rows": rows(),
            "bytes_per_account_by_table": by_table,
            "seconds": {name: round(spent, 1) for name, spent in seconds.items()},
        },
    )


def phases(path: Path) -> Iterator[tuple[str, Any]]:
    yield "import", lambda: take_in(path)
    yield "warn", warn
    yield "send", send
    yield "reports", receive_reports
    yield "seal", seal_all


def flags(path: Path, accounts: int, number: int) -> None:
    """Made-up flags about accounts of their own, whatever the number of the wave."""
    from demo.people import write_flags

    whole = path.with_name(f"whole-{path.name}")
    write_flags(whole, accounts=accounts, seed=number)
    # Among the mess are rows that are no UTF-8; they go on as they are, for the import to reject.
    as_it_is = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    with whole.open(**as_it_is) as source, path.open("w", **as_it_is) as out:
        rows, writer = csv.reader(source), csv.writer(out)
        header = next(rows)
        writer.writerow(header)
        for row in rows:
            for column in ("reference", "external_id"):
                at = header.index(column)
                if at < len(row) and row[at].strip():
                    row[at] = f"{row[at].strip()}{number}"
            writer.writerow(row)


def take_in(path: Path) -> None:
    from cases.actions.intake import import_flags
    from cases.actions.intake.importing import known_policies
    from cases.actors import system
    from cases.reading import read_flags

    now = datetime.now(UTC)
    rows = read_flags(path, source="bench", policies=known_policies().keys(), now=now)
    import_flags(rows, actor=system("bench"), at=now, file_name=path.name, source="bench")


def warn() -> None:
    from cases.actions.waves import warn_wave
    from cases.actors import system
    from cases.models import Wave

    warn_wave(Wave.objects.latest("pk").pk, actor=system("bench"))


class Smarthost:
    """The e-mail channel with a mail server that takes everything, as Postfix words it."""

    name = "email"

    def send(self, messages: Sequence[Message]) -> Iterator[Outcome]:
        from notices.channels.base import Outcome, utc_now

        for message in messages:
            queue_id = queue_name()
            yield Outcome(
                message.delivery_id,
                "submitted",
                f"2.0.0 Ok: queued as {queue_id}",
                250,
                "smtp:mail.platform.example",
                queue_id,
                {
                    "host": "mail.platform.example",
                    "port": 587,
                    "stage": "content",
                    "tls": "TLSv1.3",
                    "dsn": {"offered": True, "asked": True},
                    "enhanced": "2.0.0",
                },
                at=utc_now(),
            )


def queue_name() -> str:
    """A queue id as Postfix's long ones are: time in base 52, then the inode."""
    letters = "BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789"
    return "4" + "".join(_random.choices(letters, k=6)) + "z" + "".join(_random.choices(letters, k=4))


def send() -> None:
    from notices import sending
    from notices.channels import get_channel
    from notices.models import Delivery, DeliveryState

    sending.get_channel = lambda name: Smarthost() if name == "email" else get_channel(name)  # type: ignore[attr-defined]
    ids = list(
        Delivery.objects.filter(state=DeliveryState.QUEUED).order_by("pk").values_list("pk", flat=True)
    )
    for start in range(0, len(ids), sending.BATCH):
        sending.send_due(ids[start : start + sending.BATCH])


def receive_reports() -> None:
    """A success report for each e-mail, as Postfix, Exim and Exchange write them, in the shares of the demo's world."""
    from django.db.models import Exists, OuterRef

    from notices.inbound import Inbound, receive
    from notices.models import Delivery, Evidence

    numbers = count(1)
    reported = Evidence.objects.filter(delivery=OuterRef("pk"), kind="delivered")
    deliveries = (
        Delivery.objects.filter(~Exists(reported), channel="email").select_related("notice").order_by("pk")
    )
    batch: list[Inbound] = []
    for delivery in deliveries.iterator(chunk_size=500):
        batch.append(Inbound(*success_report(delivery, next(numbers))))
        if len(batch) == 100:
            receive(batch, now=datetime.now(UTC))
            batch = []
    receive(batch, now=datetime.now(UTC))


def success_report(delivery: Any, number: int) -> tuple[bytes, str]:
    from demo.world import dsn
    from demo.world.report import Report
    from notices import composing, tokens

    whole = bytes(delivery.head) + composing.unpack(
        bytes(delivery.notice.content), delivery.notice.dictionary_id
    )
    headers = whole.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"\n") + b"\n"
    now = datetime.now(UTC)
    return_path = tokens.verp(delivery.pk)
    text = dsn.render(
        Report(
            style=("postfix", "postfix", "exim", "exchange")[number % 4],
            action="delivered",
            status="2.0.0",
            diagnostic=f"250 2.0.0 OK {int(now.timestamp())} {queue_name().lower()} - mx",
            recipient=delivery.address,
            original_recipient=f"rfc822;{delivery.address}",
            envid=tokens.envid(delivery.pk),
            return_path=return_path,
            queue_id=delivery.provider_id,
            headers=headers,
            body=b"",
            arrived=now,
            now=now,
            number=number,
        )
    )
    return text.replace(b"\n", b"\r\n"), return_path  # as it comes by LMTP


def seal_all() -> None:
    from notices.ledger import seal

    seal(now=datetime.now(UTC))


if __name__ == "__main__":
    main()
