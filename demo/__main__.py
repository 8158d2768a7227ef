"""`python -m demo [--once]`: 10,000 flagged accounts warned, every delivery recorded, three of them asked about.

Sets up the demo's own database and environment, and hands over to `demo.run`, which loads Django with them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from config import embedded
from config.processes import free_port

HERE = Path(__file__).resolve().parent
DATABASE = "due_notice_demo"
HOST = "127.0.0.1"

# The demo's world answers in seconds what takes the real one hours, so its patience is shorter as well.
PATIENCE = {
    "NOTICE_SWEEP_EVERY_SECONDS": "2",
    "NOTICE_SWEEP_GRACE_SECONDS": "2",
    "NOTICE_CALLING_TIMEOUT_SECONDS": "20",
    "NOTICE_RETRY_MINUTES": "0.05,0.08,0.12",
    "NOTICE_RETRY_FOR_HOURS": "0.007",
    "NOTICE_RESEND_UNKNOWN": "after_seconds:6",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="leave after the summary; status 0 only if the run was right"
    )
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument(
        "--ask", metavar="WHO", help="run nothing: say whether this account of the demo was warned"
    )
    options = parser.parse_args()
    try:
        embedded.use()
    except embedded.EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    if options.ask is not None:
        return ask(options.ask)
    embedded.drop_database(DATABASE)
    port = free_port(HOST)
    if port is None:
        print("Every port from 8000 to 8099 is taken. Free one and try again.", file=sys.stderr)
        return 1
    var = embedded.Place.here().var / "demo"
    shutil.rmtree(var, ignore_errors=True)
    (var / "log").mkdir(parents=True)
    for name in ("new", "cur", "tmp"):
        (var / "maildir" / name).mkdir(parents=True)
    os.environ |= {
        **PATIENCE,
        "DATABASE_URL": embedded.create_database(DATABASE),
        # A database of its own in the broker, so that the demo's hints reach the demo's workers only.
        "CELERY_BROKER_URL": urlsplit(os.environ["CELERY_BROKER_URL"])._replace(path="/1000").geturl(),
        "BASE_URL": f"http://{HOST}:{port}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    from demo.run import run

    return run(options.accounts, var=var, host=HOST, port=port, once=options.once)


def ask(who: str) -> int:
    """Answer for one account of the demo, as `manage.py verdict` does; returns its exit status."""
    if not who:
        print("Say who: make ask WHO=C-1 (an id, an e-mail address, a case or a notice).", file=sys.stderr)
        return 2
    os.environ |= {
        "DATABASE_URL": embedded.create_database(DATABASE),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(["manage.py", "verdict", who])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
