"""What an object is, what its key looks like, and what every storage can do; nothing here touches a disk.

Where the bytes go is decided in `kernel.storage.directory`; who may read them, by the signed URL (`media_urls`) and by
the plugin that gave it out. Name, owner and purpose of a file stand in that plugin's table, never in its key.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Protocol

import msgspec

from kernel.errors import NotFound, Unavailable

# One worker, page cache, 2 cores: read in threads, 64 kB chunks give 0.55 GB/s, 256 kB 1.1 and 1 MB 1.7; taken from the
# page cache without a thread, 256 kB give 1.7 too, and a slow client holds a quarter of the memory.
READ_BYTES = 256 * 1024

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PART = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}"
_KEY = re.compile(rf"({_UUID})/{_UUID}(?:\.[a-z0-9]{{1,10}}|/{_PART})?")
_PREFIX = re.compile(rf"{_UUID}/(?:{_UUID}/)?")


class ObjectNotFound(NotFound):
    """The storage holds nothing under this key."""

    code = "kernel.object_not_found"
    title = "There is no such file."


class StorageUnavailable(Unavailable):
    """The storage does not answer, or fails."""

    code = "kernel.storage_unavailable"
    title = "Files are not available right now. Try again in a moment."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": "5"})


class StorageFull(Unavailable):
    """The storage has no room for this object."""

    code = "kernel.storage_full"
    title = "There is no room left to store this file."


class ObjectDamaged(Unavailable):
    """The storage holds fewer bytes than it was given."""

    code = "kernel.object_damaged"
    title = "This file is damaged."


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object as it was put; whoever put it keeps these facts, since a storage only knows size and time.

    Args:
        sha256: In hexadecimal; the object's ETag is made of it.
    """

    key: str
    size_bytes: int
    sha256: str
    content_type: str
    modified_at: datetime


class ObjectStat(msgspec.Struct, frozen=True, kw_only=True):
    """What a storage knows of an object by itself."""

    key: str
    size_bytes: int
    modified_at: datetime


class Storage(Protocol):
    """Keeps objects under keys `<tenant>/<uuid>`, `<tenant>/<uuid>.<ext>` or `<tenant>/<uuid>/<part>`.

    Every method that takes a key raises ValueError for one of another form. An object never changes: whoever has new
    bytes puts them under a new key.
    """

    @property
    def direct_origin(self) -> str:
        """Scheme, host and port of what `direct_address` returns, for pages to allow; empty if it returns None."""
        ...

    async def prepare(self) -> None:
        """Make the storage ready and remove what interrupted uploads left behind: at each start, and now and then.

        Raises:
            StorageUnavailable: It can never work as it is set up; one that is away at the moment is no reason.
        """
        ...

    async def check(self) -> None:
        """Raise StorageUnavailable or StorageFull unless an object could be put now."""
        ...

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, content_type: str, max_bytes: int) -> StoredObject:
        """Store a stream whole, or nothing of it when it fails or is cancelled.

        Raises:
            TooLarge: As soon as more than `max_bytes` have come.
            StorageFull: There is no room.
            StorageUnavailable: The storage fails.
        """
        ...

    async def stat(self, key: str) -> ObjectStat:
        """Return size and time, or raise ObjectNotFound."""
        ...

    def open_range(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Give the bytes from `start` up to and without `end`; close the generator (`aclosing`) when leaving early.

        Raises:
            ObjectNotFound: Before the first byte.
            ObjectDamaged: The object ends before `end`.
        """
        ...

    async def lend(self, key: str, path: Path) -> None:
        """Have the object under a path too, for programs that read files: a link to it where it is a file, or a copy.

        Whoever asks removes what is there, also after a failure, and changes nothing under it.

        Args:
            key: Which.
            path: Where nothing is yet, in a folder that is there.

        Raises:
            ObjectNotFound: There is no such object.
        """
        ...

    async def open_file(self, key: str, end: int) -> FileIO | None:
        """Return the object as an open file of at least `end` bytes, for sending without reading; None if it is none.

        Raises:
            ObjectNotFound: It is not there.
            ObjectDamaged: It ends before `end`.
        """
        ...

    def direct_address(self, key: str, *, method: str, content_type: str, disposition: str) -> str | None:
        """Return where a browser may fetch the object by itself within the next minute; None if we have to send it.

        Whoever has the address has the object: give it only to somebody who has just been let through.

        Args:
            key: Which.
            method: GET or HEAD.
            content_type: The answer's type, whatever the object was stored with.
            disposition: The answer's `Content-Disposition`.
        """
        ...

    def internal_path(self, key: str) -> str:
        """Return the path by which the proxy in front of us sends the object for us; empty if none does."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        ...

    def list_keys(self, prefix: str) -> AsyncIterator[str]:
        """Give the keys of a tenant (`<tenant>/`) or the parts of an object (`<tenant>/<uuid>/`), in no order."""
        ...

    async def aclose(self) -> None:
        """Let go of threads and connections."""
        ...


def check_key(key: str) -> str:
    """Return the key's tenant, as written.

    Raises:
        ValueError: It is not a key; `..`, absolute paths and other alphabets never are.
    """
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError(f"{key!r} is not a storage key such as <tenant>/<uuid>.<ext>.")
    return match[1]


def is_key(text: str) -> bool:
    """Say whether the text has the form of a key."""
    return _KEY.fullmatch(text) is not None


def check_prefix(prefix: str) -> None:
    """Raise ValueError unless the prefix ends with a slash behind a tenant, or behind an object of one."""
    if _PREFIX.fullmatch(prefix) is None:
        raise ValueError(f"{prefix!r} is not a prefix such as <tenant>/ or <tenant>/<uuid>/.")
