"""The signature of an Amazon SNS message, by which Amazon SES reports. Anymail checks the password alone.

The signed text and the two signature versions are as Amazon's developer guide of SNS says ("Verifying the signatures
of Amazon SNS messages"): the named fields in alphabetical order, each name and value on a line of its own.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509.oid import NameOID

_SIGNED: dict[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(
        ("SubscriptionConfirmation", "UnsubscribeConfirmation"),
        ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
_HOST = re.compile(r"sns\.[a-z0-9-]{3,30}\.amazonaws\.com(\.cn)?")
_NAMES = re.compile(r"sns(\.[a-z0-9-]{3,30})?\.amazonaws\.com(\.cn)?")
_PATH = re.compile(r"/[A-Za-z0-9_-]{1,200}\.pem")
_LARGEST = 100_000  # octets; a certificate has about 2,000
_CACHED = 16

Fetch = Callable[[str], bytes]


class NotSigned(Exception):
    """The message is not signed by Amazon SNS; the message says what is wrong."""


class Unreachable(Exception):
    """The certificate could not be fetched now. The message may be good: Amazon should send it again."""


def fetch_certificate(url: str) -> bytes:
    """The PEM at `url`, over HTTPS with the host's certificate checked, without following redirects.

    Raises:
        Unreachable: no answer, or another than 200.
    """
    try:
        with requests.get(url, timeout=5, allow_redirects=False, stream=True) as response:
            if response.status_code != 200:
                raise Unreachable(f"{url} answered {response.status_code}.")
            return bytes(response.raw.read(_LARGEST, decode_content=True))
    except requests.RequestException as error:
        raise Unreachable(f"{url} cannot be fetched ({type(error).__name__}).") from error


class Verifier:
    """Checks signatures; remembers the certificates that it has fetched, by their addresses, which never change."""

    def __init__(self, fetch: Fetch = fetch_certificate) -> None:
        self.fetch = fetch
        self._known: dict[str, x509.Certificate] = {}
        self._lock = threading.Lock()

    def check(self, body: bytes, *, now: datetime) -> Mapping[str, Any]:
        """The message in `body`, once its signature holds.

        Raises:
            NotSigned: it does not hold, or the body is no SNS message.
            Unreachable: its certificate cannot be fetched at this moment.
        """
        try:
            message = json.loads(body)
            fields = _SIGNED[message["Type"]]
            signature = base64.b64decode(message["Signature"], validate=True)
            digest = {"1": SHA1(), "2": SHA256()}[message["SignatureVersion"]]  # noqa: S303  (version 1 is theirs)
            signed = "".join(f"{name}\n{message[name]}\n" for name in fields if name in message).encode()
            url = str(message["SigningCertURL"])
        except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
            raise NotSigned(f"It is no signed message of Amazon SNS ({type(error).__name__}).") from error
        try:
            self._key(url, now).verify(signature, signed, padding.PKCS1v15(), digest)
        except InvalidSignature as error:
            raise NotSigned("Its signature does not hold.") from error
        return message  # type: ignore[no-any-return]  # JSON; indexed by name above, so an object

    def _key(self, url: str, now: datetime) -> rsa.RSAPublicKey:
        certificate = self._known.get(url)
        if certificate is None:
            certificate = _read(self.fetch(_safe(url)))
            with self._lock:
                if len(self._known) >= _CACHED:
                    self._known.clear()
                self._known[url] = certificate
        if not certificate.not_valid_before_utc <= now.astimezone(UTC) <= certificate.not_valid_after_utc:
            raise NotSigned("The certificate that it names is not valid at this time.")
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise NotSigned("The certificate that it names has no RSA key.")
        return key


def _safe(url: str) -> str:
    """`url`, if a certificate of Amazon SNS can be there: the signature is worth what this address is worth."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise NotSigned("The address of its certificate is malformed.") from error
    plain = not (parts.query or parts.fragment or parts.username or parts.password or port)
    if parts.scheme != "https" or not _HOST.fullmatch(host) or not _PATH.fullmatch(parts.path) or not plain:
        raise NotSigned("The address of its certificate is not one of Amazon SNS.")
    return url


def _read(pem: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except ValueError as error:
        raise NotSigned("What lies at the address of its certificate is none.") from error
    try:
        other = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names += other.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        pass  # the common name alone then says whose it is
    if not any(_NAMES.fullmatch(name) for name in names):
        raise NotSigned("The certificate that it names is not one of Amazon SNS.")
    return certificate


verifier = Verifier()
