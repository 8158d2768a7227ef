"""RFC 3161 time-stamps of checkpoints: somebody else's word for when the ledger had this head.

Sealing never waits for it. What an authority answers is checked by the same code that lies in every proof bundle, and
only what passes is stored: a bundle made from it years later will be accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

import requests
from cryptography.x509 import Certificate
from django.conf import settings
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from notices.ledger.patience import next_try
from notices.models import Checkpoint, CheckpointStamp, StampFailure
from notices.proof import verify

_ANSWER_LIMIT = 256 * 1024  # bytes; a token with its certificates has a few thousand
_GRANTED = (0, 1)  # RFC 3161, 2.4.2: granted, granted with modifications


class NotStamped(Exception):
    """An authority gave no time-stamp that can be used; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Stamping:
    """What one run did."""

    stamped: int = 0
    failed: int = 0


def stamp_latest(*, now: datetime) -> Stamping:
    """Have the latest checkpoint stamped by every authority of LEDGER_TSA_URLS that has not done so yet.

    An authority that failed is left alone for a while, longer each time. Must not run inside a transaction: it waits
    for other people's servers.
    """
    checkpoint = Checkpoint.objects.order_by("-size").first()
    if checkpoint is None or not settings.LEDGER_TSA_URLS:
        return Stamping()
    done = set(checkpoint.stamps.values_list("authority", flat=True))
    stamped = failed = 0
    for url in settings.LEDGER_TSA_URLS:
        name = public(url)
        if name in done or ((until := _not_before(name)) and now < until):
            continue
        try:
            token, at = request_stamp(url, checkpoint.note.encode())
        except NotStamped as error:
            failed += 1
            StampFailure.objects.create(
                checkpoint=checkpoint, authority=name, at=now, reason=str(error)[:1000]
            )
        else:
            stamped += 1
            row = CheckpointStamp(checkpoint=checkpoint, authority=name, token=token, stamped_at=at, at=now)
            # Two runs at once may both have asked; one time-stamp is enough.
            CheckpointStamp.objects.bulk_create([row], ignore_conflicts=True)
    return Stamping(stamped, failed)


def request_stamp(url: str, note: bytes) -> tuple[bytes, datetime]:
    """Ask one authority for a time-stamp over `note`: the token in DER, and the time that it states.

    Raises:
        NotStamped: it could not be reached, refused, or answered with what does not hold: another imprint, another
            nonce, a signature that does not fit, or a certificate that LEDGER_TSA_CERT does not vouch for.
    """
    name = public(url)
    query = TimestampRequestBuilder(note, HashAlgorithm.SHA256, nonce=True, cert_req=True).build()
    token = _token(name, _ask(url, query.as_bytes()))
    try:
        stamp = verify.open_stamp(token, note, f"The answer of {name}", _trusted())
    except verify.Rejected as error:
        raise NotStamped(str(error)) from None
    if stamp.nonce != query.nonce:
        raise NotStamped(f"{name} answered another question: its nonce is not ours. Is a cache in between?")
    return token, stamp.at


def _token(name: str, response: bytes) -> bytes:
    """The token in a response (RFC 3161, 2.4.2). Raises NotStamped.

    Not by rfc3161_client's decoder: it refuses responses whose certificates are not in DER's order for sets, as
    OpenSSL's `ts` sends them wherever it sends more than one.
    """
    try:
        info, *rest = verify.element(response).expect(0x30).parts()
        status, *texts = info.expect(0x30).parts()
        number = int.from_bytes(status.expect(0x02).body, "big")
        said = " ".join(part.body.decode() for text in texts if text.tag == 0x30 for part in text.parts())
    except (verify.NotDer, ValueError) as error:
        raise NotStamped(f"{name} did not answer with a time-stamp: {verify.shown(str(error))}.") from None
    if number not in _GRANTED or not rest:
        why = verify.shown(said) or "without a reason"
        raise NotStamped(f"{name} refused a time-stamp (status {number}): {why}.")
    return rest[0].raw


def _ask(url: str, query: bytes) -> bytes:
    """RFC 3161, 3.4: one POST. Raises NotStamped."""
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        with requests.post(
            url, data=query, headers=headers, timeout=settings.LEDGER_TSA_TIMEOUT_SECONDS, stream=True
        ) as answer:
            answer.raise_for_status()
            body: bytes = answer.raw.read(_ANSWER_LIMIT + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise NotStamped(f"{public(url)} could not be asked: {verify.shown(str(error))}.") from None
    if len(body) > _ANSWER_LIMIT:
        raise NotStamped(f"{public(url)} answered with more than a time-stamp has.")
    return body


def _trusted() -> Sequence[Certificate]:
    """The certificates of LEDGER_TSA_CERT; none where it is not set: then each token's own word has to do."""
    if not settings.LEDGER_TSA_CERT:
        return ()
    try:
        return verify.read_certificates(settings.LEDGER_TSA_CERT)
    except verify.Rejected as error:
        raise NotStamped(f"LEDGER_TSA_CERT: {error}") from None


def public(url: str) -> str:
    """The address of an authority without the name and password that may be in it; at most 500 characters."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))[:500]


def _not_before(name: str) -> datetime | None:
    """When this authority may be asked again, where its last answers were failures."""
    last = CheckpointStamp.objects.filter(authority=name).order_by("-at").values_list("at", flat=True).first()
    failures = StampFailure.objects.filter(authority=name).order_by("-at").values_list("at", flat=True)
    return next_try(list(failures.filter(at__gt=last)[:20] if last else failures[:20]))
