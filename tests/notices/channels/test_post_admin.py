"""Printing letters in the admin: with the permission for it, and not without."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from notices import sending
from notices.models import Delivery, Letter, LetterBatch
from notices.queueing import Contact
from tests.notices.builders import issued
from tests.people import staff

LIST = reverse("admin:notices_letterbatch_changelist")
MAKE = reverse("admin:notices_letterbatch_make")
TRACKING = reverse("admin:notices_letterbatch_tracking")


@pytest.fixture
def letter(settings: Any) -> Letter:
    settings.NOTICE_CHANNELS = {"post": {"sender": ["Example", "Exampletown"]}}
    issued(chains=[[Contact("post", "Ana Kovač\n1000 Ljubljana", 1)]])
    Delivery.objects.update(due_at=datetime.now(UTC) - timedelta(hours=1))
    sending.send_due([Delivery.objects.get().pk])
    return Letter.objects.get()


def client(*permissions: str) -> Client:
    user = staff("mona")
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_letterbatch", *permissions]))
    signed_in = Client()
    signed_in.force_login(user)
    return signed_in


def page(browser: Client) -> str:
    response = browser.get(LIST)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.django_db
def test_a_batch_is_made_by_a_button_and_downloaded_as_often_as_it_takes(letter: Letter) -> None:
    browser = client("print_letters")
    assert "1 letter waits" in page(browser)
    assert "is handed over, letters: 1" in browser.post(MAKE, follow=True).content.decode()
    batch = LetterBatch.objects.get()
    assert batch.created_by == "user:mona"
    url = reverse("admin:notices_letterbatch_archive", args=[batch.pk])
    first, again = (b"".join(browser.get(url)) for _ in range(2))
    assert first == again
    assert len(zipfile.ZipFile(io.BytesIO(first)).namelist()) == 2
    assert "No letter is waiting" in browser.post(MAKE, follow=True).content.decode()


@pytest.mark.django_db
def test_reports_are_uploaded_and_bad_rows_told(letter: Letter) -> None:
    browser = client("print_letters")
    browser.post(MAKE)
    rows = f"{letter.number},dhl,RR1,delivered,{datetime.now(UTC).isoformat()}\nnonsense,a,b,c,d\n"
    data = f"letter_number,carrier,tracking_number,status,at\n{rows}"
    told = browser.post(TRACKING, {"file": SimpleUploadedFile("dhl.csv", data.encode())}, follow=True)
    text = told.content.decode()
    assert "1 recorded, 0 known already" in text
    assert "Line 3 of dhl.csv" in text
    assert "Choose a file" in browser.post(TRACKING, follow=True).content.decode()


@pytest.mark.django_db
def test_without_the_permission_there_is_no_button_and_no_door(letter: Letter) -> None:
    LetterBatch.objects.create(created_at=datetime.now(UTC), created_by="user:else", count=0)
    browser = client()
    assert "waits to be printed" not in page(browser)
    archive = reverse("admin:notices_letterbatch_archive", args=[LetterBatch.objects.get().pk])
    assert [browser.post(MAKE).status_code, browser.post(TRACKING).status_code] == [403, 403]
    assert browser.get(archive).status_code == 403
    assert browser.get(MAKE).status_code == 405
    assert LetterBatch.objects.count() == 1
