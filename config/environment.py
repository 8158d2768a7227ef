"""Reading environment variables so that every wrong one is reported, all at once, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

T = TypeVar("T")

_MISSING = object()


class Environment:
    """Reads variables one by one, remembers what is wrong with them, and speaks at the end (`complain`).

    Values are never repeated in a message: some of them are secrets.
    """

    def __init__(self, *, production: bool) -> None:
        self.production = production
        self.problems: list[str] = []
        self._env = Env()

    def read(
        self,
        name: str,
        parse: Callable[..., Any],
        form: str,
        *,
        default: T,
        in_production: Any = _MISSING,
        check: Callable[[Any], bool] | None = None,
    ) -> T:
        """The value of the variable `name`, or its default when it is not set or empty.

        `parse` takes an environs.Env and the name (Env.str, Env.bool and their like do); `form` completes the
        sentence "NAME takes …". Without `in_production`, a default that is good enough there too, the variable
        must be set in production mode. A malformed value is a problem in every mode; the default stands in for
        it, so that the variables after it are read as well.
        """
        if not self._env.str(name, ""):
            if not self.production:
                return default
            if in_production is not _MISSING:
                return in_production  # type: ignore[no-any-return]  # given by the caller beside `default`
            self.problems.append(f"{name} is not set; it takes {form}.")
            return default
        try:
            value: T = parse(self._env, name)
            if check is None or check(value):
                return value
        except (EnvError, ValueError):
            pass  # it is malformed, just as a value that fails its check
        self.problems.append(f"{name} is malformed; it takes {form}.")
        return default

    def complain(self) -> None:
        """Raise ImproperlyConfigured with one sentence for every problem found so far, if there is any."""
        if self.problems:
            raise ImproperlyConfigured("\n".join(self.problems))
