"""Made-up people and the flags about them: many languages and zones, and the mess that real files have.

`write_flags` writes a file, the same bytes for the same arguments; `iter_flags` gives rows without one.
"""

from __future__ import annotations

from demo.people.columns import COLUMNS
from demo.people.expected import Expected
from demo.people.files import iter_flags, write_flags
from demo.world.domains import DOMAINS

__all__ = ["COLUMNS", "DOMAINS", "Expected", "iter_flags", "write_flags"]
