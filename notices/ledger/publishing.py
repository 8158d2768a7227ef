"""Publication of checkpoints elsewhere, by a program of the operator's choice.

A head of the ledger that lies where we cannot take it back (a repository that others clone, a bucket under object
lock, somebody's mailbox) makes it impossible to rewrite history unseen. How to get it there is the operator's
knowledge: LEDGER_PUBLISH_COMMAND is run with the signed note on its standard input.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from datetime import datetime

from django.conf import settings
from django.db import connection

from notices.ledger.patience import next_try
from notices.ledger.stamping import stamp_latest
from notices.models import Checkpoint, CheckpointPublication
from notices.proof.verify import shown

_OUTPUT_LIMIT = 2000
_LOCK = 0x5055424C  # "PUBL"; of this database's advisory locks


def tell_others(*, now: datetime) -> None:
    """Have the latest checkpoint time-stamped and published, each where it is configured and still to be done.

    Two workers never do it at once: the second finds the lock taken, and leaves.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return
        try:
            stamp_latest(now=now)
            publish_latest(now=now)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def publish_latest(*, now: datetime) -> CheckpointPublication | None:
    """Publish the latest checkpoint, unless that was done, nothing is configured, or a failure is too fresh.

    Must not run inside a transaction: the program may take its time (LEDGER_PUBLISH_TIMEOUT_SECONDS).

    Returns:
        The record of what came of it; None where nothing was to be done.
    """
    checkpoint = Checkpoint.objects.order_by("-size").first()
    if checkpoint is None or not settings.LEDGER_PUBLISH_COMMAND:
        return None
    if checkpoint.publications.filter(ok=True).exists():
        return None
    done = CheckpointPublication.objects.order_by("-at")
    last = done.filter(ok=True).values_list("at", flat=True).first()
    failures = done.filter(ok=False).values_list("at", flat=True)
    until = next_try(list(failures.filter(at__gt=last)[:20] if last else failures[:20]))
    if until and now < until:
        return None
    ok, output = run(checkpoint.note)
    return CheckpointPublication.objects.create(checkpoint=checkpoint, at=now, ok=ok, output=output)


def run(note: str) -> tuple[bool, str]:
    """Run LEDGER_PUBLISH_COMMAND with the note on its standard input: whether it exited with 0, and what it printed.

    Its words are split as a shell would (shlex), but no shell reads them.
    """
    try:
        arguments = shlex.split(settings.LEDGER_PUBLISH_COMMAND)
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that whatever it starts can be ended with it
        )
    except (OSError, ValueError) as error:
        return False, _cut(f"It could not be started: {error}.")
    try:
        output, _ = process.communicate(note.encode(), timeout=settings.LEDGER_PUBLISH_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        seconds = settings.LEDGER_PUBLISH_TIMEOUT_SECONDS
        return False, _cut(f"It took longer than {seconds:g} seconds and was ended. {_text(output)}")
    said = _text(output)
    if process.returncode:
        return False, _cut(f"It ended with status {process.returncode}. {said}")
    return True, _cut(said)


def _text(output: bytes) -> str:
    return shown(output.decode(errors="replace").strip())


def _cut(text: str) -> str:
    return text if len(text) <= _OUTPUT_LIMIT else text[: _OUTPUT_LIMIT - 1] + "…"
