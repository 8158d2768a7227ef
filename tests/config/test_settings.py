from __future__ import annotations

import importlib
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.addresses import read_database_url, read_email_url, read_sms_url
from tests.config.programs import ROOT, environment

EXAMPLE = dict(
    line.split("=", 1)
    for line in shlex.split((ROOT / "config" / "production.env.example").read_text(), comments=True)
)


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, Any]:
    """The settings under exactly these variables (and a PATH)."""
    for name in os.environ:
        if name != "PATH":
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for name in [name for name in sys.modules if name.startswith("config.settings")]:
        monkeypatch.delitem(sys.modules, name)
    return vars(importlib.import_module("config.settings"))


def complaints(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    with pytest.raises(ImproperlyConfigured) as error:
        load(monkeypatch, **variables)
    return str(error.value).splitlines()


def test_development_needs_only_the_two_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    told = complaints(monkeypatch)
    assert [line.split()[0] for line in told] == ["DATABASE_URL", "CELERY_BROKER_URL"]
    settings = load(monkeypatch, DATABASE_URL="postgresql:///x", CELERY_BROKER_URL="redis://localhost")
    assert settings["NOTICE_RETRY_MINUTES"] == [1, 5, 15, 60, 120, 240, 480, 720]
    assert not settings["SECURE_SSL_REDIRECT"]


def test_the_example_of_production_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, **EXAMPLE)
    assert settings["NOTICE_FROM"] == "Example Platform Trust & Safety <notices@example.com>"
    assert settings["NOTICE_CHANNELS"]["email"]["tls"] == "starttls"
    assert settings["SESSION_COOKIE_SECURE"]


def test_production_names_everything_that_is_missing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = complaints(monkeypatch, DUE_NOTICE_MODE="production")
    assert {line.split()[0] for line in told} == set(EXAMPLE) - {"DUE_NOTICE_MODE"}
    assert all(" is not set; it takes " in line for line in told)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "too-short-to-be-secret"),
        ("SECRET_KEY", "x" * 60),
        ("ALLOWED_HOSTS", "https://notices.example.com"),
        ("BASE_URL", "http://notices.example.com"),
        ("BASE_URL", "https://notices.example.com/path"),
        ("DATABASE_URL", "mysql://user:swordfish@host/name"),
        ("DATABASE_URL", "postgresql://user:swordfish@host"),
        ("CELERY_BROKER_URL", "broker.example.com"),
        ("EMAIL_URL", "smtp.example.com"),
        ("EMAIL_URL", "smtp://user:swordfish@host?tls=maybe"),
        ("NOTICE_FROM", "Trust & Safety"),
        ("NOTICE_BOUNCE_DOMAIN", "bounces@example.com"),
        ("NOTICE_TOKEN_KEY", "swordfish"),
        ("NOTICE_TOKEN_KEY", EXAMPLE["SECRET_KEY"]),
        ("NOTICE_RETRY_MINUTES", "1,soon"),
        ("NOTICE_RETRY_FOR_HOURS", "-1"),
        ("NOTICE_RESEND_UNKNOWN", "always"),
        ("NOTICE_RESEND_UNKNOWN", "after_seconds:soon"),
        ("BEHIND_TLS_PROXY", "perhaps"),
        ("DEBUG", "true"),
        ("DUE_NOTICE_MODE", "staging"),
    ],
)
def test_a_wrong_variable_is_named_with_its_form_but_not_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    (told,) = complaints(monkeypatch, **{**EXAMPLE, name: value})
    assert told.startswith(f"{name} is ")
    assert "it takes " in told
    assert "swordfish" not in told


def test_anymail_gets_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch, **{**EXAMPLE, "EMAIL_URL": "anymail://postmark", "ANYMAIL_POSTMARK_SERVER_TOKEN": "t"}
    )
    assert settings["ANYMAIL"] == {"POSTMARK_SERVER_TOKEN": "t"}
    assert settings["NOTICE_CHANNELS"]["email"]["backend"] == "anymail.backends.postmark.EmailBackend"


def test_database_urls_are_read_as_libpq_reads_them() -> None:
    database = read_database_url("postgresql://ann:s%40fe@db.example.com:5433/due%20notice?sslmode=require")
    assert database["NAME"] == "due notice"
    assert (database["USER"], database["PASSWORD"]) == ("ann", "s@fe")
    assert (database["HOST"], database["PORT"]) == ("db.example.com", "5433")
    assert database["OPTIONS"] == {"sslmode": "require"}
    assert read_database_url("postgres:///x?host=/run/postgresql")["HOST"] == "/run/postgresql"


def test_email_urls_have_sensible_ports_and_decoded_passwords() -> None:
    assert read_email_url("smtp://mail.example.com")["port"] == 25
    assert read_email_url("smtp://mail.example.com?tls=starttls")["port"] == 587
    options = read_email_url(
        "smtp://ann%40example.com:a%2Fb@[::1]:2525?tls=implicit&role=recipient&timeout=5"
    )
    assert (options["username"], options["password"]) == ("ann@example.com", "a/b")
    assert (options["host"], options["port"]) == ("::1", 2525)
    assert (options["role"], options["timeout"]) == ("recipient", 5.0)
    assert read_email_url("anymail://my.own.Backend")["backend"] == "my.own.Backend"


def manage(*arguments: str, var: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(var, **variables), capture_output=True, text=True, check=False
    )


def test_the_deployment_check_is_clean_in_production(tmp_path: Path) -> None:
    done = manage("check", "--deploy", "--fail-level=WARNING", var=tmp_path / "var", **EXAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "System check identified no issues (0 silenced).\n"


def test_a_person_sees_sentences_and_no_traceback(tmp_path: Path) -> None:
    done = manage("migrate", var=tmp_path / "var", **{**EXAMPLE, "BASE_URL": ""})
    assert done.returncode == 1
    assert done.stderr == (
        "BASE_URL is not set; it takes the public address of the site without a path, such as "
        "https://notices.example.com.\n"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "twilio://AC1:se%2Fcret@api.twilio.com?from=+15005550006",
            {
                "gateway": "twilio",
                "account": "AC1",
                "token": "se/cret",
                "sender": "+15005550006",
                "base_url": "https://api.twilio.com",
                "timeout": 30.0,
            },
        ),
        (
            "twilio://AC1:s@127.0.0.1:8081?from=Example&tls=no&timeout=5",
            {
                "gateway": "twilio",
                "account": "AC1",
                "token": "s",
                "sender": "Example",
                "base_url": "http://127.0.0.1:8081",
                "timeout": 5.0,
            },
        ),
    ],
)
def test_sms_urls(url, expected):
    assert read_sms_url(url) == expected


@pytest.mark.parametrize(
    "url",
    ["twilio://api.twilio.com?from=1", "https://a:b@c?from=1", "twilio://a:b@c", "twilio://a:b@c?from=1&x=2"],
)
def test_sms_urls_that_are_none(url):
    with pytest.raises(ValueError, match=r"twilio|option"):
        read_sms_url(url)
