"""What has been told to others about the ledger, for a page: the latest time-stamps and publication, and failures."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from notices.ledger.stamping import public
from notices.models import CheckpointPublication, CheckpointStamp, StampFailure


@dataclass(frozen=True, slots=True)
class Told:
    """For `templates/notices/_stamps.html`. Failures are those since the last success only.

    Attributes:
        stamping: whether an authority is configured; publishing: whether a command is.
        stamps: the latest of each configured authority.
    """

    stamping: bool
    stamps: list[CheckpointStamp]
    stamp_failures: list[StampFailure]
    publishing: bool
    published: CheckpointPublication | None
    publication_failure: CheckpointPublication | None


def told() -> Told:
    """The state of time-stamps and publication now. Some queries for each configured authority."""
    stamps, failures = [], []
    for name in map(public, settings.LEDGER_TSA_URLS):
        stamp = (
            CheckpointStamp.objects.filter(authority=name)
            .select_related("checkpoint")
            .order_by("-at")
            .first()
        )
        failure = StampFailure.objects.filter(authority=name).order_by("-at").first()
        if stamp:
            stamps.append(stamp)
        if failure and (stamp is None or failure.at > stamp.at):
            failures.append(failure)
    runs = CheckpointPublication.objects.select_related("checkpoint").order_by("-at")
    latest = runs.first()
    return Told(
        stamping=bool(settings.LEDGER_TSA_URLS),
        stamps=stamps,
        stamp_failures=failures,
        publishing=bool(settings.LEDGER_PUBLISH_COMMAND),
        published=runs.filter(ok=True).first(),
        publication_failure=None if latest is None or latest.ok else latest,
    )
