"""The product's own commands as processes, on the database of the test that starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.db import connection

from tests.flows.site import ROOT


@contextmanager
def command(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`manage.py …` as an operator runs it; its standard output is to be read. Ended in the end."""
    url = urlsplit(os.environ["DATABASE_URL"])
    database = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    with subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database, **environment},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def our_door(*arguments: str) -> Iterator[str]:
    """`manage.py receive_lmtp` at a free port; yields host:port."""
    with command("receive_lmtp", "--listen", "127.0.0.1:0", *arguments) as listening:
        assert listening.stdout is not None
        line = listening.stdout.readline()
        assert line.startswith("Listening at "), line
        yield line.removeprefix("Listening at ").strip()
