"""A case, a request, and the secrets that samples are signed with."""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from notices import tokens

_serial = itertools.count(1)
PASSWORD = "hooks:a-long-password"
MAILGUN_KEY = "key-of-mailgun"
HARD, SOFT = "550 5.1.1 No such user", "451 4.7.1 Come back later"


@dataclass(frozen=True)
class Case:
    """What the events are about."""

    delivery_id: int
    provider_id: str = "message-1"
    address: str = "ana@mail.example"
    at: datetime = datetime(2026, 5, 3, 12, tzinfo=UTC)

    @property
    def metadata(self) -> dict[str, str]:
        return {"delivery": str(self.delivery_id), "envid": tokens.envid(self.delivery_id)}


@dataclass(frozen=True)
class Post:
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def basic(password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(password.encode()).decode()}


def as_json(value: Any, **headers: str) -> Post:
    return Post(json.dumps(value).encode(), headers={**basic(), **headers})


def serial() -> int:
    return next(_serial)
