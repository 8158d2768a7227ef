"""The language of templates: `{{ name }}`, and nothing else.

Between the braces stand one name and spaces. There is no logic, no filter and no attribute, and no way to
write a literal `{{`, `}}` or `{%`: wherever one stands, it is taken for a mistake.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

PLACEHOLDERS = frozenset(
    {
        "account_name",
        "case_number",
        "facts",
        "issued_on",
        "link",
        "platform",
        "policy_text",
        "policy_title",
        "reference",
        "window_days",
    }
)
NOT_IN_SUBJECT = frozenset({"policy_text", "facts"})

_TOKEN = re.compile(r"\{\{(?P<inner>.*?)\}\}|\{%.*?%\}|\{%|\{\{|\}\}")
_NAME = re.compile(r" *([a-z][a-z0-9_]*) *")


def scan(text: str) -> tuple[set[str], list[str]]:
    """The names of the placeholders in `text`, known or not, and a clause for each breach of the grammar."""
    names: set[str] = set()
    mistakes: list[str] = []
    for token in _TOKEN.finditer(text):
        found = token[0] if len(token[0]) <= 60 else token[0][:57] + "..."
        inner = token["inner"]
        if inner is None:
            mistakes.append(
                {
                    "{{": "has {{ without }} on the same line",
                    "}}": "has }} without {{ before it on the same line",
                }.get(token[0], f"has {found}: templates have no logic, only {{{{ name }}}}")
            )
        elif match := _NAME.fullmatch(inner):
            names.add(match[1])
        elif "|" in inner:
            mistakes.append(f"has {found}: placeholders take no filters; write {{{{ name }}}}")
        elif "." in inner:
            mistakes.append(f"has {found}: placeholders have no attributes; write {{{{ name }}}}")
        else:
            mistakes.append(
                f"has {found}: a placeholder is {{{{ name }}}}, one name in small letters and spaces"
            )
    return names, mistakes


def placeholders(text: str) -> set[str]:
    """The names of the placeholders in `text`, known or not.

    Raises:
        ValueError: `text` breaks the grammar; the message has every breach.
    """
    names, mistakes = scan(text)
    if mistakes:
        raise ValueError("The text " + "; it ".join(mistakes) + ".")
    return names


def unknown(name: str) -> str:
    """The mistake of a placeholder that nothing fills."""
    near = get_close_matches(name, PLACEHOLDERS, 1)
    hint = f"did you mean {{{{ {near[0]} }}}}?" if near else "there are " + ", ".join(sorted(PLACEHOLDERS))
    return f"has {{{{ {name} }}}}, which nothing fills; {hint}"
