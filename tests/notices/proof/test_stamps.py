"""Time-stamps of OpenSSL's own authority, read by the few lines of DER in verify.py."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from notices.proof import verify
from notices.proof.verify import Rejected
from tests.notices.proof.alog import a_log, growth_of
from tests.notices.proof.authority import Authority, authority

DATA = a_log().checkpoint()


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def token(tsa: Authority) -> bytes:
    return tsa.token(DATA)


def trusted(path: Path) -> list[x509.Certificate]:
    return verify.read_certificates(str(path))


@pytest.mark.parametrize(
    ("key", "ess", "chain"),
    [("rsa", "sha256", "no"), ("rsa", "sha1", "no"), ("ec", "sha256", "yes"), ("ec", "sha512", "no")],
)
def test_a_real_time_stamp_is_read_and_its_signature_checked(tmp_path, key, ess, chain):
    tsa = authority(tmp_path, key=key, ess=ess, chain=chain)
    token = tsa.token(DATA)
    assert tsa.agrees(token, DATA)
    stamp = verify.open_stamp(token, DATA, "a.tst")
    assert abs(stamp.at - datetime.now(UTC)) < timedelta(minutes=5)
    assert (stamp.authority, stamp.anchor) == ("CN=Test TSA", "")
    assert verify.open_stamp(token, DATA, "a.tst", trusted(tsa.ca)).anchor == "CN=Test Root"
    assert verify.open_stamp(token, DATA, "a.tst", trusted(tsa.own)).anchor == "CN=Test TSA"


def test_a_time_stamp_of_something_else_is_refused(token):
    with pytest.raises(Rejected, match="of something else"):
        verify.open_stamp(token, DATA + b"\n", "a.tst")


def test_an_authority_that_does_not_lead_to_the_trusted_one_is_refused(token, tmp_path):
    other = authority(tmp_path)
    with pytest.raises(Rejected, match="does not lead to the one given"):
        verify.open_stamp(token, DATA, "a.tst", trusted(other.ca))


def test_a_certificate_for_something_else_cannot_stamp(tsa, tmp_path, token):
    """OpenSSL refuses to stamp with such a certificate, so a genuine stamp is re-signed with one here."""
    both = authority(tmp_path, usage=(ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.SERVER_AUTH))
    certificate = trusted(both.own)[0]
    with pytest.raises(Rejected, match="not one for time-stamping"):
        verify._fit_to_stamp(certificate, datetime.now(UTC), "a.tst")


def test_a_certificate_that_had_expired_cannot_stamp(tsa):
    with pytest.raises(Rejected, match="was not valid at the time stamped"):
        verify._fit_to_stamp(trusted(tsa.own)[0], datetime(2040, 1, 1, tzinfo=UTC), "a.tst")


def test_a_changed_token_never_says_another_time_and_never_breaks_the_reader(token):
    """Bits outside the signature (spare certificates, optional fields) are the manifest's business."""
    said = verify.open_stamp(token, DATA, "a.tst").at
    chance = random.Random(5)
    for at in range(len(token)):
        changed = bytearray(token)
        changed[at] ^= 1 << chance.randrange(8)
        with suppress(Rejected):
            assert verify.open_stamp(bytes(changed), DATA, "a.tst").at == said


@given(st.binary(max_size=80))
def test_noise_is_no_time_stamp(noise):
    for hostile in (noise, b"\x30\x80" + noise, b"\x30\x84\xff\xff\xff\xff" + noise):
        with pytest.raises(Rejected):
            verify.open_stamp(hostile, DATA, "a.tst")


def test_a_stamped_bundle_says_by_when_which_facts_lay_in_the_ledger(small, tsa):
    log = a_log()
    older = {2: log.checkpoint(2), 5: log.checkpoint()}
    bundle = small(
        log,
        checkpoints=older,
        consistency={2: growth_of(2, log.hashes(5))},
        stamps={2: [tsa.token(older[2])]},
        facts=[log.sealed(1, 2), log.sealed(3)],
    )
    contents = verify.check(bundle, [log.signer.vkey])
    assert [bool(entry.stamp) for entry in contents.entries] == [True, False]
    assert any(one.startswith("E-2 lay in the ledger on") for one in verify.proven(contents))
    assert any("When E-4 came to be recorded" in one for one in verify.not_proven(contents))
    assert any("--tsa-cert" in one for one in verify.trust(contents))
    pinned = verify.check(bundle, [log.signer.vkey], trusted(tsa.ca))
    assert verify.trust(pinned) == [
        "The time-stamps lead up to the certificate that was given: CN=Test Root."
    ]
