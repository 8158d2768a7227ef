"""The policies file (TOML): policies, their texts by date, ladders of rungs, and templates by language.

`read_policies` gives plain values or, all at once, every mistake with its file, line and field. There is no
database here: what is new and what is known already is decided by who loads the values.
"""

from __future__ import annotations

from cases.policyfile.checking import CHANNELS
from cases.policyfile.grammar import PLACEHOLDERS, placeholders
from cases.policyfile.mistakes import Mistake, PolicyFileError
from cases.policyfile.reader import parse_policies, read_policies
from cases.policyfile.specs import (
    Link,
    PolicyFile,
    PolicySpec,
    PolicyVersionSpec,
    RungSpec,
    TemplateSpec,
    TemplateText,
    Waiting,
)

__all__ = [
    "CHANNELS",
    "PLACEHOLDERS",
    "Link",
    "Mistake",
    "PolicyFile",
    "PolicyFileError",
    "PolicySpec",
    "PolicyVersionSpec",
    "RungSpec",
    "TemplateSpec",
    "TemplateText",
    "Waiting",
    "parse_policies",
    "placeholders",
    "read_policies",
]
