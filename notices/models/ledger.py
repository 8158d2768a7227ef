"""The ledger's tables: what waits to be sealed, the Merkle tree as tiles, and the signed heads of the tree."""

from __future__ import annotations

import pgtrigger
from django.contrib.postgres.fields import ArrayField, BigIntegerRangeField
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import Func, IntegerField, Q, Value
from django.db.models.functions import Mod
from django.db.models.lookups import Exact, GreaterThan, LessThanOrEqual

from notices.triggers import Rule, append_only, refusal

HASH = 32  # bytes of a SHA-256
WIDTH = 256  # hashes in a full tile (C2SP tlog-tiles)


class ByteCount(Func):
    function = "octet_length"
    output_field = IntegerField()


class Cardinality(Func):
    function = "cardinality"
    output_field = IntegerField()


def queueing() -> Rule:
    """The trigger that puts every new row of evidence into the seal queue, whatever statement wrote it.

    One statement more for each INSERT, however many rows that has; no lock on the tree.
    """
    return Rule(
        name="queue_for_sealing",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        level=pgtrigger.Statement,
        referencing="REFERENCING NEW TABLE AS appended",  # type: ignore[arg-type]  # text, as migrations write it
        func="INSERT INTO notices_sealqueue (evidence_id) SELECT id FROM appended; RETURN NULL;",
    )


class SealQueue(models.Model):
    """Evidence that is not in the tree yet. Filled by a trigger on evidence, emptied by the sealer.

    No foreign key: it would look up each row of evidence a second time, in the transaction that has just written it.
    """

    evidence_id = models.BigIntegerField(primary_key=True)

    class Meta:
        verbose_name = "evidence waiting to be sealed"
        verbose_name_plural = "evidence waiting to be sealed"

    def __str__(self) -> str:
        return f"E-{self.evidence_id}"


_GROWS_AT_THE_END = """
    octet_length(OLD.hashes) < octet_length(NEW.hashes)
    AND substr(NEW.hashes, 1, octet_length(OLD.hashes)) = OLD.hashes
    AND NEW.ids[1:cardinality(OLD.ids)] IS NOT DISTINCT FROM OLD.ids
    AND NEW.span IS NOT DISTINCT FROM NEW.span + OLD.span
    AND NEW.level = OLD.level AND NEW.number = OLD.number
"""


class Tile(models.Model):
    """Up to 256 neighbouring hashes of one level of the tree (C2SP tlog-tiles).

    At level 0 these are hashes of leaves, and the tile knows which rows of evidence the leaves are; above, each is
    the root of a full tile of the level below. Only the right-most tile of a level is ever less than full.
    """

    pk = models.CompositePrimaryKey("level", "number")
    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    # PostgreSQL keeps them beside the row, uncompressed since hashes do not compress: parts of them are read alone.
    hashes = models.BinaryField(help_text="32 bytes each")
    ids = ArrayField(models.BigIntegerField(), null=True, help_text="evidence ids of the leaves, at level 0")
    span = BigIntegerRangeField(null=True, help_text="smallest to greatest of the ids, to find an id by")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="tile_of_whole_hashes",
                condition=Q(level__gte=0, number__gte=0)
                & Q(Exact(Mod(ByteCount("hashes"), Value(HASH)), Value(0)))
                & Q(GreaterThan(ByteCount("hashes"), Value(0)))
                & Q(LessThanOrEqual(ByteCount("hashes"), Value(HASH * WIDTH))),
            ),
            models.CheckConstraint(
                name="tile_names_its_leaves",
                condition=Q(
                    Q(level=0, ids__isnull=False, span__isnull=False)
                    & Q(Exact(Cardinality("ids") * HASH, ByteCount("hashes")))
                )
                | Q(level__gt=0, ids__isnull=True, span__isnull=True),
            ),
        ]
        indexes = [GistIndex(fields=["span"], name="tile_of_evidence", condition=Q(level=0))]
        triggers = [
            Rule(
                name="only_grows",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=f"IF {_GROWS_AT_THE_END} THEN RETURN NEW; END IF; "
                + refusal(
                    "Tile %/% is frozen: hashes may only be added at its end",
                    rule="tile_only_grows",
                    args=", OLD.level, OLD.number",
                ),
            ),
            *append_only()[1:],
        ]

    def __str__(self) -> str:
        return f"tile {self.level}/{self.number}"


class Checkpoint(models.Model):
    """A signed head of the tree (C2SP tlog-checkpoint). There is one for every size that the tree was left at."""

    id = models.BigIntegerField(primary_key=True, help_text="1, 2, 3 and so on without a gap")
    size = models.BigIntegerField(unique=True, help_text="leaves in the tree")
    root = models.BinaryField(max_length=HASH)
    note = models.TextField(help_text="signed note, word for word as published")
    signed_at = models.DateTimeField()

    class Meta:
        ordering = ["size"]
        constraints = [
            models.CheckConstraint(
                name="checkpoint_form",
                condition=Q(id__gt=0, size__gt=0) & Q(Exact(ByteCount("root"), Value(HASH))),
            )
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"checkpoint of {self.size} leaves"
