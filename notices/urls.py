from __future__ import annotations

from django.urls import path

from notices import views

app_name = "notices"
urlpatterns = [
    path("n/<str:token>/", views.link, name="link"),
    path("my/", views.inbox, name="inbox"),
    path("my/leave", views.leave, name="leave"),
    path("my/left/", views.left, name="left"),
    path("my/<int:notice_id>/", views.notice, name="notice"),
    path("my/<int:notice_id>/read", views.read, name="read"),
    path("my/<int:notice_id>/acknowledge", views.acknowledge, name="acknowledge"),
]
