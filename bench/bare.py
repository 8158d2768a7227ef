"""The yardstick of bench/hooks.py: a view that reads JSON and does one INSERT, and nothing else.

Served like the product: same server, same database settings. BENCH_MIDDLEWARE=all gives it the site's middleware as
well; without it, it has none at all, which is less than any real site has.
"""

from __future__ import annotations

import json
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

settings.ROOT_URLCONF = "bench.bare"
if os.environ.get("BENCH_MIDDLEWARE") != "all":
    settings.MIDDLEWARE = []

from django.core.wsgi import get_wsgi_application  # noqa: E402  (the settings above come first)
from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402


@csrf_exempt
def single(request: HttpRequest) -> HttpResponse:
    event = json.loads(request.body)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bench_event (event, body) VALUES (%s, %s)", [event["RecordType"], json.dumps(event)]
        )
    return HttpResponse(headers={"Content-Length": "0"})


@csrf_exempt
def batch(request: HttpRequest) -> HttpResponse:
    events = json.loads(request.body)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bench_event (event, body) SELECT * FROM unnest(%s::text[], %s::text[])",
            [[event["event"] for event in events], [json.dumps(event) for event in events]],
        )
    return HttpResponse(headers={"Content-Length": "0"})


urlpatterns = [path("single", single), path("batch", batch)]
application = get_wsgi_application()
