"""One server process of the stack: found again, started, watched until it answers, stopped.

What differs between PostgreSQL and Valkey is in their own modules. A server is known by its program, its user and the
stack's name in its command line, never by its process id alone: ids are given again, most of all after a container
restarts.
"""

import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import psutil

from kernel.embedded.errors import EmbeddedStackError
from kernel.embedded.place import Place

_READY_WAIT_S = 60.0
_CONNECT_WAIT_S = 0.5
# How long each of a server's stop signals has before the next one is sent.
_STOP_WAITS_S = (30.0, 10.0, 5.0)
_POLL_S = 0.02


class Server(ABC):
    """A server that keeps its files in one directory and listens on one socket."""

    title: ClassVar[str]
    program: ClassVar[str]
    stop_signals: ClassVar[tuple[signal.Signals, signal.Signals, signal.Signals]]

    def __init__(self, place: Place, *, directory: Path, socket_path: Path, log: Path) -> None:
        self.place = place
        self.directory = directory
        self.socket_path = socket_path
        self.log = log
        self._process: psutil.Process | None = None
        self._log_start = 0

    @abstractmethod
    def recorded_pid(self) -> int | None:
        """Return the process id that the server wrote down, which may be out of date."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that starts it."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether it answers."""

    @abstractmethod
    def clear_remains(self) -> None:
        """Remove what a killed server left behind and its successor would stumble over."""

    def is_stopping(self) -> bool:
        """Return whether it says that it is shutting down."""
        return False

    def process(self) -> psutil.Process | None:
        """Return the running server, if there is one."""
        pid = self.recorded_pid()
        with suppress(psutil.Error):
            process = psutil.Process(pid) if pid else None
            if process is not None and self._is_ours(process):
                return process
        return None

    def ensure_launched(self, *, alone: bool) -> None:
        """Adopt the running server, or start one; `alone` says that nobody else uses the stack."""
        self._process = self.process()
        if self._process is not None and (self.is_stopping() or not self._accepts_connections(self._process)):
            if not alone:
                raise EmbeddedStackError(
                    f"{self.title} (process {self._process.pid}) serves another process but cannot be reached at "
                    f"{self.socket_path}: stop that process, then try again."
                )
            stop([self])
            self._process = None
        if self._process is None:
            self._end_remaining_processes()
            self.clear_remains()
            self._process = self._spawn()

    def wait_until_ready(self) -> None:
        """Wait until it answers; raise if it ends or takes too long."""
        deadline = time.monotonic() + _READY_WAIT_S
        while not self.is_ready():
            if self._process is None or not is_alive(self._process):
                raise EmbeddedStackError(f"{self.title} did not start{self._last_words()}: look into {self.log}.")
            if time.monotonic() > deadline:
                raise EmbeddedStackError(
                    f"{self.title} did not answer within {_READY_WAIT_S:.0f} s: look into {self.log}, then try again."
                )
            time.sleep(_POLL_S)

    def run(self, command: Sequence[str], *, cwd: Path, failure: str) -> None:
        """Run a program to its end as the servers' user; what it prints goes to the log."""
        with self._opened_log() as log:
            result = subprocess.run(command, stdout=log, stderr=log, check=False, **self._options(cwd))
        if result.returncode != 0:
            raise EmbeddedStackError(f"{failure}{self._last_words()}: look into {self.log}.")

    def _spawn(self) -> psutil.Process:
        with self._opened_log() as log:
            process = subprocess.Popen(self.command(), stdout=log, stderr=log, **self._options(self.directory))
        # It may outlive us, which Popen would complain about.
        process.returncode = 0
        return psutil.Process(process.pid)

    def _options(self, cwd: Path) -> dict[str, Any]:
        account = self.place.account
        another = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.is_another else {}
        return {
            **another,
            "cwd": cwd,
            "stdin": subprocess.DEVNULL,
            "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            "umask": 0o077,
            # A session of its own: the Ctrl-C that a terminal sends to our whole group is not for the servers.
            "start_new_session": True,
        }

    @contextmanager
    def _opened_log(self) -> Iterator[BinaryIO]:
        with open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "ab") as log:
            self._log_start = log.seek(0, os.SEEK_END)
            yield log

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return (
                process.name() == self.program
                and is_alive(process)
                and process.uids().real == self.place.account.uid
                # Not its working directory: inside a container root may not see that of another user's process.
                and self.place.name in " ".join(process.cmdline())
            )
        except psutil.Error:
            return False

    def _accepts_connections(self, process: psutil.Process) -> bool:
        return poll(lambda: self._connects() or not is_alive(process), _CONNECT_WAIT_S) and is_alive(process)

    def _connects(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_CONNECT_WAIT_S)
            return connection.connect_ex(os.fspath(self.socket_path)) == 0

    def _end_remaining_processes(self) -> None:
        # Such as the backends of a killed postmaster, which go on to the end of their statement.
        def none_is_left() -> bool:
            remaining = [process for process in psutil.process_iter() if self._is_ours(process)]
            for process in remaining:
                _send(process, signal.SIGKILL)
            return not remaining

        if not poll(none_is_left, _STOP_WAITS_S[-1]):
            raise EmbeddedStackError(
                f"Processes of an earlier {self.title} still use {self.directory}: end them, then try again."
            )

    def _last_words(self) -> str:
        text = self.log.read_bytes()[self._log_start :].decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        reasons = [line for line in lines if "FATAL" in line or "error:" in line]
        return "".join(f" ({line})" for line in (reasons or lines)[-1:])


def stop(servers: Sequence[Server]) -> None:
    """Stop the servers side by side, and return when none of them runs."""
    running = [(server, process) for server in servers if (process := server.process()) is not None]
    for step, wait_s in enumerate(_STOP_WAITS_S):
        for server, process in running:
            _send(process, server.stop_signals[step])
        if poll(lambda: not any(is_alive(process) for _, process in running), wait_s):
            return
    raise EmbeddedStackError(
        f"{' and '.join(server.title for server, _ in running)} did not stop: end their processes "
        f"({', '.join(str(process.pid) for _, process in running)})."
    )


def poll(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until the condition holds; return whether it did in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def is_alive(process: psutil.Process) -> bool:
    """Return whether the process runs; one that has ended but was not waited for does not."""
    with suppress(psutil.NoSuchProcess):
        if process.status() == psutil.STATUS_ZOMBIE:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
            return False
        return process.is_running()
    return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
