"""Delivery status notifications (RFC 3464, RFC 6522, RFC 6533) in the layouts of three kinds of mail server.

Written as text, without the email package: the world makes thousands a second of them.
"""

from __future__ import annotations

from datetime import timedelta

from demo.world.report import Report, assemble, date, fields, subject_of, utf8_xtext


def render(report: Report) -> bytes:
    """The whole DSN as an RFC 5322 message with LF line ends, as it lies in a Maildir."""
    received = (
        f"from {report.host} (unknown [127.0.0.1])\n\tby mx.bounces.test with ESMTP id R{report.number:09X}"
        f"\n\tfor <{report.return_path}>; {date(report.now)}"
    )
    envelope = fields(
        ("Return-Path", "<>"),
        ("X-Original-To", report.return_path),
        ("Delivered-To", report.return_path),
        ("Received", received),
    )
    return envelope.encode(errors="surrogateescape") + _LAYOUTS[report.style](report)


# Postfix: a blank after the semicolons, the queue id in a field of its own, long diagnostics folded. For a local part
# that is not ASCII, the global kinds of RFC 6533, in raw UTF-8.

_POSTFIX = {
    "failed": ("Undelivered mail, returned to its sender", "could not be delivered to one of its recipients"),
    "delayed": ("Delayed mail (still being tried)", "is waiting to be delivered; nothing need be done"),
    "delivered": ("Report of successful delivery", "was delivered"),
    "relayed": (
        "Report of successful relaying",
        "was handed on to a server that sends no reports of its own",
    ),
}


def _postfix(report: Report) -> bytes:
    subject, sentence = _POSTFIX[report.action]
    boundary = f"{report.queue_id}.{report.number:010d}/{report.host}"
    wide, eight_bit = ("global-", "8bit") if report.international else ("", "")
    if report.body:
        returned = "message/global" if wide else "message/rfc822"
    else:
        returned = "message/global-headers" if wide else "text/rfc822-headers"
    head = fields(
        ("Date", date(report.now)),
        ("From", f"MAILER-DAEMON@{report.host} (Mail Delivery System)"),
        ("Subject", subject),
        ("To", report.return_path),
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type={wide}delivery-status;\n\tboundary="{boundary}"'),
        ("Content-Transfer-Encoding", eight_bit),
        ("Message-Id", f"<{report.number:010d}.{report.queue_id}@{report.host}>"),
    )
    notification = fields(
        ("Content-Description", "Notification"),
        ("Content-Type", f"text/plain; charset={'utf-8' if wide else 'us-ascii'}"),
        ("Content-Transfer-Encoding", eight_bit),
    )
    notification += f"\nThis is {report.host}.\n\nYour message {sentence}.\n"
    notification += f"\n<{report.recipient}>: {report.diagnostic}\n"
    status = (
        fields(
            ("Content-Description", "Delivery report"),
            ("Content-Type", f"message/{wide}delivery-status"),
            ("Content-Transfer-Encoding", eight_bit),
        )
        + "\n"
        + fields(
            ("Reporting-MTA", f"dns; {report.host}"),
            ("Original-Envelope-Id", report.envid),
            ("X-Postfix-Queue-ID", report.queue_id),
            ("X-Postfix-Sender", f"rfc822; {report.return_path}"),
            ("Arrival-Date", date(report.arrived)),
        )
        + "\n"
        + fields(
            ("Final-Recipient", f"{report.kind}; {report.recipient}"),
            ("Original-Recipient", report.original_recipient),
            ("Action", report.action),
            ("Status", report.status),
            ("Remote-MTA", f"dns; {report.remote}"),
            ("Diagnostic-Code", f"smtp; {_fold(report.diagnostic)}"),
            ("Will-Retry-Until", date(report.now + timedelta(days=5)) if report.action == "delayed" else ""),
        )
    )
    original = fields(
        ("Content-Description", "Message" if report.body else "Message Headers"),
        ("Content-Type", returned),
        ("Content-Transfer-Encoding", eight_bit),
    )
    preamble = "\nThe parts of this message are marked off by a line of their own.\n"
    return assemble(head + preamble, boundary, (notification, status, original), report)


def _fold(text: str) -> str:
    if len(text) < 40:
        return text
    middle = text.rfind(" ", 0, 40)
    return f"{text[:middle]}\n    {text[middle + 1 :]}"


# Exim: Action before Final-Recipient, no enhanced status to speak of, the failed recipients in a header field.

_EXIM = {
    "failed": ("Mail delivery failed: message goes back", "could not be delivered, and will not be", "5.0.0"),
    "delayed": ("Warning: your message is late", "has not arrived, and will be tried again, for", "4.0.0"),
    "delivered": ("Delivery status of your message", "was delivered to", "2.0.0"),
    "relayed": ("Delivery status of your message", "was relayed to the server of", "2.0.0"),
}


def _exim(report: Report) -> bytes:
    subject, sentence, status = _EXIM[report.action]
    failed = report.action == "failed"
    boundary = f"{report.number:010d}-eximdsn-{report.number * 7919 % 2**31:010d}"
    recipient = utf8_xtext(report.recipient)
    head = fields(
        ("Auto-Submitted", "auto-replied" if failed else "auto-generated"),
        ("From", f"Mail Delivery System <Mailer-Daemon@{report.host}>"),
        ("To", report.return_path),
        ("X-Failed-Recipients", recipient if failed else ""),
        ("References", f"<{report.queue_id}@{report.host}>"),
        ("Content-Type", f"multipart/report; report-type=delivery-status; boundary={boundary}"),
        ("MIME-Version", "1.0"),
        ("Subject", subject),
        ("Message-Id", f"<E{report.number:08d}-{report.queue_id}@{report.host}>"),
        ("Date", date(report.now)),
    )
    notification = (
        "Content-type: text/plain; charset=us-ascii\n\n"
        f"Your message {sentence}:\n\n  {recipient}\n    host {report.remote}:\n    {report.diagnostic}\n"
    )
    delivery_status = (
        "Content-type: message/delivery-status\n\n"
        + fields(
            ("Reporting-MTA", f"dns; {report.host}"),
            ("Original-Envelope-Id", report.envid),
            ("Arrival-Date", date(report.arrived)),
        )
        + "\n"
        + fields(
            ("Action", report.action),
            ("Final-Recipient", f"{report.kind};{recipient}"),
            ("Original-Recipient", utf8_xtext(report.original_recipient)),
            ("Status", status),
            ("Remote-MTA", f"dns; {report.remote}"),
            ("Diagnostic-Code", f"smtp; {report.diagnostic}"),
        )
    )
    original = fields(("Content-type", "message/rfc822" if report.body else "text/rfc822-headers"))
    return assemble(head, boundary, (notification, delivery_status, original), report)


# Exchange: no blank after the semicolons, plain text and HTML side by side, the original's subject quoted.

_EXCHANGE = {
    "failed": ("Undeliverable", "could not be delivered"),
    "delayed": ("Delivery delayed", "is delayed"),
    "delivered": ("Delivered", "was delivered"),
    "relayed": ("Relayed", "was relayed, and the server there sends no reports"),
}


def _exchange(report: Report) -> bytes:
    word, sentence = _EXCHANGE[report.action]
    outer = f"_{report.number:032x}_{report.host}"
    inner = f"_{report.number + 2**64:032x}_{report.host}"
    recipient = utf8_xtext(report.recipient)
    quoted = recipient.replace("=", "=3D")
    head = fields(
        ("MIME-Version", "1.0"),
        ("From", "<postmaster@smarthost.test>"),
        ("To", f"<{report.return_path}>"),
        ("Date", date(report.now)),
        ("Content-Type", f'multipart/report; report-type=delivery-status;\n\tboundary="{outer}"'),
        ("Content-Language", "en-US"),
        ("Message-ID", f"<{report.number:032x}@{report.host}>"),
        ("Subject", f"{word}: {subject_of(report.headers)}"),
        ("Auto-Submitted", "auto-replied"),
    )
    notification = (
        f'Content-Type: multipart/alternative; differences=Content-Type;\n\tboundary="{inner}"\n'
        f'\n--{inner}\nContent-Type: text/plain; charset="us-ascii"\nContent-Transfer-Encoding: quoted-printable\n'
        f"\nYour message to {quoted} {sentence}.\n"
        f'\n--{inner}\nContent-Type: text/html; charset="us-ascii"\nContent-Transfer-Encoding: quoted-printable\n'
        f"\n<html><body><p>Your message to <b>{quoted}</b> {sentence}.</p></body></html>\n"
        f"\n--{inner}--\n"
    )
    status = (
        "Content-Type: message/delivery-status\n\n"
        + fields(
            ("Reporting-MTA", f"dns;{report.host}"),
            ("Original-Envelope-Id", report.envid),
            ("Received-From-MTA", "dns;out1.smarthost.test"),
            ("Arrival-Date", date(report.arrived)),
        )
        + "\n"
        + fields(
            ("Original-Recipient", utf8_xtext(report.original_recipient)),
            ("Final-Recipient", f"{report.kind};{recipient}"),
            ("Action", report.action),
            ("Status", report.status),
            ("Diagnostic-Code", f"smtp;{report.diagnostic}"),
            ("Remote-MTA", f"dns;{report.remote}"),
            ("X-Display-Name", recipient.partition("@")[0]),
        )
    )
    original = fields(("Content-Type", "message/rfc822" if report.body else "text/rfc822-headers"))
    return assemble(head, outer, (notification, status, original), report)


_LAYOUTS = {"postfix": _postfix, "exim": _exim, "exchange": _exchange}


def automatic_reply(report: Report, message_id: str) -> bytes:
    """An out-of-office reply (RFC 3834) from the recipient to the return path."""
    head = fields(
        ("Return-Path", "<>"),
        ("Delivered-To", report.return_path),
        ("From", f"<{utf8_xtext(report.recipient)}>"),
        ("To", f"<{report.return_path}>"),
        ("Subject", f"Out of office: {subject_of(report.headers)}"),
        ("Date", date(report.now)),
        ("Message-ID", f"<reply.{report.number}@{report.remote}>"),
        ("In-Reply-To", message_id),
        ("References", message_id),
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=us-ascii"),
    )
    text = "\nI am away until further notice and read no mail. In urgent matters please write to my colleagues.\n"
    return (head + text).encode(errors="surrogateescape")
