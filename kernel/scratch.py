"""Folders for work under way, among the system's temporary files (`TMPDIR`), that no process leaves behind for good.

Whoever works in a folder holds a lock in it, which goes with the process, however that ends. So a folder whose lock can
be had belongs to nobody any more, and is swept away: when a process of ours starts, every hour by the workers, and
before a work that needs much room.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp

from kernel.file_locks import is_still_at, open_lock, try_lock

PREFIX = "collegium-scratch-"
_LOCK = ".held"


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """Give a folder that only we may enter, and remove it with all that is in it when the block ends.

    Args:
        purpose: A word of its name, for who looks at the disk.
    """
    folder, lock = _claimed(purpose)
    try:
        yield folder
    finally:
        # The lock is held until nothing is left that somebody might sweep.
        rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep_scratch() -> int:
    """Remove the folders of processes that have ended; return how many there were. Blocks as long as the disk takes."""
    return sum(_sweep(path) for path in Path(gettempdir()).iterdir() if path.name.startswith(PREFIX))


def _claimed(purpose: str) -> tuple[Path, int]:
    while True:
        folder = Path(mkdtemp(prefix=f"{PREFIX}{purpose}-"))
        # Until it is locked a sweep takes it for nobody's; then the next one is tried.
        with suppress(FileNotFoundError):
            lock = open_lock(folder / _LOCK)
            if try_lock(lock) and is_still_at(folder / _LOCK, lock):
                return folder, lock
            os.close(lock)


def _sweep(folder: Path) -> bool:
    """Remove a folder of ours that nobody holds, and say whether it was one."""
    try:
        # Other accounts may have folders, and links, of any name there.
        if folder.lstat().st_uid != os.geteuid() or folder.is_symlink():
            return False
        lock = open_lock(folder / _LOCK)
    except OSError:
        return False
    try:
        if not (try_lock(lock) and is_still_at(folder / _LOCK, lock)):
            return False
        rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(lock)
