"""Run the world: `python -m demo.world --port-file F --maildir DIR --journal FILE`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from demo.world.journal import Journal
from demo.world.outbox import Maildir
from demo.world.reporter import Reporter
from demo.world.scanner import Scanner
from demo.world.session import Session
from demo.world.smarthost import Smarthost


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.world",
        description="A smarthost on loopback and the mail servers behind it, all made up.",
        epilog="Ends on SIGTERM or SIGINT. Reports that are not due yet are lost then, and counted in the journal, "
        "unless --flush-on-exit is given.",
    )
    parser.add_argument("--port-file", type=Path, required=True, help="written, whole, once the port is open")
    parser.add_argument("--maildir", type=Path, required=True, help="where mail to bounce addresses is put")
    parser.add_argument(
        "--journal", type=Path, required=True, help="JSON Lines of all that happens; appended to"
    )
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument(
        "--pace", type=float, default=1.0, help="factor on every delay (default: %(default)s)"
    )
    parser.add_argument(
        "--web-url", help="the demo site; links to it are fetched by recipients with a link scanner"
    )
    parser.add_argument(
        "--flush-on-exit", action="store_true", help="send reports that are not due yet at the end"
    )
    return parser


async def run(options: argparse.Namespace) -> None:
    """Serve until a signal comes."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    journal = Journal(options.journal)
    scanner = Scanner(options.web_url, journal) if options.web_url else None
    reporter = Reporter(journal, Maildir(options.maildir), scanner, pace=options.pace)
    host = Smarthost(journal, reporter, pace=options.pace)
    server = await loop.create_server(partial(Session, host, loop=loop), "127.0.0.1", options.port)
    port = server.sockets[0].getsockname()[1]
    journal.write("start", port=port, pid=os.getpid())
    _write_whole(options.port_file, f"{port}\n")
    sending = loop.create_task(reporter.outbox.run())
    waiting = loop.create_task(stop.wait())
    await asyncio.wait({sending, waiting}, return_when=asyncio.FIRST_COMPLETED)
    server.close()
    if sending.done():
        sending.result()  # only ever an error
    await _end(asyncio.all_tasks() - {asyncio.current_task()})
    if options.flush_on_exit:
        reporter.outbox.flush()
    if scanner is not None:
        scanner.close()
    journal.write("stop", pending=len(reporter.outbox))
    journal.close()


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel the open sessions and what else runs, and wait until they have written their last line."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_text(text)
    draft.rename(path)


def main() -> int:
    options = arguments().parse_args()
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd logs every line it reads
    # Thousands of messages wait in the outbox, and none of them is in a cycle.
    gc.set_threshold(50_000, 20, 20)
    try:
        asyncio.run(run(options))
    except (OSError, ValueError) as error:
        print(f"The world stops: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
