from __future__ import annotations

import re

from django.conf import LazySettings
from django.http import HttpRequest, HttpResponse
from django.test import Client

from config.middleware import BrowserRules


def test_pages_may_load_nothing_from_elsewhere_and_run_nothing_inline(client: Client, db: None) -> None:
    page = client.get("/admin/login/")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "camera=()" in page.headers["Permissions-Policy"]
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["X-Frame-Options"] == "DENY"


def test_the_admin_lives_under_these_rules(client: Client, db: None) -> None:
    page = client.get("/admin/login/").content.decode()
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=", page)


def test_a_page_may_bring_a_policy_of_its_own() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Content-Security-Policy": "sandbox"})

    assert BrowserRules(view)(HttpRequest()).headers["Content-Security-Policy"] == "sandbox"


def test_only_developers_see_error_pages_with_style_in_them(settings: LazySettings) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(status=500)

    assert "Content-Security-Policy" in BrowserRules(view)(HttpRequest()).headers
    settings.DEBUG = True
    assert "Content-Security-Policy" not in BrowserRules(view)(HttpRequest()).headers


def test_the_site_speaks_the_visitors_language(client: Client, db: None) -> None:
    assert 'dir="rtl"' in client.get("/admin/login/", headers={"Accept-Language": "ar"}).content.decode()
