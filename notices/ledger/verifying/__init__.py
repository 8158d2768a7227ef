"""Verifying: is everything that was sealed still there, as it was sealed?

What a person with every right in the database could do to it is found here, as long as they have not also rewritten
the whole tree from the first change on and signed it anew with our key. Against that help only checkpoints that lie
elsewhere: give them as `against`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Max

from notices.ledger import keys
from notices.ledger.verifying import heads, level0, messages, queue, rules
from notices.ledger.verifying.findings import Finding, Findings, Progress
from notices.ledger.verifying.tree import Tree
from notices.models import Checkpoint

__all__ = ["Finding", "Report", "verify"]


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and what was found.

    Attributes:
        findings: at most 100 of each kind; `more` counts the others by kind.
        leaves: in the tree. waiting: evidence in the queue. checkpoints, notices: how many were looked at.
        against: how many checkpoints kept elsewhere were compared.
    """

    findings: list[Finding]
    more: dict[str, int]
    leaves: int
    waiting: int
    checkpoints: int
    notices: int
    against: int

    @property
    def ok(self) -> bool:
        return not self.findings


def verify(*, against: Mapping[str, str] | None = None, on_progress: Progress | None = None) -> Report:
    """Look at every fact, tile, checkpoint and message, as of one moment. Memory does not grow with the ledger.

    Args:
        against: earlier checkpoints that were kept elsewhere, as signed notes, by the name to call them by.
        on_progress: told what is looked at, how many of it so far, of how many.
    """
    tell = on_progress or _silent
    findings = Findings()
    with _snapshot():
        rules.check(findings)
        verifiers = keys.verifiers()
        elsewhere = heads.kept_elsewhere(against or {}, verifiers, findings)
        tree = Tree([heads.own(verifiers, findings), elsewhere], findings)
        level0.check(tree, findings, tell)
        tree.finish(Checkpoint.objects.aggregate(size=Max("size"))["size"] or 0)
        waiting = queue.check(findings, tell)
        notices = messages.check(findings, tell)
        checkpoints = Checkpoint.objects.count()
    return Report(
        findings=findings.kept,
        more=findings.more(),
        leaves=tree.size,
        waiting=waiting,
        checkpoints=checkpoints,
        notices=notices,
        against=len(elsewhere),
    )


def _silent(what: str, done: int, total: int) -> None:
    pass


@contextmanager
def _snapshot() -> Iterator[None]:
    """One moment of the database for all that follows, so that a sealer at work confuses nobody.

    Within a caller's transaction: that transaction's view.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
