"""The ledger of evidence: its key, and who is told of its heads."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from environs import Env

from config.settings.site import BASE_URL
from config.settings.start import env, seconds

# The ledger's own key, and those that it had before: `notices.ledger.keys`. In development there is one that anybody
# can work out.
LEDGER_KEY = env.read(
    "LEDGER_KEY",
    Env.str,
    "a signer key (PRIVATE+KEY+name+id+key), kept secret and kept for years; make one with `manage.py ledger key`",
    default="",
    check=lambda key: bool(re.fullmatch(r"PRIVATE\+KEY\+[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}", key)),
)
LEDGER_OLD_KEYS: list[str] = env.read(
    "LEDGER_OLD_KEYS",
    Env.list,
    "verifier keys (name+id+key) that signed earlier checkpoints, separated by commas",
    default=[],
    in_production=[],
    check=lambda keys: all(re.fullmatch(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}", key) for key in keys),
)
_origin = LEDGER_KEY.removeprefix("PRIVATE+KEY+").partition("+")[0] or f"{urlsplit(BASE_URL).netloc}/ledger"
LEDGER_ORIGIN = env.read(
    "LEDGER_ORIGIN",
    Env.str,
    "the name of the ledger, the same from its first day on, such as notices.example.com/ledger",
    default=_origin,
    in_production=_origin,
    check=lambda name: not re.search(r"[\s+]", name),
)
LEDGER_SEAL_EVERY_SECONDS = seconds("LEDGER_SEAL_EVERY_SECONDS", "seconds, more than 0, such as 60", 60.0)

# Time-stamps of the ledger's checkpoints (RFC 3161), and their publication elsewhere; neither by default.
LEDGER_TSA_URLS: list[str] = env.read(
    "LEDGER_TSA_URLS",
    Env.list,
    "addresses of time-stamp authorities, separated by commas, such as https://tsa.example.com/tsr",
    default=[],
    in_production=[],
    check=lambda urls: all(
        urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname for url in urls
    ),
)
LEDGER_TSA_CERT = env.read(
    "LEDGER_TSA_CERT",
    Env.str,
    "a PEM file with the certificates of these authorities, or of those above them",
    default="",
    in_production="",
    check=lambda path: Path(path).is_file(),
)
LEDGER_PUBLISH_COMMAND = env.read(
    "LEDGER_PUBLISH_COMMAND",
    Env.str,
    "a program with its arguments, run with each new checkpoint on its standard input",
    default="",
    in_production="",
)
LEDGER_TSA_TIMEOUT_SECONDS = seconds("LEDGER_TSA_TIMEOUT_SECONDS", "seconds, more than 0, such as 20", 20.0)
LEDGER_PUBLISH_TIMEOUT_SECONDS = seconds(
    "LEDGER_PUBLISH_TIMEOUT_SECONDS", "seconds, more than 0, such as 60", 60.0
)
LEDGER_PUBLISH_EVERY_SECONDS = seconds(
    "LEDGER_PUBLISH_EVERY_SECONDS", "seconds, more than 0, such as 600", 600.0
)
