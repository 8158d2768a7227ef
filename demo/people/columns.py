"""Columns of a flags file, and their places in a row."""

from __future__ import annotations

COLUMNS = (
    "reference",
    "external_id",
    "display_name",
    "email",
    "email2",
    "language",
    "timezone",
    "policy",
    "reported_at",
    "reason",
    "evidence",
    "source",
)
(
    REFERENCE,
    EXTERNAL_ID,
    DISPLAY_NAME,
    EMAIL,
    EMAIL2,
    LANGUAGE,
    TIMEZONE,
    POLICY,
    REPORTED_AT,
    REASON,
    EVIDENCE,
    SOURCE,
) = range(len(COLUMNS))

Row = list[str]  # cells in the order of COLUMNS; a spoilt row may have more or fewer
