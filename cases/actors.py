"""Who does something: a member of staff, or the system. Every verb asks."""

from __future__ import annotations

from dataclasses import dataclass

from cases.models import User


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `user` is None for the system; `label` is what history shows."""

    label: str
    user: User | None = None

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user else None


def person(user: User) -> Actor:
    return Actor(f"user:{user.get_username()}", user)


def system(what: str) -> Actor:
    return Actor(f"system:{what}")
