"""A time-stamp authority: OpenSSL's own `ts`, behind a small HTTP server of its own thread."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CONFIG = """
[tsa]
dir = {folder}
serial = $dir/serial
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
certs = $dir/ca.pem
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256, sha512
signer_digest = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = {chain}
ess_cert_id_alg = {ess}
"""


def _certificate(
    name: str, key: Any, issuer: str, by: Any, *, usage: list[Any] | None, days: int = 3_650
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=True)
    return builder.sign(by, hashes.SHA256())


@dataclass(frozen=True)
class Authority:
    """The folder with its keys; `ca` is the certificate that a verifier trusts."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def own(self) -> Path:
        return self.folder / "tsa.pem"

    def answer(self, query: bytes) -> bytes:
        """The response to a query, as OpenSSL makes it."""
        return self._ts("-reply", "-config", self._config(), "-section", "tsa", query=query)

    def token(self, data: bytes) -> bytes:
        """A token over data, without the response around it."""
        (self.folder / "data").write_bytes(data)
        query = subprocess.run(
            ["openssl", "ts", "-query", "-data", self.folder / "data", "-sha256", "-cert"],
            capture_output=True,
            check=True,
        ).stdout
        return self._ts("-reply", "-config", self._config(), "-section", "tsa", "-token_out", query=query)

    def agrees(self, token: bytes, data: bytes) -> bool:
        """Whether OpenSSL itself accepts the token."""
        (self.folder / "data").write_bytes(data)
        (self.folder / "token").write_bytes(token)
        told = ["-data", "data", "-in", "token", "-token_in", "-CAfile", "ca.pem"]
        done = subprocess.run(
            ["openssl", "ts", "-verify", *told], cwd=self.folder, capture_output=True, check=False
        )
        return done.returncode == 0

    def _config(self) -> str:
        return str(self.folder / "tsa.conf")

    def _ts(self, *arguments: str, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        return subprocess.run(
            ["openssl", "ts", *arguments, "-queryfile", str(self.folder / "query")],
            capture_output=True,
            check=True,
        ).stdout


def authority(
    folder: Path,
    *,
    key: str = "rsa",
    ess: str = "sha256",
    chain: str = "no",
    usage: tuple[Any, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
) -> Authority:
    """Make an authority in an empty folder, with a root certificate above it."""
    root = ec.generate_private_key(ec.SECP256R1())
    own: Any = (
        rsa.generate_private_key(65_537, 2_048) if key == "rsa" else ec.generate_private_key(ec.SECP384R1())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(
        _certificate("Test Root", root, "Test Root", root, usage=None).public_bytes(pem)
    )
    certificate = _certificate("Test TSA", own, "Test Root", root, usage=list(usage))
    (folder / "tsa.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "tsa.key").write_bytes(
        own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "serial").write_text("01\n")
    (folder / "tsa.conf").write_text(_CONFIG.format(folder=folder, ess=ess, chain=chain))
    return Authority(folder)


@contextmanager
def served(answer: Any) -> Iterator[str]:
    """Serve `answer(query) -> (status, body)` over HTTP on the loopback; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            status, body = answer(query)
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsr"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
