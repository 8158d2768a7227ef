from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from notices.channels.base import Message
from notices.channels.smtp import SmtpChannel

RAW = (
    b"From: Trust & Safety <notices@example.com>\r\n"
    b"To: holder@example.org\r\n"
    b"Subject: =?utf-8?q?Warnung_f=C3=BCr_Ihr_Konto?=\r\n"
    b"Message-ID: <m1@bounces.example.com>\r\n"
    b"Auto-Submitted: auto-generated\r\n"
    b"Content-Language: de\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Date: Mon, 04 May 2026 10:00:00 +0000\r\n"
    b'Content-Type: multipart/alternative; boundary="b"\r\n'
    b"\r\n"
    b"--b\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n"
    b"\r\n"
    b"Gr=C3=BC=C3=9Fe\r\n"
    b".a line that begins with a dot\r\n"
    b"--b\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n"
    b"\r\n"
    b"<p>Hello</p>\r\n"
    b"--b--\r\n"
)


def message(number: int = 1, **changes: Any) -> Message:
    values: dict[str, Any] = {
        "delivery_id": number,
        "address": f"holder{number}@example.org",
        "return_path": f"bounce+{number}-abc@bounces.example.com",
        "envid": f"{number}-abc",
        "message_id": f"<m{number}@bounces.example.com>",
        "raw": RAW,
    }
    return Message(**values | changes)


@pytest.fixture
def make_channel() -> Iterator[Callable[..., SmtpChannel]]:
    """Make SMTP channels that are patient enough for any machine, but where the test says otherwise."""
    made: list[SmtpChannel] = []

    def make(port: int, **options: Any) -> SmtpChannel:
        usual: dict[str, Any] = {"timeout": 20.0, "final_timeout": 20.0, "local_hostname": "client.example"}
        made.append(SmtpChannel(options.pop("host", "127.0.0.1"), port, **usual | options))
        return made[-1]

    yield make
    for channel in made:
        channel.close()
