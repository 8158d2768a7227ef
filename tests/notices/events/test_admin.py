"""What waits is seen in the admin, and settled there by people who may, each time with a reason."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from notices.models import Evidence, ProviderEvent, Suppression, WebhookRefusal, WebhookRequest
from tests.notices.events import samples
from tests.notices.events.conftest import accepted
from tests.notices.events.samples import Case, Post, basic

pytestmark = pytest.mark.django_db


def moderator(*permissions: str) -> Client:
    user = get_user_model().objects.create(username="mona", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def act(client: Client, model: type, action: str, reason: str = "") -> str:
    url = reverse(f"admin:notices_{model._meta.model_name}_changelist")
    ids = [str(pk) for pk in model._default_manager.values_list("pk", flat=True)]
    data = {"action": action, "_selected_action": ids, "reason": reason}
    return client.post(url, data, follow=True).content.decode()


def test_each_list_and_page_is_shown(post):
    post("postmark", samples.postmark("complaint", accepted("postmark")))
    post("postmark", samples.postmark("hard", Case(7_000_000, "not-ours")))
    post("postmark", Post(b"{<script>", headers=basic()))
    post("postmark", Post(b"{}"))
    client = moderator("view_providerevent", "view_webhookrequest", "view_webhookrefusal", "view_suppression")
    for model in (ProviderEvent, WebhookRequest, WebhookRefusal, Suppression):
        name = f"admin:notices_{model._meta.model_name}"
        assert client.get(reverse(f"{name}_changelist")).status_code == 200
        page = client.get(reverse(f"{name}_change", args=[model.objects.get().pk]))
        assert page.status_code == 200
        assert b"<script>{" not in page.content
    found = client.get(reverse("admin:notices_suppression_changelist"), {"q": "ANA@mail.example"})
    assert "S-" in found.content.decode()


def test_an_unmatched_event_is_set_aside_with_a_reason_only(post):
    post("postmark", samples.postmark("hard", Case(7_000_000, "not-ours")))
    client = moderator("view_providerevent", "settle_providerevent")
    assert "Say why" in act(client, ProviderEvent, "dismiss")
    assert "1 set aside" in act(client, ProviderEvent, "dismiss", "Another site's mail.")
    event = ProviderEvent.objects.get()
    assert (event.dismissed_by, event.dismissed_because) == ("user:mona", "Another site's mail.")


def test_nobody_settles_anything_without_the_permission(post):
    post("postmark", samples.postmark("hard", Case(7_000_000, "not-ours")))
    act(moderator("view_providerevent"), ProviderEvent, "dismiss", "I may not.")
    assert ProviderEvent.objects.get().state == "unmatched"


def test_a_failed_request_is_tried_again(post):
    post("postmark", Post(b"{", headers=basic()))
    client = moderator("view_webhookrequest", "settle_webhookrequest")
    assert "1 will be tried again" in act(client, WebhookRequest, "try_again")
    assert WebhookRequest.objects.get().state == "waiting"


def test_a_suppression_is_lifted_with_a_reason_only(post):
    post("postmark", samples.postmark("complaint", accepted("postmark")))
    client = moderator("view_suppression", "lift_suppression")
    assert "Say why" in act(client, Suppression, "lift")
    assert "may be written to again" in act(client, Suppression, "lift", "Asked for it by phone.")
    assert Suppression.objects.get().lifted_by == "user:mona"
    assert Evidence.objects.filter(kind="complained").exists()
