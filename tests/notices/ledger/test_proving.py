"""Proofs from the stored tiles, for any fact and any size that the tree ever had."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notices.ledger import NotSealed, consistency, merkle, prove
from notices.ledger.merkle import NotInTree
from notices.ledger.proving import root
from notices.ledger.tiles import NoTile
from notices.models import Checkpoint
from tests.notices.ledger import naive
from tests.notices.ledger.builders import recorded, sealed
from tests.notices.ledger.test_sealing import leaves

pytestmark = pytest.mark.django_db


def test_every_fact_is_proven_in_every_tree_that_holds_it(django_assert_max_num_queries):
    facts = sealed(5, 255, 40)
    for checkpoint in Checkpoint.objects.all():
        held = facts.ids[: checkpoint.size]
        with django_assert_max_num_queries(3):
            proofs = prove(held, size=checkpoint.size)
        for pk in held:
            proof = proofs[pk]
            assert merkle.verify_inclusion(
                proof.index,
                checkpoint.size,
                merkle.leaf_hash(proof.leaf),
                proof.hashes,
                bytes(checkpoint.root),
            )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.data())
def test_trees_of_any_two_sizes_are_consistent(data):
    if not Checkpoint.objects.exists():
        sealed(300)
    old = data.draw(st.integers(1, 300))
    new = data.draw(st.integers(old, 300))
    all_leaves = leaves()
    assert root(new) == naive.mth(all_leaves[:new])
    assert list(consistency(old, new)) == naive.proof(old, all_leaves[:new])


def test_what_is_not_sealed_is_named():
    facts = sealed(3)
    waiting = recorded(2, facts.notice_id).ids
    with pytest.raises(NotSealed, match=f"E-{waiting[0]}, E-{waiting[1]}") as refused:
        prove([*facts.ids, *waiting], size=3)
    assert refused.value.evidence_ids == tuple(waiting)


def test_a_later_fact_is_not_in_an_earlier_tree():
    facts = sealed(2, 2)
    with pytest.raises(NotSealed):
        prove(facts.ids, size=2)


def test_there_is_no_proof_beyond_the_tree():
    sealed(3)
    with pytest.raises(NoTile):
        consistency(2, 9)
    with pytest.raises(NotInTree):
        consistency(0, 3)
