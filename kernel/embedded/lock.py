"""Who may start and stop the servers, and who still uses them: two files locked with flock.

A lock goes with its process (`kernel.file_locks`). A server that held one would count as a user for ever.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel.embedded.errors import EmbeddedStackError
from kernel.embedded.place import claim_data_dir
from kernel.file_locks import is_still_at, open_lock, share_lock, try_lock

_START_LOCK_WAIT_S = 120.0


@contextmanager
def start_lock(data_dir: Path) -> Iterator[None]:
    """Be the only process that starts or stops this data directory's servers. The directory is made if need be."""
    deadline = time.monotonic() + _START_LOCK_WAIT_S
    path = data_dir / "start.lock"
    descriptor = -1
    try:
        # Whoever held the lock before may have deleted the directory, and this file with it.
        while descriptor < 0 or not is_still_at(path, descriptor):
            claim_data_dir(data_dir)
            _close(descriptor)
            descriptor = open_lock(path)
            while not try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise EmbeddedStackError(
                        f"Another process has been starting or stopping the servers of {data_dir} for "
                        f"{_START_LOCK_WAIT_S:.0f} s: end it, then try again."
                    )
                time.sleep(0.02)
        yield
    finally:
        _close(descriptor)


class Users:
    """The processes that use a stack, of which this is one; call its methods under the start lock."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor = -1

    @property
    def joined(self) -> bool:
        """Whether this process has joined and not left."""
        return self._descriptor >= 0

    def join(self) -> bool:
        """Count this process in; return whether it is the only one."""
        self._descriptor = open_lock(self._data_dir / "users.lock")
        alone = try_lock(self._descriptor)
        if alone:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, _whereabouts(), 0)
        elif os.pread(self._descriptor, 1000, 0) != _whereabouts():
            # Its servers cannot be seen from here, and a second PostgreSQL on the same files would ruin them.
            self.leave()
            raise EmbeddedStackError(
                f"{self._data_dir} is in use by a process on another machine or in another container: stop that one, "
                "or choose another data directory with --data-dir."
            )
        share_lock(self._descriptor)
        return alone

    def leave(self) -> bool:
        """Count this process out; return whether nobody else uses the stack."""
        alone = try_lock(self._descriptor)
        _close(self._descriptor)
        self._descriptor = -1
        return alone


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def _whereabouts() -> bytes:
    # Containers on one machine differ by the namespace of their process ids.
    namespace = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {namespace.readlink() if namespace.exists() else ''}".encode()
