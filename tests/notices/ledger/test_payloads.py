"""How payloads are packed: whatever was appended comes back byte for byte, and what was changed is noticed."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notices.ledger import canonical
from notices.ledger.payloads import NotReadable, pack, unpack

SUBMITTED = {
    "code": 250,
    "dsn": {"asked": True, "offered": True},
    "enhanced": "2.0.0",
    "host": "mail.platform.example",
    "message_sha256": "8c912676ed7ab47b4b8bbcfcf538c4a383eea245dba49138ac2ce367644c0822",
    "port": 587,
    "provider": "smtp:mail.platform.example",
    "provider_id": "45S9VSPzZPQg",
    "reply": "2.0.0 Ok: queued as 45S9VSPzZPQg",
    "stage": "content",
    "tls": "TLSv1.3",
    "try": 1,
}

hashes = st.binary().map(lambda b: hashlib.sha256(b).hexdigest())
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=40) | hashes,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=6) | hashes, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=6), values, max_size=5))
def test_every_payload_comes_back_as_it_was(payload):
    body = canonical(payload)
    assert unpack(pack(body)) == body
    assert len(pack(body)) <= len(body)


def test_a_usual_payload_takes_a_quarter_of_its_size():
    assert len(pack(canonical(SUBMITTED))) < len(canonical(SUBMITTED)) / 4


def test_plain_and_erased_payloads_are_read_too():
    assert unpack(b'{"a":1}') == b'{"a":1}'
    assert unpack(b"") == b""


# What was written by the first release has to be readable for ever.
WRITTEN = bytes.fromhex(
    "01018c912676ed7ab47b4b8bbcfcf538c4a383eea245dba49138ac2ce367644c0822a3b62f81cdd012607333572fb522"
    "31b7005c7a92e56b2ce6a0858269b065587040555440603aa10041554a74d80000"
)


def test_what_was_written_once_stays_readable():
    assert unpack(WRITTEN) == canonical(SUBMITTED)


@pytest.mark.parametrize(
    "stored",
    [
        b"\x02abc",
        b"\x01",
        b"\x01\x00",
        b"\x01\x05short",
        WRITTEN[:-1],
        WRITTEN + b"\0",
        b"\x01\x00" + WRITTEN[34:],
        b"x",
    ],
)
def test_what_nobody_wrote_is_refused(stored):
    with pytest.raises(NotReadable):
        unpack(stored)
