"""Was this account warned? The verdict, what it rests on, every attempt, and what follows."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.text import Text

from cases.answers import Answer, Found, Match, answer, find, local
from cases.models import Account
from cases.provenance import Provenance
from cases.whence import told
from notices.grading import VERSION
from notices.history import Happening

NOT_FOUND, AMBIGUOUS = 1, 3
_COLOURS = {"proven": "green", "probable": "cyan", "not_proven": "yellow", "disproven": "red"}


class Command(BaseCommand):
    help = (
        "Say whether an account was warned. WHO is an external id, an e-mail address (current or former), a case "
        "number (C-12) or a notice id (N-12). Exit status: 0 found, 1 not found, 3 several accounts match."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", metavar="WHO")
        parser.add_argument("--notice", metavar="ID", help="only this notice, for example N-12")
        parser.add_argument(
            "--at", metavar="TIME", help="as of this moment, for example 2026-05-12T14:00:00+02:00"
        )
        parser.add_argument("--json", action="store_true", help="as JSON, for programs")

    def handle(self, *, who: str, notice: str | None, at: str | None, **options: Any) -> None:
        as_json = options["json"]
        known_at = _moment(at) if at else None
        found = find(who)
        if found.match is Match.AMBIGUOUS:
            listed = "\n".join(f"  {a.external_id}  {a.display_name}" for a in found.accounts)
            raise CommandError(
                f"Several accounts have, or had, this address. Ask for one:\n{listed}", returncode=AMBIGUOUS
            )
        if found.match is Match.NOT_FOUND:
            raise CommandError(
                f"Nothing is known of {who!r}: no account, address, case or notice of that name.",
                returncode=NOT_FOUND,
            )
        if notice:
            found = _narrowed(found, notice)
        answers = answer(found, now=datetime.now(UTC), known_at=known_at)
        if notice and not answers:
            raise CommandError(f"This account has no notice {notice}.", returncode=NOT_FOUND)
        account = found.accounts[0]
        if as_json:
            self.stdout.write(json.dumps(_as_json(account, answers, known_at), ensure_ascii=False, indent=2))
            return
        out = cast(
            "IO[str]", self.stdout._out
        )  # the stream itself: Django's wrapper adds line ends of its own
        console = Console(file=out, highlight=False, soft_wrap=True, no_color=options["no_color"] or None)
        _print(console, account, answers, known_at)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CommandError(
            f"--at takes a time with its zone, such as 2026-05-12T14:00:00+02:00, not {text!r}."
        )
    return moment


def _narrowed(found: Found, notice: str) -> Found:
    match = re.fullmatch(r"(?:N-)?(\d{1,18})", notice, re.IGNORECASE)
    if not match:
        raise CommandError(f"--notice takes a notice id such as N-12, not {notice!r}.")
    return Found(found.accounts, found.case_id, int(match[1]))


def _print(console: Console, account: Account, answers: list[Answer], known_at: datetime | None) -> None:
    title = " · ".join(
        part
        for part in (account.external_id, account.display_name, account.language, account.timezone)
        if part
    )
    console.print(Text(title, style="bold"))
    if known_at:
        console.print(f"as of {local(known_at, account.timezone)}")
    if not answers:
        console.print("No notice was issued to this account. It was not warned.")
    for found in answers:
        _print_answer(console, found, account.timezone)


def _print_answer(console: Console, found: Answer, zone: str) -> None:
    history, standing = found.history, found.history.standing
    console.print()
    console.print(
        Text.assemble(
            (f"{history.notice.number}  ", "bold"),
            f"{history.notice.kind} of {local(history.notice.issued_at, zone)}, case {found.case.number} "
            f"({found.case.policy.slug}, {found.case.state})",
        )
    )
    console.print(Text(f"  {found.headline}", style=f"bold {_COLOURS[standing.verdict]}"))
    if standing.served_at:
        how = f"deemed, under the rule: {history.rule}" if standing.deemed else f"by the rule: {history.rule}"
        console.print(f"  served        {local(standing.served_at, zone)}, {how}")
    else:
        console.print(f"  served        no; the rule asks for {history.rule}")
    console.print(f"  weakest link  {standing.weakest_link}")
    console.print(f"  what follows  {found.follows}")
    if history.erased_at:
        console.print(f"  erased        text, addresses and payloads, on {local(history.erased_at, zone)}")
    console.print(f"  evidence      grade {standing.grade} of 6; graded by version {VERSION}")
    console.print(
        f"  text          {history.notice.language_used}, SHA-256 {bytes(history.notice.content_sha256).hex()}"
    )
    for attempt in history.attempts:
        linked = f", repeats {attempt.repeats} ({attempt.reason})" if attempt.repeats else ""
        if attempt.reason and not attempt.repeats:
            linked = f", tried {attempt.reason}"
        console.print(
            Text(
                f"  {attempt.number}  {attempt.channel} to {attempt.address or '(erased)'}: {attempt.state}{linked}"
            )
        )
        if whence := found.provenance.get(attempt.id):
            for line in told(whence, zone):
                console.print(Text(f"      {line}"))
        for fact in attempt.facts:
            _print_fact(console, fact)
    if history.by_holder:
        console.print("  the account holder")
        for fact in history.by_holder:
            _print_fact(console, fact)


def _print_fact(console: Console, fact: Happening) -> None:
    words = f": {fact.words}" if fact.words else ""
    console.print(Text(f"      {fact.at:%Y-%m-%d %H:%M:%S} UTC  {fact.what} [{fact.source}]{words}"))


def _as_json(account: Account, answers: list[Answer], known_at: datetime | None) -> dict[str, Any]:
    return {
        "account": account.external_id,
        "as_of": known_at.isoformat() if known_at else None,
        "notices": [_answer_as_json(found) for found in answers],
    }


def _answer_as_json(found: Answer) -> dict[str, Any]:
    history, standing = found.history, found.history.standing
    return {
        "notice": history.notice.number,
        "case": found.case.number,
        "case_state": found.case.state,
        "kind": history.notice.kind,
        "issued_at": history.notice.issued_at.isoformat(),
        "content_sha256": bytes(history.notice.content_sha256).hex(),
        "verdict": str(standing.verdict),
        "headline": found.headline,
        "grade": standing.grade,
        "grading_version": VERSION,
        "served_at": standing.served_at.isoformat() if standing.served_at else None,
        "service_rule": history.notice.service_rule,
        "deemed": standing.deemed,
        "weakest_link": standing.weakest_link,
        "deadline_at": found.deadline_at.isoformat() if found.deadline_at else None,
        "follows": found.follows,
        "erased_at": history.erased_at.isoformat() if history.erased_at else None,
        "attempts": [
            {
                "delivery": attempt.number,
                "channel": attempt.channel,
                "address": attempt.address,
                "state": attempt.state,
                "repeats": attempt.repeats or None,
                "reason": attempt.reason or None,
                "queued_at": attempt.queued_at.isoformat(),
                "provenance": _provenance_as_json(found.provenance.get(attempt.id)),
                "facts": [_fact_as_json(fact) for fact in attempt.facts],
            }
            for attempt in history.attempts
        ],
        "by_holder": [_fact_as_json(fact) for fact in history.by_holder],
    }


def _provenance_as_json(whence: Provenance | None) -> dict[str, Any] | None:
    if whence is None:
        return None
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(whence).items()
        if name not in ("began_marked", "sent_marked")
    } | {
        name: [
            {
                "kind": mark.kind,
                "from": mark.begins_at.isoformat(),
                "to": mark.ends_at.isoformat() if mark.ends_at else None,
                "source": mark.source,
            }
            for mark in getattr(whence, name)
        ]
        for name in ("began_marked", "sent_marked")
    }


def _fact_as_json(fact: Happening) -> dict[str, Any]:
    return {
        "at": fact.at.isoformat(),
        "recorded_at": fact.recorded_at.isoformat(),
        "kind": fact.kind,
        "grade": fact.grade,
        "source": fact.source,
        "payload": fact.payload,
    }
