"""The demo's world: a smarthost and the mail servers behind it, played by one process on loopback.

Run it with `python -m demo.world --help`. It does with every message what the recipient's domain stands for
(`demo.world.domains`), answers DSN requests (RFC 3461) into a Maildir, and writes all that it does to a journal, so
that what Due Notice says about a delivery can be held against what really happened (`truth`).
"""

from __future__ import annotations

from demo.world.domains import DOMAINS, Behaviour, Domain, Fate, address_key, domain_of
from demo.world.journal import Truth, truth

__all__ = ["DOMAINS", "Behaviour", "Domain", "Fate", "Truth", "address_key", "domain_of", "truth"]
