"""Intake: flags become cases. A file is read row by row, merged in batches, and its run kept as a Wave."""

from cases.actions.intake.importing import ImportReport, import_flags

__all__ = ["ImportReport", "import_flags"]
