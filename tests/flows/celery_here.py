"""Start Celery (or merely hold the servers) on the embedded servers of the folder that the environment names."""

from __future__ import annotations

import sys

from config import embedded

if __name__ == "__main__":
    embedded.use()
    if sys.argv[1] == "hold":
        sys.stdin.read()
    else:
        from config.celery import app

        app.start(sys.argv[1:])
