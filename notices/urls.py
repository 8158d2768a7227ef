from __future__ import annotations

from django.urls import include, path

from notices import views
from notices.ledger import pages

app_name = "notices"
urlpatterns = [
    path("n/<str:token>/", views.link, name="link"),
    path("ledger/", pages.ledger, name="ledger"),
    path("ledger/checkpoint", pages.checkpoint, name="ledger-checkpoint"),
    path("ledger/tile/entries/<path:path>", pages.entries, name="ledger-entries"),
    path("ledger/tile/<str:level>/<path:path>", pages.tile, name="ledger-tile"),
    path("my/", views.inbox, name="inbox"),
    path("my/leave", views.leave, name="leave"),
    path("my/left/", views.left, name="left"),
    path("my/<int:notice_id>/", views.notice, name="notice"),
    path("my/<int:notice_id>/read", views.read, name="read"),
    path("my/<int:notice_id>/acknowledge", views.acknowledge, name="acknowledge"),
    path("", include("notices.events.urls")),
]
