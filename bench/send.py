"""10,000 notices: composed, frozen, sent by SMTP to Postfix's smtp-sink, recorded. `python -m bench.send`

PostgreSQL with fsync, two Celery worker processes. The clock runs from the first call of `issue()` to the last
recorded outcome. smtp-sink's own CPU is shown but not counted: it stands for the world.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

from bench.harness import ROOT, celery_worker, measure, report, smtp_sink, start_django, wait_for

if TYPE_CHECKING:  # Django is loaded later
    from notices.issuing import Order

ISSUE_SIZE = 500
LANGUAGES = ("en", "de", "es", "ar")
_run = count(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notices", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--languages", default=",".join(LANGUAGES), help="of the notices, in equal shares")
    options = parser.parse_args()
    languages = options.languages.split(",")
    start_django("due_notice_bench")
    with smtp_sink() as port:
        os.environ["EMAIL_URL"] = f"smtp://127.0.0.1:{port}?role=relay"
        with celery_worker(2):
            prepare()
            send(200, languages)  # warms connections, compiled templates and PostgreSQL's caches
            result = measure(lambda: send(options.notices, languages), runs=options.runs)
    median = result["median"]
    counted = median["cpu_python"] + median["cpu_postgres"] + median["cpu_valkey"]
    report(
        "send",
        {
            "notices": options.notices,
            "languages": options.languages,
            "notices_per_second": round(options.notices / median["seconds"]),
            "cpu_seconds_per_1000": round(1000 * counted / options.notices, 3),
            **result,
        },
    )


def prepare() -> None:
    from cases.actions.policies import load_policies

    load_policies(ROOT / "demo" / "policies.toml")


def send(notices: int, languages: Sequence[str]) -> Mapping[str, float]:
    """Issue and send that many; returns seconds until all were issued, and until the last was recorded."""
    from django.db import transaction

    from notices.issuing import issue
    from notices.models import Delivery, DeliveryState

    run = next(_run)
    last = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    started = time.perf_counter()
    for start in range(0, notices, ISSUE_SIZE):
        with transaction.atomic():
            issue(
                [order(run, number, languages) for number in range(start, min(start + ISSUE_SIZE, notices))],
                actor="system:bench",
                at=datetime.now(UTC),
            )
    issued = time.perf_counter() - started
    accepted = Delivery.objects.filter(pk__gt=last, state=DeliveryState.ACCEPTED)
    unsettled = Delivery.objects.filter(pk__gt=last, state__in=[DeliveryState.QUEUED, DeliveryState.CALLING])
    wait_for(lambda: time.sleep(0.05) or not unsettled.exists(), "the notices to be sent", seconds=300)
    seconds = time.perf_counter() - started
    if accepted.count() != notices:
        raise SystemExit(f"Only {accepted.count()} of {notices} were accepted.")
    return {"seconds": seconds, "seconds_issuing": issued}


def order(run: int, number: int, languages: Sequence[str]) -> Order:
    from notices.issuing import Order
    from notices.queueing import Contact

    return Order(
        recipient=f"u-{run}-{number}",
        name=f"Ana Kovač {number}",
        language=languages[number % len(languages)],
        kind="warning",
        template="data-selling-warning",
        policy_version="data-selling@1",
        service_rule={"grade": 2, "deemed": {"channels": 2, "days": 7}},
        chains=[[Contact("email", f"user{number}@mail.example", number)]],
        values={
            "account_name": f"Ana Kovač {number}",
            "facts": f"Between 3 and 9 May 2026 the account exported {number} records through the public API.",
            "case_number": f"C-{number}",
        },
        constants=constants(),
    )


@cache
def constants() -> dict[str, dict[str, str]]:
    from cases.models import PolicyVersion

    version = PolicyVersion.objects.get(policy__slug="data-selling", number=1)
    return {
        "policy_title": version.titles,
        "policy_text": version.texts,
        "platform": {"en": "Example Platform"},
        "window_days": {"en": "14"},
    }


if __name__ == "__main__":
    main()
