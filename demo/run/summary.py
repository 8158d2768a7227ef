"""What the demo prints at the end: the figures, and three verdicts that differ."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.db import connection
from rich.table import Table

from cases.actions.intake import ImportReport
from cases.actions.waves import WaveReport
from cases.models import Case
from notices.kinds import Verdict
from notices.models import Notice


def print_summary(
    console: Any, imported: ImportReport, wave: WaveReport, *, seconds: float, sent_seconds: float
) -> None:
    c = imported.counts
    notices = Notice.objects.count()
    facts = Table("", "", title="What happened", title_justify="left", show_header=False)
    for what, count in (
        ("rows read", c["rows"]),
        ("rows rejected, kept with their reasons", c["rejected"]),
        ("flags", c["flags_new"]),
        ("flags that were known already", c["flags_known"]),
        ("accounts", c["accounts_new"]),
        ("cases", Case.objects.count()),
        ("notices", notices),
        ("not warned", sum(wave.refused.values())),
    ):
        facts.add_row(what, f"{count:,}")
    facts.add_row("elapsed, with every report read", f"{seconds:.1f} s")
    facts.add_row("notices a second, issued to first tried", f"{notices / sent_seconds:,.0f}")
    console.print(facts)
    console.print(_verdicts())


def _verdicts() -> Table:
    """Notices by verdict and by the fact that decides it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT n.verdict, coalesce(
                CASE n.grade WHEN 6 THEN 'acknowledged' WHEN 5 THEN 'shown' END,
                CASE WHEN NOT EXISTS (SELECT 1 FROM notices_delivery d WHERE d.notice_id = n.id AND d.channel = 'email')
                     THEN 'no e-mail address' END,
                (SELECT e.kind FROM notices_evidence e JOIN notices_delivery d ON d.id = e.delivery_id
                 WHERE e.notice_id = n.id AND d.channel = 'email'
                 ORDER BY e.kind = 'bounced' DESC, e.kind IN ('delivered', 'relayed') DESC, e.id DESC LIMIT 1),
                'nothing') AS why, count(*), count(n.served_at)
            FROM notices_notice n GROUP BY 1, 2
            """
        )
        rows = cursor.fetchall()
    order = list(Verdict.values)
    table = Table(
        "verdict",
        "deciding fact",
        "notices",
        "served",
        title="By verdict and by reason",
        title_justify="left",
    )
    for verdict, why, count, served in sorted(rows, key=lambda row: (order.index(row[0]), -row[2])):
        table.add_row(Verdict(verdict).label, why.replace("_", " "), f"{count:,}", f"{served:,}")
    return table


def print_three(console: Any) -> None:
    """Three verdicts in full: proven, not proven, disproven."""
    for verdict in (Verdict.PROVEN, Verdict.NOT_PROVEN, Verdict.DISPROVEN):
        notice = Notice.objects.filter(verdict=verdict).order_by("-grade", "pk").first()
        if notice is not None:
            console.rule(f"manage.py verdict {notice.number}", align="left")
            call_command("verdict", notice.number)
