"""How the payload of a fact lies in its row: packed, and as small as it will go. The one place that knows.

A commitment is made over the plain bytes, so how they are packed may change without touching a single fact. The first
byte says how:

- nothing at all: a payload that was erased;
- `{`: canonical JSON as it stands;
- 1: a count; as many SHA-256 of 32 bytes each, taken out of the text, where a zero byte stands for each (canonical JSON
  has no zero bytes); then the text, deflated (RFC 1951) against the words in `_WORDS_1`.
"""

from __future__ import annotations

import re
import zlib

_PLAIN, _DEFLATED_1 = b"{", b"\x01"
_LIMIT = 16 * 1024 * 1024  # bytes of text; a payload is far smaller
_WINDOW = -13  # 8 KB, raw: no header, no checksum (the commitment is one)
_HASH = re.compile(rb'"([0-9a-f]{64})"')

# What payloads have in common, most frequent last, since near matches cost least. Bytes once written need this very
# text to be read: it never changes. A better one gets a number of its own.
_WORDS_1 = b"""\
{"by":"user:","reason":"requested by the account holder"}{"last_reply":"","tries":}\
{"acknowledged":true,"content_sha256":"\x00","session":"\x00"}{"content_sha256":"\x00","language":"en","session":"\x00"}\
{"what":"the call never returned; the worker stopped in the middle of it","try":}\
{"carrier":"","letter":"L-","pages":,"place":,"what":"handed over for printing and posting, batch B-"}\
{"address":"","delivered_at":"","esp":"sendgrid","event":"processed","metadata":{"attempt":""},"recipient":"","tags":[]}\
{"event_type":"delivered","mta_response":"250 2.0.0 OK  gsmtp","provider":"postmark","provider_id":"","user_agent":""}\
"amazon_ses","smtpResponse":"250 2.6.0 Message received","reportingMTA":"a8-70.smtp-out.amazonses.com","sparkpost"\
"mailgun","mailjet","brevo","mandrill","resend","scaleway","Delivery to the following recipient failed permanently"\
"bounce_type":"hard","suppressed","4.2.2 mailbox full","5.7.1 Message rejected due to content restrictions","spam"\
"dns; gmail-smtp-in.l.google.com","dns; -com.mail.protection.outlook.com","dns; mta.am0.yahoodns.net",\
"smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try","smtp; 550 5.4.1 Recipient \
address rejected: Access denied.","x-unix; user unknown","smtp; 452-4.2.2 The recipient's inbox is out of storage \
space.","smtp; 451 4.7.1 Greylisting in action, please come back later","smtp; 421 4.3.2 Service not available"\
"Tue, Wed, Thu, Fri, Sat, Sun, Jan Feb Mar Apr May Jun Jul Aug Sep Oct Dec 2025 2026 2027 2028 2029 2030"\
{"action":"failed","arrival_date":"Mon, 23 Nov 2026 12:00:00 +0000 (UTC)","diagnostic_code":"smtp; 550 5.1.1 <>: \
Recipient address rejected: User unknown in virtual mailbox table","final_recipient":"rfc822; ","original_recipient":\
"rfc822;","remote_mta":"dns; mx.","reporting_mta":"dns; ","status":"5.1.1"}\
{"action":"delayed","will_retry_until":"Mon, ","last_attempt_date":"","status":"4.4.1"}\
{"action":"relayed","arrival_date":"Mon, 23 Nov 2026 12:00:00 +0000 (UTC)","diagnostic_code":"smtp; 250 2.1.5 Ok"\
{"code":550,"dsn":{"asked":false,"offered":false},"enhanced":"5.1.1","host":"127.0.0.1","port":25,"provider":"smtp:\
"configuration":true,"stage":"rcpt","stage":"mail","tls":null,"try":2}"tls":"TLSv1.2",{"code":451,"stage":"data",\
"ours":true,"test_mode":true,"code":202,"reply":"{\\"message\\":\\"Queued. Thank you.\\",\\"id\\":\\"<",\
"status":"queued"\
{"code":null,"message_sha256":"\x00","provider":"inapp","provider_id":"","reply":"","try":1}\
{"action":"delivered","arrival_date":"Mon, 23 Nov 2026 12:00:00 +0000 (UTC)","diagnostic_code":"smtp; 250 2.0.0 Ok: \
queued as ","final_recipient":"rfc822; ","original_recipient":"rfc822;","remote_mta":"dns; mx.","reporting_mta":\
"dns; mail.","status":"2.0.0"}\
{"code":250,"dsn":{"asked":true,"offered":true},"enhanced":"2.0.0","host":"mail.","message_sha256":"\x00","port":587,\
"provider":"smtp:mail.","provider_id":"4","reply":"2.0.0 Ok: queued as 4","stage":"content","tls":"TLSv1.3","try":1}"""

_FRESH = zlib.compressobj(6, zlib.DEFLATED, _WINDOW, 6, zdict=_WORDS_1)


class NotReadable(ValueError):
    """A stored payload is not in any form that was ever written: somebody changed it."""


def pack(body: bytes) -> bytes:
    """The bytes to store for a payload's canonical JSON."""
    hashes = _HASH.findall(body)
    if len(hashes) > 255 or b"\0" in body:
        return body
    compressor = _FRESH.copy()
    text = _HASH.sub(b'"\\0"', body) if hashes else body
    packed = compressor.compress(text) + compressor.flush()
    stored = (
        _DEFLATED_1 + bytes([len(hashes)]) + b"".join(map(bytes.fromhex, map(bytes.decode, hashes))) + packed
    )
    return stored if len(stored) < len(body) or not body.startswith(_PLAIN) else body


def unpack(stored: bytes) -> bytes:
    """The canonical JSON of a stored payload, byte for byte as it was appended; b"" if it was erased.

    Raises:
        NotReadable: these bytes were not written by `pack`.
    """
    if not stored or stored.startswith(_PLAIN):
        return stored
    if not stored.startswith(_DEFLATED_1) or len(stored) < 2:
        raise NotReadable(f"A payload begins with the byte {stored[0]:#04x}, which means nothing.")
    start = 2 + 32 * stored[1]
    hashes = [stored[at : at + 32].hex().encode() for at in range(2, start, 32)]
    decompressor = zlib.decompressobj(_WINDOW, zdict=_WORDS_1)
    try:
        text = decompressor.decompress(stored[start:], _LIMIT)
    except zlib.error as error:
        raise NotReadable(f"A payload cannot be unpacked: {error}.") from error
    first, *others = text.split(b"\0")
    if not decompressor.eof or decompressor.unused_data or len(others) != len(hashes) or len(stored) < start:
        raise NotReadable("A payload is cut short, or something was added to it.")
    return first + b"".join(value + rest for value, rest in zip(hashes, others, strict=True))
