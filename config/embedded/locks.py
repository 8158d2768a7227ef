from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Lock:
    """An advisory lock on a file (flock), which the kernel gives up with the last process that holds it open.

    A process that is killed therefore leaves nothing to be cleared away. The lock belongs to the open file: children
    that inherit `fd` share it.
    """

    def __init__(self, path: Path, fd: int | None = None) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) if fd is None else fd

    def share(self) -> None:
        """Wait until nobody holds the file exclusively, then hold it together with others."""
        fcntl.flock(self.fd, fcntl.LOCK_SH)

    def take(self) -> None:
        """Wait until nobody else holds the file, then hold it alone."""
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def try_share(self) -> bool:
        return self._try(fcntl.LOCK_SH)

    def try_take(self) -> bool:
        return self._try(fcntl.LOCK_EX)

    def is_gone(self) -> bool:
        """Whether the file was removed, or replaced by another: then nobody who comes now can find this lock."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return True
        mine = os.fstat(self.fd)
        return (found.st_dev, found.st_ino) != (mine.st_dev, mine.st_ino)

    def release(self) -> None:
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file. If a child inherited it, the child goes on holding what was held."""
        os.close(self.fd)

    def _try(self, how: int) -> bool:
        try:
            fcntl.flock(self.fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
