"""The real bounces of ../shared/data, where PUBLIC_VECTORS names that folder (see .ci/run)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from notices.inbound.reading import Known, read

VECTORS = Path(os.environ.get("PUBLIC_VECTORS") or "nowhere") / "bounces/tests/fixtures/messages/bounce"
MEANT = {
    "broken-mime.eml": "bounced info@example.net",
    "delayed-broken.eml": "bounced demo@example.com",
    "delayed.eml": "bounced foo@example.com",
    "gmail-invalid-address.eml": "bounced awfawfawfawfawfaw@someserverhere.com",
    "gmail-no-dns.eml": "bounced user@example.comm",
    "mailbox-full.eml": "bounced user@aol.com",
    "no-mx.eml": "delayed user@example.com",
    "office365.eml": "bounced noname@example.com",
    "zed.eml": "bounced asdfasdfasdfasdfasdfasdfewrqertrtyrthsfgdfgadfqeadvxzvz@gmail.com",
}
FILES = sorted(VECTORS.glob("*.eml"))

if FILES:

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
    def test_a_real_bounce_and_what_is_left_of_it_in_pieces(file: Path) -> None:
        raw = file.read_bytes()
        kind, address = MEANT[file.name].split()
        found = read(raw, ours=Known([address])).findings
        assert [(f.kind, f.recipient, f.mailed) for f in found] == [(kind, address, True)]
        for end in range(0, len(raw), max(1, len(raw) // 50)):
            part = read(raw[:end], ours=Known([address])).findings
            assert {f.kind for f in part if f.mailed} <= {kind, "bounced"}
        assert not any(f.mailed for f in read(raw, ours=Known()).findings)
