"""From template to frozen bytes: what people will read, and that nothing in a value can break out of its place."""

from __future__ import annotations

import hashlib
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from notices import composing, tokens
from notices.issuing import NoTemplateText
from notices.models import ContentDictionary, Delivery, Notice
from notices.reading import content
from tests.notices.builders import a_template, an_order, issued

pytestmark = pytest.mark.django_db


def mail(notice: Notice) -> EmailMessage:
    """The message as a mail program reads it, with the first recipient's header lines."""
    delivery = Delivery.objects.filter(notice=notice).earliest("pk")
    return message_from_bytes(bytes(delivery.head) + content(notice), policy=policy.default)  # type: ignore[return-value]


def text(notice: Notice) -> str:
    return str(mail(notice).get_body(("plain",)).get_content())  # type: ignore[union-attr]


def page(notice: Notice) -> str:
    return str(mail(notice).get_body(("html",)).get_content())  # type: ignore[union-attr]


def test_the_frozen_bytes_come_back_byte_for_byte():
    notice = issued()
    assert hashlib.sha256(content(notice)).digest() == bytes(notice.content_sha256)
    assert len(notice.content) < len(content(notice)) / 4


def test_a_mail_program_finds_all_that_belongs_in_a_message():
    notice = issued()
    message = mail(notice)
    assert message["To"] == "Ana Kovač <ana@mail.example>"
    assert message["Subject"] == "A warning"
    assert message["Auto-Submitted"] == "auto-generated"
    assert tokens.read_message_id(message["Message-ID"]) == Delivery.objects.get().pk
    assert "Dear Ana Kovač," in text(notice)
    assert tokens.reference(notice.pk) in text(notice)
    assert f'href="{tokens.link(notice.pk)}"' in page(notice)


def test_every_line_is_short_enough_for_smtp_and_ends_in_crlf():
    notice = issued(values={"account_name": "x" * 3000, "facts": "Ж" * 3000, "case_number": "C-1"})
    lines = content(notice).split(b"\r\n")
    assert max(map(len, lines)) <= 998  # RFC 5322, 2.1.1
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert content(notice).isascii()


def test_a_value_cannot_become_html_header_or_template():
    nasty = "<script>alert(1)</script>\r\nBcc: all@mail.example {{ reference }}"
    a_template(subject="Notice for {{ account_name }}")
    notice = issued(name=nasty, values={"account_name": nasty, "facts": nasty, "case_number": "C-1"})
    assert "<script>" not in page(notice)
    assert "&lt;script&gt;" in page(notice)
    assert mail(notice)["Bcc"] is None
    assert "{{ reference }}" in text(notice)


def test_a_template_cannot_carry_markup_that_runs():
    a_template(body="<script>alert(1)</script> [x](javascript:alert(1)) {{ facts }} {{ link }}")
    assert "<script" not in page(issued())
    assert 'href="javascript' not in page(issued())


@pytest.mark.parametrize(
    ("asked", "used"), [("de", "de"), ("de-AT", "de"), ("pt-BR", "en"), ("ar-EG", "ar"), ("en-GB", "en")]
)
def test_language_falls_back_to_the_nearest_text_and_says_which(asked, used):
    for language in ("en", "de", "ar"):
        a_template(language)
    notice = issued(language=asked)
    assert (notice.language_asked, notice.language_used) == (asked, used)
    assert mail(notice)["Content-Language"] == used
    assert f'dir="{"rtl" if used == "ar" else "ltr"}"' in page(notice)


def test_no_text_at_all_is_an_error_that_says_what_to_do():
    a_template("de")
    with pytest.raises(NoTemplateText, match="load_policies"):
        issued(language="fr")


def test_a_template_edited_after_sending_leaves_the_notice_as_it_was():
    before = issued()
    a_template(body="Something else {{ link }}")
    after = issued()
    assert "Dear Ana" in text(before)
    assert "Dear Ana" not in text(after)
    assert ContentDictionary.objects.count() == 2


def test_an_order_that_lacks_a_value_is_refused_before_anything_is_stored():
    a_template()
    with pytest.raises(KeyError, match="facts"):
        issued(values={"account_name": "Ana"})
    assert not Notice.objects.exists()
    assert an_order().values


def test_internationalised_addresses_stand_in_the_header_as_they_are():
    head = composing.head("Юлия", "юлия@почта.example", "<x@y>")
    assert "<юлия@почта.example>" in head.decode()


class Properties(TestCase):
    @given(st.text(max_size=300), st.text(max_size=300))
    def test_any_text_is_read_as_it_was_given(self, name: str, facts: str) -> None:
        notice = issued(values={"account_name": name, "facts": facts, "case_number": "C-1"})
        told = " ".join(text(notice).split())
        for value in (name, facts):
            assert " ".join(value.encode("utf-8", "replace").decode().split()) in told
