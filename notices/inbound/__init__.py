"""Mail that comes to us: reports, complaints, replies. One code path behind every door (pipe, LMTP, IMAP, provider)."""

from __future__ import annotations

from notices.inbound.receiving import Inbound, receive, rematch

__all__ = ["Inbound", "receive", "rematch"]
