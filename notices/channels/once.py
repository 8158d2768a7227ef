"""HTTP for requests that must not be made twice: no retries, and a record of whether a request began to leave."""

from __future__ import annotations

from typing import Any

from requests import Session
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.retry import Retry


class Progress:
    """How far the request at hand has got. While `begun` is false, no byte of it has left this machine."""

    def __init__(self) -> None:
        self.begun = False


def watch(session: Session) -> Progress:
    """Make `session` send every request at most once, and note when it begins."""
    progress = Progress()
    # A redirect with 307 or 308 has the whole request made again, by a server that may have acted on the first.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]  # the answer itself comes back
    adapter = _OnceAdapter(progress)
    session.adapters.clear()  # whatever retries were configured there
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return progress


class _OnceAdapter(HTTPAdapter):
    def __init__(self, progress: Progress) -> None:
        self._pools = _pools(progress)
        super().__init__(max_retries=Retry(0, read=False))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(progress: Progress) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools whose connections tell `progress`.

    The classes of exceptions cannot: requests has one ConnectionError for a host that was never reached and
    for a connection that broke after the whole message was handed over.
    """

    class Watched:
        _connecting = False

        def connect(self) -> None:
            # A proxy's CONNECT and the TLS handshake are written in here, and are not yet the request.
            self._connecting = True
            try:
                super().connect()  # type: ignore[misc]  # of the connection classes below
            finally:
                self._connecting = False

        def send(self, data: Any) -> None:
            if self.sock is None:  # type: ignore[attr-defined]
                self.connect()
            if not self._connecting:
                progress.begun = True
            super().send(data)  # type: ignore[misc]

    class Plain(Watched, HTTPConnection):
        pass

    class Secure(Watched, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
