"""Appending facts: once each, with a commitment that the payload opens."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from json import loads
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from notices.ledger import NewFact, canonical, payloads
from notices.ledger.appending import append
from notices.models import Evidence, EvidencePayload
from notices.recording import record
from tests.notices.builders import issued

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)

json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json)
def test_canonical_json_is_that_of_rfc_8785(value):
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [1.5, {"é": 1}, {1: 1}, [{"a": 0.1}]])
def test_what_it_could_write_otherwise_it_does_not_write(value):
    with pytest.raises(TypeError):
        canonical(value)


# The example of RFC 8785 (3.2.2 and 3.2.3), without its numbers: payloads hold no floats.
GIVEN = r"""{
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false],
    "1": {"f": {"f": "hi", "F": 5}, "\n": 56},
    "10": {},
    "": "empty",
    "\r": "return"
}"""
WRITTEN = (
    r"""{"":"empty","\r":"return","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"literals":[null,true,false],"""
    r""""string":"€$\u000f\nA'B\"\\\\\"/"}"""
)


def test_the_example_of_rfc_8785():
    assert canonical(loads(GIVEN)).decode() == WRITTEN


FOLDER = os.environ.get("PUBLIC_VECTORS")

if FOLDER:

    @pytest.mark.parametrize(
        "file", sorted(Path(FOLDER, "jcs").rglob("input/*.json")), ids=lambda file: file.stem
    )
    def test_public_vectors(file):
        """What can be a payload is written exactly so, and nothing else is written at all."""
        value, expected = loads(file.read_bytes()), (file.parent.parent / "output" / file.name).read_bytes()
        assert rfc8785.dumps(value) == expected.rstrip(b"\n")
        if file.stem in {"french", "structures", "values", "weird"}:  # floats, or keys beyond ASCII
            with pytest.raises(TypeError):
                canonical(value)
        else:
            assert canonical(value) == expected.rstrip(b"\n")


@pytest.mark.django_db
def test_a_fact_is_stored_once_whatever_the_order_and_number_of_calls():
    notice = issued()
    facts = [NewFact(notice.pk, kind, "test", NOW, event_id=kind) for kind in ("shown", "acknowledged")]
    record(facts, now=NOW)
    record([*reversed(facts), *facts], now=NOW)
    assert append([]) == []
    assert list(Evidence.objects.order_by("pk").values_list("kind", flat=True)) == ["shown", "acknowledged"]


@pytest.mark.django_db
def test_without_an_event_id_the_event_itself_is_the_key():
    notice = issued()
    same, other = ({"said": "250 Ok"}, {"said": "250 ok"})
    for payload in (same, other, same):
        record([NewFact(notice.pk, "submitted", "test", NOW, payload=payload)], now=NOW)
    assert Evidence.objects.count() == 2


@pytest.mark.django_db
def test_the_commitment_is_opened_by_salt_and_payload():
    record([NewFact(issued().pk, "shown", "test", NOW, payload={"who": "Ana"})], now=NOW)
    payload = EvidencePayload.objects.select_related("evidence").get()
    opened = hashlib.sha256(bytes(payload.salt) + payloads.unpack(bytes(payload.body))).digest()
    assert opened == bytes(payload.evidence.commitment)
    assert b'"who":"Ana"' in payloads.unpack(bytes(payload.body))
