"""What the other settings begin with: the mode, the folders, and the reader of the environment."""

from __future__ import annotations

import os
from pathlib import Path

from environs import Env

from config.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = Path(os.environ.get("DUE_NOTICE_VAR") or BASE_DIR / "var").absolute()

DUE_NOTICE_MODE = os.environ.get("DUE_NOTICE_MODE") or "development"
PRODUCTION = DUE_NOTICE_MODE == "production"
env = Environment(production=PRODUCTION)
if DUE_NOTICE_MODE not in ("development", "production"):
    env.problems.append("DUE_NOTICE_MODE is malformed; it takes development or production.")


def seconds(name: str, form: str, default: float) -> float:
    """A number more than 0 of seconds or hours, with the same default in both modes."""
    return env.read(
        name, Env.float, form, default=default, in_production=default, check=lambda value: value > 0
    )


def octets(name: str, default: int) -> int:
    """A whole number of octets more than 0, with the same default in both modes."""
    form = "octets, a whole number more than 0, such as 5000000"
    return env.read(
        name, Env.int, form, default=default, in_production=default, check=lambda value: value > 0
    )
