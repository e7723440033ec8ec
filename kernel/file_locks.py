"""Files that a process locks with flock, to say that it is alive.

A lock goes when its process goes, however it goes, so nothing has to be cleaned up after a crash. Python does not hand
the files on to programs that it starts. What is locked, and what that means, is decided in `kernel.embedded.lock` and
`kernel.scratch`.
"""

import fcntl
import os
from pathlib import Path


def open_lock(path: Path) -> int:
    """Return the descriptor of a file to lock; it is made if it is not there."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def try_lock(descriptor: int) -> bool:
    """Lock the file for this process alone if that is possible at once, and say whether it was."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def share_lock(descriptor: int) -> None:
    """Lock the file together with others, as soon as nobody has it alone."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def is_still_at(path: Path, descriptor: int) -> bool:
    """Whether the file has not been removed, or replaced, since it was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
