"""A security scanner on the recipient's side: fetches every link of a message before any person has seen it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.policy import default
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from demo.world.journal import Journal

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Scanner:
    """GETs links that begin with `web_url`, and no others: the world never leaves this machine.

    Raises:
        ValueError: `web_url` is not an address on loopback.
    """

    def __init__(self, web_url: str, journal: Journal) -> None:
        if urlsplit(web_url).scheme not in ("http", "https") or urlsplit(web_url).hostname not in LOOPBACK:
            raise ValueError(
                f"{web_url!r} is not on loopback; give the demo's own site, like http://127.0.0.1:8000"
            )
        self._links = re.compile(re.escape(web_url.rstrip("/")) + r"(?:/[^\s<>\"']*[\w/=-])?")
        self._journal = journal
        self._open = build_opener(ProxyHandler({})).open
        self._pool = ThreadPoolExecutor(max_workers=1)

    def scan(self, content: bytes, key: str) -> None:
        """Fetch the links of a message, in the background; each is written to the journal."""
        message = message_from_bytes(content, policy=default)
        texts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
        for url in sorted({url for text in texts for url in self._links.findall(text)}):
            self._pool.submit(self._get, url, key)

    def _get(self, url: str, key: str) -> None:
        try:
            with self._open(url, timeout=5) as answer:
                status = answer.status
        except (URLError, OSError) as error:
            status = getattr(error, "code", 0)
        self._journal.write("scan", key=key, url=url, status=status)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
