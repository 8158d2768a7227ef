from __future__ import annotations

from collections.abc import Callable

import pytest

from notices.proof import assembling
from tests.notices.proof.alog import a_bundle


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    """Bundles of about 12 KB: a few bytes stand in for the summary, and for the program, which are checked as files."""

    def make(*given: object, **changes: object) -> bytes:
        with monkeypatch.context() as patch:
            patch.setattr(assembling, "summary", lambda *_: b"%PDF-1.7 in short")
            patch.setattr(assembling, "PROGRAM", b"print('verify.py in short')\n")
            return a_bundle(*given, **changes)  # type: ignore[arg-type]  # passed on as they came

    return make
