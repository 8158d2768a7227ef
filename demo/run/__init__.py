"""The demo itself, once its database and environment are set: from a file of flags to verdicts."""

from __future__ import annotations

import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable


def run(accounts: int, *, var: Path, host: str, port: int, once: bool) -> int:
    """Run the demo; returns the exit status: 0 if everything came out as the demo's world knows it."""
    import os

    from rich.console import Console

    from config.processes import all_processes
    from config.supervisor import Process, Supervisor

    console = Console(highlight=False, soft_wrap=True)
    console.print(
        "[bold]Due Notice[/bold]: 10,000 flagged accounts, warned, with proof.\n"
        if accounts == 10_000
        else ""
    )
    world = Process(
        "world",
        [
            *(
                PYTHON,
                "-m",
                "demo.world",
                "--port-file",
                str(var / "smtp-port"),
                "--maildir",
                str(var / "maildir"),
            ),
            *("--journal", str(var / "journal.jsonl"), "--web-url", os.environ["BASE_URL"]),
        ],
    )
    with Supervisor([world], write=lambda name, line: console.print(f"{name}: {line}"), log_dir=var / "log"):
        smtp_port = _wait_for_file(var / "smtp-port")
        os.environ["EMAIL_URL"] = f"smtp://127.0.0.1:{smtp_port}?role=relay&tls=no"
        django.setup()
        from django.core.management import call_command
        from django.db import connections

        with console.status("Setting up the database"):
            call_command("migrate", interactive=False, verbosity=0)
            staff = _set_up()
        connections.close_all()
        mailbox = Process(
            "mailbox", [PYTHON, "manage.py", "receive_mail", "--maildir", str(var / "maildir"), "--watch"]
        )
        inside = Supervisor(
            [*all_processes(2, host, port), mailbox],
            write=lambda name, line: console.print(f"{name}: {line}"),
            log_dir=var / "log",
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: _leave(inside))
        with inside:
            right = _story(accounts, var, console)
            if once:
                return 0 if right else 1
            _serve(console, staff, os.environ["BASE_URL"], inside)
    return 0 if right else 1


class _Left(SystemExit):
    """Ctrl-C: leave through the context managers, which stop what they started."""


def _leave(supervisor: Any) -> None:
    supervisor.ask_to_stop()
    raise _Left(130)


def _wait_for_file(path: Path) -> int:
    end = time.monotonic() + 30
    while not path.exists():
        if time.monotonic() > end:
            raise SystemExit(f"The demo's mail servers did not start; see {path.parent / 'log'}.")
        time.sleep(0.05)
    return int(path.read_text())


def _set_up() -> dict[str, str]:
    """Load the policies and make one member of staff per role; returns their passwords by name."""
    import secrets

    from django.contrib.auth.models import Group, Permission

    from cases.actions.policies import load_policies
    from cases.models import User

    load_policies(ROOT / "demo" / "policies.toml")
    look = Permission.objects.filter(
        codename__startswith="view_", content_type__app_label__in=["cases", "notices"]
    )
    work = Permission.objects.filter(
        codename__in=[
            "change_case",
            "close_streamgap",
            "lift_suppression",
            "print_letters",
            "settle_providerevent",
            "settle_webhookrequest",
            "work_off_inboundmessage",
        ]
    )
    passwords = {}
    for name, rights in (("moderator", [*look, *work]), ("support", [*look]), ("administrator", [])):
        group = Group.objects.create(name=name)
        group.permissions.set(rights)
        passwords[name] = secrets.token_urlsafe(9)
        user = User.objects.create_user(name, password=passwords[name], is_staff=True)
        user.is_superuser = name == "administrator"
        user.save(update_fields=["is_superuser"])
        user.groups.add(group)
    return passwords


def _story(accounts: int, var: Path, console: Any) -> bool:
    """Flags, cases, warnings, answers, verdicts. Returns whether all came out right."""
    from cases.actions.intake import import_flags
    from cases.actions.intake.importing import known_policies
    from cases.actions.waves import untouched, warn_wave
    from cases.actors import system
    from cases.progress import progress
    from cases.reading import read_flags
    from demo.people import write_flags
    from demo.run.checking import check
    from demo.run.holders import read_their_notices
    from demo.run.proving import prove
    from demo.run.summary import print_summary, print_three
    from demo.run.watching import watch_until_settled

    flags = var / "flags.csv"
    with console.status("Writing the flags file"):
        expected = write_flags(flags, accounts=accounts)
    started = time.monotonic()
    with progress() as bars:
        bar = bars.add_task("flags read into cases", total=expected.rows, note="")
        imported = import_flags(
            read_flags(flags, source="partner-feed", policies=known_policies().keys(), now=datetime.now(UTC)),
            actor=system("demo"),
            at=datetime.now(UTC),
            file_name=flags.name,
            source="partner-feed",
            on_progress=lambda c: bars.update(bar, completed=c["rows"], note=f"{c['rejected']} rejected"),
        )
        assert imported.wave_id is not None
        sending = time.monotonic()
        bar = bars.add_task("accounts warned", total=untouched(imported.wave_id), note="")
        wave = warn_wave(
            imported.wave_id, actor=system("demo"), on_progress=lambda looked_at: bars.advance(bar, looked_at)
        )
        sent_seconds = watch_until_settled(
            bars, since=sending, journal=var / "journal.jsonl", maildir=var / "maildir"
        )
        read_their_notices(bars)
    seconds = time.monotonic() - started
    troubles = check(var / "journal.jsonl", expected, imported, wave)
    print_summary(console, imported, wave, seconds=seconds, sent_seconds=sent_seconds)
    print_three(console)
    with progress() as bars:
        troubles += prove(bars, console, var)
    for trouble in troubles[:20]:
        console.print(f"[bold red]Not right:[/bold red] {trouble}")
    if not troubles:
        console.print(
            "\nEvery case, message and verdict is as the demo's mail servers have it in their own journal."
        )
    return not troubles


def _serve(console: Any, staff: dict[str, str], url: str, supervisor: Any) -> None:
    from demo.run.holders import a_link, an_account

    console.print(f"\nThe site is at [bold]{url}[/bold]. Ctrl-C ends the demo.")
    for name, password in staff.items():
        console.print(f"  {name:<14} sign in at {url}/admin/ as {name} with the password {password}")
    console.print(f"  account holder open {a_link()}")
    console.print(
        "\nIn another terminal, ask about any account:\n"
        f"  make ask WHO={an_account()}\n"
        "or about an e-mail address, a case (C-12) or a notice (N-12)."
    )
    supervisor.wait_for_stop()
