"""The blocking file work of the directory storage: one upload, one download, and what the operating system may say.

`kernel.storage.directory` calls all of this in threads. A cancelled request leaves its thread running, so `Writing` and
`Reading` hold a lock while they work, and giving one up is right at any moment.
"""

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from threading import Lock

from kernel.ids import new_id
from kernel.storage.objects import ObjectDamaged, ObjectNotFound, StorageFull, StorageUnavailable

INCOMING = ".incoming"

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PROBE = bytes(4096)
_FLUSH_BYTES = 8 * 1024 * 1024
"""The disk begins with so much while more comes, so that the last `fsync` has little left to wait for."""
_READ_CACHED = getattr(os, "RWF_NOWAIT", None)  # Linux; elsewhere every read takes a thread


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what the operating system refuses into a DomainError."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull from error
        raise StorageUnavailable from error


@contextmanager
def object_errors() -> Iterator[None]:
    """Do as `storage_errors`, for work on an object that may not be there."""
    with storage_errors():
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise ObjectNotFound from None


class Writing:
    """One upload: a temporary file that becomes the object by `commit`, or nothing."""

    def __init__(self, root: Path, key: str) -> None:
        self.sha256 = hashlib.sha256()
        self._root = root
        self._target = root / key
        self._temporary = root / INCOMING / str(new_id())
        self._lock = Lock()
        self._file: FileIO | None = None
        self._written = self._flushed = 0
        self._committed = False
        self._discarded = False

    def write(self, data: bytes | memoryview) -> None:
        """Append the bytes."""
        with self._lock, storage_errors():
            file = self._open()
            left = memoryview(data)
            self.sha256.update(left)
            while left:
                count = file.write(left)
                left = left[count:]
                self._written += count
            if self._written - self._flushed >= _FLUSH_BYTES:
                _begin_flush(file.fileno(), self._flushed, self._written)
                self._flushed = self._written

    def commit(self) -> datetime:
        """Make the object appear, whole and safe from a power cut; return its time."""
        with self._lock, storage_errors():
            file = self._open()
            os.fsync(file.fileno())
            modified_at = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
            file.close()
            self._place()
            self._committed = True
            for directory in self._directories():
                _sync_directory(directory)
        return modified_at

    def discard(self) -> None:
        """Remove every trace, also of what was committed a moment ago."""
        with self._lock, suppress(OSError):
            self._discarded = True
            if self._file is not None:
                self._file.close()
                (self._target if self._committed else self._temporary).unlink(missing_ok=True)

    def _open(self) -> FileIO:
        if self._discarded:
            raise StorageUnavailable("The upload was given up.")
        if self._file is None:
            self._file = FileIO(self._temporary, "xb", opener=lambda path, flags: os.open(path, flags, 0o600))
        return self._file

    def _place(self) -> None:
        for directory in reversed(self._directories()[:-1]):
            directory.mkdir(mode=0o700, exist_ok=True)
        self._temporary.replace(self._target)

    def _directories(self) -> list[Path]:
        below = len(self._target.relative_to(self._root).parts)
        return list(self._target.parents)[:below]


class Reading:
    """One download; opens its file at the first read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._descriptor: int | None = None
        self._closed = False

    def read(self, start: int, size: int) -> bytes:
        """Return at most `size` bytes from `start`; none at the end of the file."""
        try:
            with self._lock, object_errors():
                if self._descriptor is None:
                    self._descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
                return os.pread(self._descriptor, size, start)
        finally:
            if self._closed:
                self.close()

    def read_cached(self, start: int, size: int) -> bytes:
        """Return what can be had without waiting for a disk, perhaps nothing; never blocks, so it needs no thread."""
        if self._descriptor is None or _READ_CACHED is None:
            return b""
        buffer = bytearray(size)
        try:
            count = os.preadv(self._descriptor, [buffer], start, _READ_CACHED)
        except OSError:  # not cached, or a file system that cannot tell
            return b""
        return bytes(memoryview(buffer)[:count])

    def close(self) -> None:
        """Close the file, at once or as soon as the read that is under way in another thread has ended."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            try:
                if self._descriptor is not None:
                    os.close(self._descriptor)
                    self._descriptor = None
            finally:
                self._lock.release()


def open_object(path: Path, end: int) -> FileIO:
    """Return the object's file, which has bytes up to `end`."""
    with object_errors():
        file = FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW))
    if os.fstat(file.fileno()).st_size < end:
        file.close()
        raise ObjectDamaged
    return file


def stat_object(path: Path) -> tuple[int, datetime]:
    """Return size and time of the object's file."""
    with object_errors():
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(path)
    return status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)


def link_object(path: Path, link: Path) -> None:
    """Make a link to the object's file."""
    stat_object(path)
    link.symlink_to(path.absolute())


def remove_object(root: Path, key: str) -> None:
    """Remove the object's file, and the directory of its parts if that is empty now."""
    path = root / key
    with suppress(ObjectNotFound), object_errors():
        path.unlink()
    if path.parent.parent != root:
        with suppress(OSError):
            path.parent.rmdir()


def object_names(directory: Path) -> list[str]:
    """Return the names in the directory, those of directories with a slash behind them."""
    with suppress(ObjectNotFound), object_errors(), os.scandir(directory) as entries:
        return [f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name for entry in entries]
    return []


def prepare_directory(root: Path, abandoned_before: datetime) -> None:
    """Make the storage's directory, and remove uploads that nobody has written to since."""
    incoming = root / INCOMING
    with storage_errors():
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        incoming.mkdir(mode=0o700, exist_ok=True)
        for path in incoming.iterdir():
            with suppress(FileNotFoundError):  # another process clears up too
                if path.stat().st_mtime < abandoned_before.timestamp():
                    path.unlink()


def probe_directory(root: Path) -> None:
    """Write a small file and remove it."""
    path = root / INCOMING / f"{new_id()}.probe"
    with storage_errors():
        try:
            path.write_bytes(_PROBE)
        finally:
            path.unlink(missing_ok=True)


def _begin_flush(descriptor: int, start: int, end: int) -> None:
    """Let the disk begin to write a part of a file, and do not wait for it; elsewhere than on Linux nothing happens."""
    if sys.platform == "linux":
        # Said of bytes that are not on the disk yet, this has them written; only clean ones are forgotten.
        os.posix_fadvise(descriptor, start, end - start, os.POSIX_FADV_DONTNEED)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
