"""Tiles and checkpoints refuse what would change them: by ORM, by QuerySet.update(), by raw SQL."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError

from notices.models import Checkpoint, Tile
from tests.notices.ledger.builders import NOW, sealed

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "attack",
    [
        lambda: Tile.objects.filter(number=0).update(hashes=bytes(32 * 3)),
        lambda: Tile.objects.filter(number=0).update(hashes=b"", ids=[]),
        lambda: Tile.objects.filter(number=0).update(number=1),
        lambda: Tile.objects.filter(number=0).update(level=1),
        lambda: Tile.objects.filter(number=0).update(ids=[1, 2, 3]),
        lambda: Tile.objects.filter(number=0).update(span=(1, 2)),
        lambda: Tile.objects.all().delete(),
        lambda: Checkpoint.objects.all().delete(),
        lambda: Checkpoint.objects.update(signed_at=NOW + timedelta(days=1)),
        lambda: Checkpoint.objects.get().delete(),
        lambda: Checkpoint(**{**Checkpoint.objects.values().get(), "size": 4}).save(),
        "UPDATE notices_tile SET hashes = hashes || hashes, ids = ids || 9::bigint",
        "UPDATE notices_tile SET hashes = hashes || '\\x00'",
        "UPDATE notices_tile SET hashes = sha256('') || hashes, ids = 9::bigint || ids",
        "UPDATE notices_tile SET hashes = hashes || sha256(''), ids = ids || 9::bigint, span = 'empty'",
        "DELETE FROM notices_tile",
        "TRUNCATE notices_tile",
        "UPDATE notices_checkpoint SET note = ''",
        "DELETE FROM notices_checkpoint",
        "TRUNCATE notices_checkpoint CASCADE",
        "INSERT INTO notices_tile VALUES (0, 1, sha256(''), NULL, NULL)",
        "INSERT INTO notices_tile VALUES (1, 0, sha256(''), '{1}', '[1,2)')",
        "INSERT INTO notices_tile VALUES (1, 0, '', NULL, NULL)",
        "INSERT INTO notices_tile VALUES (1, 0, decode(repeat('00', 8224), 'hex'), NULL, NULL)",
    ],
)
def test_tiles_and_checkpoints_are_frozen(attack):
    sealed(3)
    before = [list(Tile.objects.values()), list(Checkpoint.objects.values())]
    if isinstance(attack, str):
        attack = partial(connection.cursor().execute, attack)
    with pytest.raises(IntegrityError), transaction.atomic():
        attack()
    assert [list(Tile.objects.values()), list(Checkpoint.objects.values())] == before
