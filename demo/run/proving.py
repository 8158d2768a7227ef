"""The ledger after the story: sealed, verified, and one notice proven to a stranger."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.progress import Progress

from notices import ledger
from notices.kinds import Verdict
from notices.ledger.verifying import verify
from notices.models import Notice, SealQueue
from notices.proof import verify as verify_program
from notices.proof.building import build


def prove(bars: Progress, console: Any, var: Path) -> list[str]:
    """Seal, verify, export one proof bundle and check it as a stranger would. Returns what is wrong, as sentences."""
    started = time.monotonic()
    ledger.seal(now=datetime.now(UTC))
    while SealQueue.objects.exists():  # the sealer of the clock may be at work just now
        time.sleep(0.2)
        ledger.seal(now=datetime.now(UTC))
    tasks: dict[str, Any] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(f"ledger: {what}", note="")
        bars.update(tasks[what], completed=done, total=total)

    report = verify(on_progress=show)
    seconds = time.monotonic() - started
    troubles = [finding.sentence for finding in report.findings]
    console.print(
        f"\nLedger: {report.leaves:,} facts sealed under a signed checkpoint; all looked at again with "
        f"{report.notices:,} notices in {seconds:.1f} s, {len(report.findings)} findings."
    )
    notice = Notice.objects.filter(verdict=Verdict.PROVEN).order_by("-grade", "pk").first()
    return troubles + (_bundle(notice, console, var) if notice else ["no notice came out proven"])


def _bundle(notice: Notice, console: Any, var: Path) -> list[str]:
    path, program = var / f"proof-{notice.number}.zip", var / "verify.py"
    path.write_bytes(build(notice.pk, now=datetime.now(UTC)))
    program.write_bytes(Path(verify_program.__file__).read_bytes())
    key = ledger.verifier_keys()[0]
    # Isolated: no Django, no project, no network; what a court's expert would type.
    done = subprocess.run(
        [sys.executable, "-I", str(program), str(path), "--key", key],
        capture_output=True,
        text=True,
        check=False,
    )
    console.rule(f"python verify.py {path.name} --key {key}", align="left")
    console.print(done.stdout.strip(), markup=False, highlight=False)
    return (
        []
        if done.returncode == 0
        else [f"the proof of {notice.number} was rejected: {done.stderr or done.stdout}"]
    )
