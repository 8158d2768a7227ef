"""Rules that PostgreSQL itself holds, as django-pgtrigger triggers that no session can switch off.

django-pgtrigger's own template lets any session skip a trigger through the setting `pgtrigger.ignore`. A rule that
its subject may switch off is not a rule, so these triggers are compiled without that door (and without the
sub-transaction that it costs on every row).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pgtrigger
from django.db import models
from pgtrigger import compiler


class RuleSql(compiler.UpsertTriggerSql):
    """The trigger's SQL. Migrations refer to this class: change the template only by adding a second class."""

    def get_template(self) -> str:
        return """
            CREATE OR REPLACE FUNCTION {pgid}() RETURNS TRIGGER AS $$
                {declare}
                BEGIN
                    {func}
                END;
            $$ LANGUAGE plpgsql;

            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE {constraint} TRIGGER {pgid}
                {when} {operation} ON {table}
                {timing}
                {referencing}
                FOR EACH {level} {condition}
                EXECUTE PROCEDURE {execute};

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """


class Rule(pgtrigger.Trigger):
    """A trigger without the `pgtrigger.ignore` door."""

    def compile(self, model: type[models.Model]) -> compiler.Trigger:  # type: ignore[override]  # upstream annotates the class as an instance
        compiled = super().compile(model)  # type: ignore[arg-type]  # as above
        kwargs: dict[str, Any] = {k: v for k, v in compiled.sql.kwargs.items() if k != "ignore_func_name"}
        return compiler.Trigger(name=compiled.name, sql=RuleSql(**kwargs))


def refusal(sentence: str, *, rule: str, args: str = "") -> str:
    """PL/pgSQL that refuses with `sentence` (as RAISE takes it) under the name `rule`.

    The error is a check violation (23514), so Django raises IntegrityError, and the rule's name travels as the
    constraint's name: callers tell rules apart without reading prose.
    """
    text = sentence.replace("'", "''")
    return f"RAISE EXCEPTION '{text}'{args} USING ERRCODE = '23514', CONSTRAINT = '{rule}';"


@dataclass(frozen=True, slots=True)
class Blanking:
    """The one change that an erasure makes to a row which is otherwise frozen: from full to this form, and never back.

    No session can pretend to be the erasure: what opens the door is a row that says it happened, in a table that
    takes nothing back.

    Attributes:
        form: the SQL expression that each erased column becomes, over NEW.
        fact: SQL condition over NEW: it is on record that this was erased.
    """

    form: Mapping[str, str]
    fact: str

    def allowed(self, same: str) -> str:
        """PL/pgSQL that lets the row pass if it is this change and no other; `same`: what must not change, as SQL."""
        blank = " AND ".join(
            f"NEW.{column} IS NOT DISTINCT FROM {value}" for column, value in self.form.items()
        )
        return f"IF {blank} AND {same} AND {self.fact} THEN RETURN NEW; END IF;"


def erased_notice(notice_id: str) -> str:
    """SQL condition: the evidence says that this notice was erased."""
    return f"EXISTS (SELECT 1 FROM notices_evidence e WHERE e.notice_id = {notice_id} AND e.kind = 'erased')"


def append_only(blanking: Blanking | None = None) -> list[Rule]:
    """Triggers that make a table refuse UPDATE, DELETE and TRUNCATE, but for the UPDATE that is an erasure."""
    rules = [
        Rule(
            name=f"append_only_{verb}",
            when=pgtrigger.Before,
            operation=operation,
            level=level,
            func=refusal(f"% refuses {verb}: its rows are facts", rule="append_only", args=", TG_TABLE_NAME"),
        )
        for verb, operation, level in (
            ("update", pgtrigger.Update, pgtrigger.Row),
            ("delete", pgtrigger.Delete, pgtrigger.Row),
            ("truncate", pgtrigger.Truncate, pgtrigger.Statement),
        )
    ]
    if blanking:
        columns = ", ".join(f"'{column}'" for column in blanking.form)
        same = f"to_jsonb(NEW) - ARRAY[{columns}] = to_jsonb(OLD) - ARRAY[{columns}]"
        rules[0].func = f"{blanking.allowed(same)} {rules[0].func}"
    return rules


def frozen(*columns: str, blanking: Blanking | None = None) -> list[Rule]:
    """Triggers that freeze `columns` once written, and refuse DELETE and TRUNCATE; other columns may change.

    The UPDATE that is an erasure may pass. The other columns that it empties need not be in `columns`.
    """
    func = refusal("% is frozen once written", rule="frozen", args=", TG_TABLE_NAME")
    if blanking:
        same = " AND ".join(
            f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}"
            for column in columns
            if column not in blanking.form
        )
        func = f"{blanking.allowed(same or 'true')} {func}"
    return [
        Rule(
            name="frozen_update",
            when=pgtrigger.Before,
            operation=pgtrigger.UpdateOf(*columns),
            func=func,
        ),
        *append_only()[1:],
    ]
