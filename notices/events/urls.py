"""The addresses that providers call. `shortcut` resolves these alone."""

from __future__ import annotations

from django.urls import path

from notices.events import door, twilio

urlpatterns = [
    path("hooks/mandrill/", door.tracking, {"esp": "mandrill"}, name="hook_mandrill"),
    path("hooks/mailgun/inbound_mime/", door.inbound, {"esp": "mailgun"}, name="hook_mailgun_mime"),
    path("hooks/twilio/status/", twilio.status, name="hook_twilio"),
    path("hooks/<slug:esp>/tracking/", door.tracking, name="hook_tracking"),
    path("hooks/<slug:esp>/inbound/", door.inbound, name="hook_inbound"),
]
