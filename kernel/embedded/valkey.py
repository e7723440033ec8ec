"""Valkey: its command line, and how to tell that it answers. It listens on a socket only, for its own user and root."""

import os
import signal
import socket
from contextlib import suppress
from typing import ClassVar

from kernel.embedded.account import private_directory
from kernel.embedded.place import Place
from kernel.embedded.programs import Programs
from kernel.embedded.server import Server


class Valkey(Server):
    """The stack's Valkey."""

    title: ClassVar[str] = "Valkey"
    program: ClassVar[str] = "valkey-server"
    stop_signals = (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL)

    def __init__(self, place: Place, programs: Programs) -> None:
        super().__init__(
            place,
            directory=place.state_dir / "valkey",
            socket_path=place.socket_dir / "valkey.sock",
            log=place.data_dir / "valkey.log",
        )
        self._pid_file = self.directory / "valkey.pid"
        self._programs = programs

    def ensure_directory(self) -> None:
        """Make its directory if there is none."""
        private_directory(self.directory, self.place.account)

    def recorded_pid(self) -> int | None:
        """Return the process id in its pid file."""
        with suppress(FileNotFoundError, ValueError):
            return int(self._pid_file.read_text())
        return None

    def command(self) -> list[str]:
        """Return the command that starts it, in its directory."""
        options = {
            "port": "0",
            "unixsocket": os.fspath(self.socket_path),
            "unixsocketperm": "700",
            "pidfile": self._pid_file.name,
            "dir": ".",
            "save": "",
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return [
            os.fspath(self._programs.valkey_server),
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]

    def is_ready(self) -> bool:
        """Return whether it answers a PING, which it does not while it reads its files."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(os.fspath(self.socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG") and self.recorded_pid() is not None
        return False

    def clear_remains(self) -> None:
        """Remove the pid file; Valkey replaces its socket itself."""
        self._pid_file.unlink(missing_ok=True)
