"""PDF from a typst template of ours and data. User text travels as JSON: it is never read as markup."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst
from django.conf import settings

# Packages that carry fonts for scripts which typst's own fonts lack, each with a folder `files`.
_FONT_PACKAGES = ("fontpkg_amiri",)


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    """typst's own fonts, those of the packages, and the system's for whatever script is left. About 0.2 s, once."""
    folders: list[Any] = []
    for name in _FONT_PACKAGES:
        found = importlib.util.find_spec(name)
        if found and found.origin:
            folders.append(Path(found.origin).parent / "files")
    return typst.Fonts(include_system_fonts=True, font_paths=folders)


@lru_cache(maxsize=8)
def _compiler(template: str) -> typst.Compiler:
    path = settings.BASE_DIR / "templates" / template
    return typst.Compiler(input=path, root=path.parent, font_paths=_fonts(), sys_inputs={"data": "{}"})


def pdf(template: str, data: Mapping[str, Any], *, at: datetime, archival: bool = False) -> bytes:
    """Set a template of `templates/` with `data` as A4 PDF. The same input gives the same bytes on one machine.

    Args:
        at: the document's creation time.
        archival: as PDF/A-2a where it can be: that forbids letters for which there is no font. Else plain PDF.
    """
    given = {"data": json.dumps(data)}
    second = int(at.timestamp())  # the format knows no finer time
    compiler = _compiler(template)
    try:
        made = compiler.compile(
            sys_inputs=given, format="pdf", timestamp=second, pdf_standards=["a-2a"] if archival else []
        )
    except typst.TypstError:
        if not archival:
            raise
        made = compiler.compile(sys_inputs=given, format="pdf", timestamp=second)
    assert isinstance(made, bytes)
    return made
