from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.http import HttpResponse
from django.test import Client

from notices.events import hints
from notices.events.interpreting import interpret
from notices.models import Delivery, DeliveryState
from tests.notices.builders import issued
from tests.notices.events.samples import SETTINGS, SIGNED_ALONE, Case, Post

ISSUED = datetime(2026, 5, 3, 11, tzinfo=UTC)
NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)

Poster = Callable[..., HttpResponse]


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints.current_app, "send_task", lambda *_, **__: None)


@pytest.fixture
def configured(settings) -> Iterator[None]:
    """Every provider with the secrets that the samples are signed with."""
    settings.ANYMAIL = dict(SETTINGS)
    return


@pytest.fixture
def post(configured, settings) -> Poster:
    """Post a sample to its provider's address; `interpreted=False` leaves it lying."""

    def _post(
        esp: str, sample: Post, *, interpreted: bool = True, purpose: str = "tracking", **headers: str
    ) -> HttpResponse:
        if esp in SIGNED_ALONE:  # no password asked for beside the signature
            settings.ANYMAIL = {k: v for k, v in SETTINGS.items() if k != "WEBHOOK_SECRET"}
        elif "WEBHOOK_SECRET" not in settings.ANYMAIL:
            settings.ANYMAIL = dict(SETTINGS)
        response = Client().post(
            f"/hooks/{esp}/{purpose}/",
            data=sample.body,
            content_type=sample.content_type,
            headers={**sample.headers, **headers},
        )
        if interpreted:
            interpret(now=datetime.now(UTC))
        return response

    return _post


def accepted(provider: str, provider_id: str = "message-1", **changes: object) -> Case:
    """A delivery that the provider has taken, as its events see it."""
    delivery = Delivery.objects.filter(notice=issued(at=ISSUED, **changes)).order_by("pk")[0]
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.ACCEPTED,
        provider=provider,
        provider_id=provider_id,
        tries=1,
        called_at=ISSUED,
        settled_at=ISSUED,
    )
    return Case(delivery.pk, provider_id, delivery.address)
