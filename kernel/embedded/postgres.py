"""PostgreSQL: its cluster, its settings, and how to tell that it answers.

It listens on a socket only, and asks everybody for a password (SCRAM). The database and the roles inside are made in
`bootstrap`.
"""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from kernel.embedded.account import private_directory
from kernel.embedded.errors import EmbeddedStackError
from kernel.embedded.place import Place, write_private
from kernel.embedded.programs import Programs
from kernel.embedded.server import Server

PORT = 5432

# For a small machine that does other things too. Durability is not for sale: fsync stays on.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class Postgres(Server):
    """The stack's PostgreSQL."""

    title: ClassVar[str] = "PostgreSQL"
    program: ClassVar[str] = "postgres"
    # Fast shutdown, then immediate shutdown, whose price is a recovery at the next start.
    stop_signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)

    def __init__(self, place: Place, programs: Programs) -> None:
        super().__init__(
            place,
            directory=place.cluster,
            socket_path=place.socket_dir / f".s.PGSQL.{PORT}",
            log=place.data_dir / "postgres.log",
        )
        self._pid_file = self.directory / "postmaster.pid"
        self._programs = programs

    def check_version(self) -> None:
        """Raise if the cluster was made by another major version, whose files this one cannot read."""
        version_file = self.directory / "PG_VERSION"
        if not self.directory.exists():
            return
        found = version_file.read_text().strip() if version_file.exists() else "an unknown version"
        if found != self._programs.postgres_major:
            raise EmbeddedStackError(
                f"{self.directory} was made by PostgreSQL {found} and this is PostgreSQL "
                f"{self._programs.postgres_major}: choose another data directory with --data-dir, or dump the database "
                "with the older version and load it here."
            )

    def ensure_cluster(self, password: str, on_progress: Callable[[str], None]) -> None:
        """Make the cluster if there is none; it gets its name when it is complete."""
        if self.directory.exists():
            return
        on_progress("Creating the database cluster")
        for remains in self.place.state_dir.glob("postgres-*.partial"):
            shutil.rmtree(remains, ignore_errors=True)
        # A new name each time: an initdb whose parent was killed may still be at work in its own.
        partial = Path(tempfile.mkdtemp(prefix="postgres-", suffix=".partial", dir=self.place.state_dir))
        private_directory(partial, self.place.account)
        password_file = self.place.socket_dir / "password"
        write_private(password_file, password.encode())
        try:
            if self.place.account.is_another:
                os.chown(password_file, self.place.account.uid, self.place.account.gid)
            self.run(
                [
                    os.fspath(self._programs.postgres_bin / "initdb"),
                    f"--pgdata={partial}",
                    f"--pwfile={password_file}",
                    "--username=postgres",
                    "--auth-local=scram-sha-256",
                    "--auth-host=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                    # Tells letters from other characters where full-text search splits words.
                    f"--lc-ctype={'en_US.UTF-8' if sys.platform == 'darwin' else 'C.UTF-8'}",
                ],
                cwd=partial,
                failure=f"The database cluster in {self.directory} could not be created",
            )
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        finally:
            password_file.unlink()
        partial.rename(self.directory)

    def recorded_pid(self) -> int | None:
        """Return the process id in the first line of `postmaster.pid`."""
        lines = self._pid_file_lines()
        return int(lines[0]) if lines and lines[0].isdigit() else None

    def command(self) -> list[str]:
        """Return the command that starts it."""
        settings = {
            **_SETTINGS,
            "unix_socket_directories": os.fspath(self.place.socket_dir),
            # Every one of its processes shows it.
            "cluster_name": self.place.name,
        }
        return [
            os.fspath(self._programs.postgres_bin / "postgres"),
            "-D",
            os.fspath(self.directory),
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
        ]

    def is_ready(self) -> bool:
        """Return whether `postmaster.pid` says that the running server is ready."""
        return self._status() == "ready" and self.process() is not None

    def is_stopping(self) -> bool:
        """Return whether it is shutting down, after somebody else's signal."""
        return self._status() == "stopping"

    def clear_remains(self) -> None:
        """Remove the sockets, and make `postmaster.pid` of a killed server harmless.

        The process id in it may belong to somebody else by now, or to a zombie, and PostgreSQL would refuse to start.
        Its parent's id, ours, it disregards; and unlike a missing file, one with our id still lets it check that no
        other process holds the old one's shared memory.
        """
        for remains in self.place.socket_dir.glob(".s.PGSQL.*"):
            remains.unlink()
        lines = self._pid_file_lines()
        if lines:
            with open(os.open(self._pid_file, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "w") as file:
                file.write("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        else:
            self._pid_file.unlink(missing_ok=True)

    def _status(self) -> str:
        return "".join(self._pid_file_lines()[7:8]).strip()

    def _pid_file_lines(self) -> list[str]:
        with suppress(FileNotFoundError):
            return self._pid_file.read_text().splitlines()
        return []
