"""Raw messages as they lie in the database: packed against what reports of their server have in common."""

from __future__ import annotations

import zlib
from functools import lru_cache

import zstandard

from notices.inbound.around import headers
from notices.models import ContentDictionary

# What reports of the usual servers say, most frequent last, since near matches cost least. Bytes once written need
# this very text to be read: it must never change.
_COMMON = b"""\
Return-Path: <>\r\nX-Original-To: bounce+\r\nDelivered-To: bounce+\r\nReceived: from  by  with LMTP; (UTC)\r\n for <bounce+\
Authentication-Results: ; dkim=none; spf=pass smtp.mailfrom=; dmarc=none\r\n\
Delivery has failed to these recipients or groups:\r\nThe email address you entered couldn't be found.\r\n\
Diagnostic information for administrators:\r\nGenerating server: Remote Server returned '550 5.1.10 \
RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'\r\nOriginal message headers:\r\n\
X-MS-Exchange-Message-Is-Ndr:\r\nX-Auto-Response-Suppress: All\r\nContent-Language: en-US\r\n\
** Address not found **\r\nYour message wasn't delivered to  because the address couldn't be found, or is unable to \
receive mail.\r\nThe response from the remote server was:\r\n550-5.1.1 The email account that you tried to reach does \
not exist. Please try\r\nhttps://support.google.com/mail/?p=NoSuchUser - gsmtp\r\n\
This message was created automatically by mail delivery software.\r\n\r\nA message that you sent could not be delivered \
to one or more of its\r\nrecipients. This is a permanent error. The following address(es) failed:\r\n\
X-Failed-Recipients: \r\nAuto-Submitted: auto-replied\r\nSMTP error from remote mail server after RCPT TO:<\
Subject: Delivery Status Notification (Failure)\r\nSubject: Delivery Status Notification (Delay)\r\n\
Subject: Mail delivery failed: returning message to sender\r\nSubject: Undeliverable: \
From: Mail Delivery Subsystem <mailer-daemon@\
This is the mail system at host .\r\n\r\nYour message was successfully delivered to the destination(s)\r\nlisted below. \
If the message was delivered to mailbox you will\r\nreceive no further notifications. Otherwise you may still receive\r\n\
notifications of mail delivery errors from other systems.\r\n\r\n\
####################################################################\r\n# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO \
RESEND YOUR MESSAGE. #\r\nYour message could not be delivered for more than 0 hour(s).\r\nIt will be retried until it \
is 5 day(s) old.\r\n\
I'm sorry to have to inform you that your message could not\r\nbe delivered to one or more recipients. It's attached \
below.\r\n\r\nFor further assistance, please send mail to postmaster.\r\n\r\nIf you do so, please include this problem \
report. You can\r\ndelete your own text from the attached returned message.\r\n\r\n                   The mail system\r\n\
: host  said: 550 5.1.1 <>: Recipient address rejected: User unknown (in reply to RCPT TO command)\r\n\
Date: Mon, 23 Nov 2026 12:00:00 +0000 (UTC)\r\nFrom: MAILER-DAEMON@ (Mail Delivery System)\r\nTo: bounce+\r\n\
Subject: Undelivered Mail Returned to Sender\r\nSubject: Successful Mail Delivery Report\r\nSubject: Delayed Mail \
(still being retried)\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; \
report-type=delivery-status;\r\n\tboundary="\r\nContent-Transfer-Encoding: 8bit\r\nMessage-Id: <\r\n\r\nThis is a \
MIME-encapsulated message.\r\n\r\n--\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\
\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Description: Delivery report\r\nContent-Type: \
message/delivery-status\r\nContent-Type: message/global-delivery-status\r\n\r\nReporting-MTA: dns; \r\nX-Postfix-Queue-ID: \
\r\nX-Postfix-Sender: rfc822; bounce+\r\nArrival-Date: Mon, \r\nOriginal-Envelope-Id: \r\n\r\nFinal-Recipient: rfc822; \
\r\nOriginal-Recipient: rfc822;\r\nAction: relayed\r\nAction: delayed\r\nAction: delivered\r\nAction: failed\r\n\
Status: 4.4.1\r\nStatus: 5.1.1\r\nStatus: 2.0.0\r\nRemote-MTA: dns; \r\nDiagnostic-Code: smtp; 550 5.1.1 <\r\n\
Diagnostic-Code: smtp; 250 2.0.0 Ok: queued as \r\nDiagnostic-Code: smtp; 250 2.1.5 Ok\r\nWill-Retry-Until: \r\n\r\n--\
\r\nContent-Description: Message Headers\r\nContent-Type: text/rfc822-headers\r\nContent-Description: Undelivered \
Message Headers\r\nContent-Type: message/rfc822\r\n\r\nReturn-Path: <bounce+\r\nReceived: from  (localhost [127.0.0.1])\r\n\
\tby  (Postfix) with ESMTPS id \r\n\tfor <>; Mon, 23 Nov 2026 12:00:00 +0000 (UTC)\r\nFrom: Trust & Safety <notices@\r\n\
Date: \r\nSubject: \r\nAuto-Submitted: auto-generated\r\nContent-Language: en\r\nMIME-Version: 1.0\r\nContent-Type: \
multipart/alternative; boundary="=_due-notice"\r\nTo: \r\nMessage-ID: <\r\n\r\n"""

_ZSTD = b"\x02"  # what `pack` writes begins with it; before that there were bare streams of zlib's, which begin otherwise
_LEVEL = 12
_RECIPIENT = 1600  # bytes: 400 characters
_FORMAT = zstandard.FORMAT_ZSTD1_MAGICLESS


def pack(raw: bytes, *, recipient: str = "", delivery: int = 0, header: bytes = b"", form: int = 0) -> bytes:
    """The bytes to store: a byte 2, delivery and form (LEB128), then a zstd frame of recipient, NUL and the message.

    Args:
        recipient: of the envelope, where it is to be kept in here; without NUL.
        header: of the message that it reports on (`around.headers`), with its `delivery`'s id.
        form: id of the dictionary of its server (`forms`), 0 where there is none.
    """
    words = _words(form) + header
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        source_size=len(raw),
        dict_size=len(words),
        format=_FORMAT,
        write_checksum=True,  # a frame does not say against which words it was packed
        write_content_size=False,
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters, dict_data=_raw_dictionary(words))
    packed = compressor.compress(recipient.encode() + b"\0" + raw)
    return _ZSTD + _number(delivery if header else 0) + _number(form) + packed


def unpack(packed: bytes | memoryview, limit: int = 0) -> bytes:
    """The message as it came; at most `limit` bytes of it if that is not 0. b"" where it was erased.

    Raises:
        zlib.error, zstandard.ZstdError: these bytes were not written by `pack`, or what they were packed against is
            gone.
    """
    raw = _unpacked(bytes(packed), limit + 1 + _RECIPIENT if limit else -1).partition(b"\0")[2]
    return raw[:limit] if limit else raw


def recipient(packed: bytes | memoryview) -> str:
    """The envelope's recipient where it was packed too, else "". Raises as `unpack` does."""
    return _unpacked(bytes(packed), 1 + _RECIPIENT).partition(b"\0")[0].decode()


def _unpacked(packed: bytes, size: int) -> bytes:
    if not packed:
        return b""
    if not packed.startswith(_ZSTD):
        return b"\0" + zlib.decompressobj(zdict=_COMMON).decompress(packed, max(size - 1, 0))
    delivery, start = _read_number(packed, 1)
    form, start = _read_number(packed, start)
    words = _words(form) + (headers([delivery]).get(delivery, b"") if delivery else b"")
    decompressor = zstandard.ZstdDecompressor(dict_data=_raw_dictionary(words), format=_FORMAT)
    with decompressor.stream_reader(packed[start:]) as reader:
        unpacked: bytes = reader.read(size)
    return unpacked


def _raw_dictionary(words: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(words, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


@lru_cache(maxsize=256)
def _dictionary(pk: int) -> bytes:
    data = ContentDictionary.objects.filter(pk=pk).values_list("data", flat=True).first()
    if data is None:
        raise zstandard.ZstdError(f"There is no dictionary {pk}.")
    return bytes(data)


def _words(form: int) -> bytes:
    return _dictionary(form) if form else _COMMON


def _number(value: int) -> bytes:
    """A number from 0 on in LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _read_number(data: bytes, start: int) -> tuple[int, int]:
    """The number that begins at `start`, and where it ends."""
    value = shift = 0
    for at in range(start, min(len(data), start + 9)):
        value |= (data[at] & 0x7F) << shift
        if data[at] <= 0x7F:
            return value, at + 1
        shift += 7
    raise zstandard.ZstdError("These bytes are no packed message.")
