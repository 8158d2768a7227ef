from __future__ import annotations

from config.embedded.postgres import Postgres
from config.embedded.server import Server
from config.embedded.valkey import Valkey

SERVERS: dict[str, type[Server]] = {server.name: server for server in (Postgres, Valkey)}
