"""Erase what is personal about an account."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cases.actions.erasing import Plan, erase, plan
from cases.actors import person, system
from cases.answers import Match, find
from cases.models import User
from cases.refusals import Refused


class Command(BaseCommand):
    help = (
        "Destroy what is personal about ACCOUNT (its external id, or an address, case or notice of it): names, "
        "addresses, texts, payloads and their salts. The ledger stays whole and says that it happened. Without --yes "
        "it says what would go, and changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        parser.add_argument("--reason", default="", help="on what ground; it stays, so it must name nobody")
        parser.add_argument("--by", metavar="USER", help="who asks for it; else the system")
        parser.add_argument("--yes", action="store_true", help="do it; it cannot be undone")
        parser.add_argument(
            "--force", action="store_true", help="in spite of an open case, appeal or dispute"
        )

    def handle(
        self, *, account: str, reason: str, by: str | None, yes: bool, force: bool, **options: Any
    ) -> None:
        found = find(account)
        if found.match is Match.NOT_FOUND:
            raise CommandError(f"Nothing is known of {account!r}: no account, address, case or notice.")
        if found.match is Match.AMBIGUOUS:
            names = ", ".join(a.external_id for a in found.accounts)
            raise CommandError(f"Several accounts have, or had, this address: {names}. Name one.")
        user = User.objects.filter(username=by).first() if by else None
        if by and user is None:
            raise CommandError(f"There is no user {by!r}.")
        account_id, now = found.accounts[0].pk, datetime.now(UTC)
        try:
            if not yes:
                self._show(plan(account_id, now=now), force)
                return
            record = erase(
                account_id,
                actor=person(user) if user else system("erase"),
                reason=reason,
                at=now,
                force=force,
            )
        except Refused as refused:
            raise CommandError(str(refused)) from refused
        if record is None:
            self.stdout.write("Nothing is left to erase.")
            return
        self.stdout.write(f"Erased: {_listed(record.counts)}. The account is now erased-{account_id}.")
        self.stdout.write("Backups and the database's own dead rows outlive this: see docs/addresses.md.")

    def _show(self, what: Plan, force: bool) -> None:
        self.stdout.write(f"Would erase of {what.account.external_id}: {_listed(what.counts)}.")
        for sentence in what.obstacles:
            self.stdout.write(f"Cannot be done now: {sentence}")
        for sentence in what.objections:
            self.stdout.write(f"{'Overruled by --force' if force else 'Would be refused'}: {sentence}")
        for sentence in what.notes:
            self.stdout.write(f"Note: {sentence}")
        self.stdout.write("Nothing was changed. Say --yes to do it.")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
