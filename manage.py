#!/usr/bin/env python
"""The command line of Due Notice. `manage.py up` runs everything; `manage.py help` lists the rest."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    from config import embedded

    try:
        embedded.use(start=embedded.needs_servers(sys.argv))
    except embedded.EmbeddedError as error:
        sys.exit(str(error))

    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        import config.settings  # noqa: F401  (here a wrong variable is a sentence; later it would be a traceback)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
