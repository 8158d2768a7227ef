"""Mails as they come in, made from parts, for the tests of reading them."""

from __future__ import annotations

from notices import tokens
from notices.inbound.reading import Finding, Known, read

ANA = "ana@mail.example"
US = "notices@example.com"
DELIVERY = 77


def ours(**options: object) -> Known:
    """We mailed Ana, in delivery 77."""
    return Known([ANA], deliveries={DELIVERY: ANA}, **options)  # type: ignore[arg-type]


def mail(body: str | bytes = "", **headers: str) -> bytes:
    """A mail with these headers (underscores for hyphens), in CRLF lines; no MIME unless told."""
    given = {"From": "Mail Delivery System <MAILER-DAEMON@mx.mail.example>", "To": US, **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in given.items() if value != "-")
    text = body if isinstance(body, bytes) else body.replace("\n", "\r\n").encode()
    return lines.replace("\n", "\r\n").encode() + b"\r\n" + text


def multipart(*parts: tuple[str, str], kind: str = "report", **headers: str) -> bytes:
    """A multipart mail of (content type, content) pairs."""
    body = "".join(f"--b\nContent-Type: {type_}\n\n{content}\n" for type_, content in parts) + "--b--\n"
    return mail(body, MIME_Version="1.0", Content_Type=f'multipart/{kind}; boundary="b"', **headers)


def dsn(
    *blocks: str, about: str = "Reporting-MTA: dns; mx.mail.example", returned: str = "", **headers: str
) -> bytes:
    status = "\n".join([about + "\n", *(f"{block}\n" for block in blocks)])
    parts = [("text/plain", "About your message."), ("message/delivery-status", status)]
    if returned:
        parts.append(("text/rfc822-headers", returned))
    return multipart(*parts, **headers)


def block(
    action: str = "failed", recipient: str = f"rfc822; {ANA}", status: str = "5.1.1", **more: str
) -> str:
    fields = {"Final-Recipient": recipient, "Action": action, "Status": status, **more}
    return "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in fields.items() if value != "-")


def told(raw: bytes, recipient: str = "", **options: object) -> list[tuple[str, str]]:
    """(kind, recipient) of each finding about somebody whom we mailed, or about a delivery of ours."""
    return [
        (str(f.kind), f.recipient)
        for f in findings(raw, recipient, **options)
        if f.mailed or f.delivery is not None
    ]


def findings(raw: bytes, recipient: str = "", **options: object) -> tuple[Finding, ...]:
    return read(raw, recipient=recipient, ours=ours(**options)).findings


def path() -> str:
    """The return path of delivery 77."""
    return tokens.verp(DELIVERY)
