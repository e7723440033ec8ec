"""Objects as files below one directory, for a single machine or a shared file system.

An object's path is its key. Every read and write happens in a thread, but for bytes that are in the page cache. The
file work itself is in `kernel.storage.files`; S3 is another class behind the same Protocol.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from io import FileIO
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from anyio import CancelScope

from kernel.clock import now
from kernel.errors import TooLarge
from kernel.storage.files import (
    Reading,
    Writing,
    link_object,
    object_names,
    open_object,
    prepare_directory,
    probe_directory,
    remove_object,
    stat_object,
)
from kernel.storage.objects import READ_BYTES, ObjectDamaged, ObjectStat, StoredObject, check_key, check_prefix, is_key

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

WRITE_BYTES = 1024 * 1024
THREADS = 8
ABANDONED_AFTER = timedelta(days=1)


class DirectoryStorage:
    """A `Storage` in a directory, which `prepare` makes if it is not there.

    Args:
        root: The directory.
        proxy_path: Where nginx finds it, as an internal location such as `/stored/`; empty if we send files ourselves.
    """

    direct_origin = ""

    def __init__(self, root: Path, *, proxy_path: str = "") -> None:
        self._root = root
        self._proxy_path = proxy_path
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="storage")

    async def prepare(self) -> None:
        """Make the directory and remove uploads that nobody has written to for a day."""
        await self._run(prepare_directory, self._root, now() - ABANDONED_AFTER)

    async def check(self) -> None:
        """Write and remove a small file."""
        await self._run(probe_directory, self._root)

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, content_type: str, max_bytes: int) -> StoredObject:
        """Store a stream: a temporary file, fsync, rename."""
        check_key(key)
        writing = Writing(self._root, key)
        try:
            size_bytes = await self._write(writing, chunks, max_bytes)
            modified_at = await self._run(writing.commit)
        except BaseException:
            with CancelScope(shield=True):  # submitted first, so that it happens even if the wait is cancelled again
                await asyncio.shield(asyncio.wrap_future(self._threads.submit(writing.discard)))
            raise
        return StoredObject(
            key=key,
            size_bytes=size_bytes,
            sha256=writing.sha256.hexdigest(),
            content_type=content_type,
            modified_at=modified_at,
        )

    async def stat(self, key: str) -> ObjectStat:
        """Return size and time."""
        check_key(key)
        size_bytes, modified_at = await self._run(stat_object, self._root / key)
        return ObjectStat(key=key, size_bytes=size_bytes, modified_at=modified_at)

    async def open_range(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Give the bytes in chunks of at most 256 kB."""
        check_key(key)
        reading = Reading(self._root / key)
        try:
            while start < end:
                size = min(READ_BYTES, end - start)
                chunk = reading.read_cached(start, size) or await self._run(reading.read, start, size)
                if not chunk:
                    raise ObjectDamaged
                start += len(chunk)
                yield chunk
        finally:
            reading.close()

    async def lend(self, key: str, path: Path) -> None:
        """Link to the file, which is read where it is."""
        check_key(key)
        await self._run(link_object, self._root / key, path)

    async def open_file(self, key: str, end: int) -> FileIO | None:
        """Return the file, open."""
        check_key(key)
        return await self._run(open_object, self._root / key, end)

    def direct_address(self, key: str, *, method: str, content_type: str, disposition: str) -> str | None:
        """Return None: nobody but us reaches the directory."""
        check_key(key)
        return None

    def internal_path(self, key: str) -> str:
        """Return the object's path below the proxy's location."""
        check_key(key)
        return f"{self._proxy_path.rstrip('/')}/{key}" if self._proxy_path else ""

    async def delete(self, key: str) -> None:
        """Remove the file, and the directory of its parts with the last of them."""
        check_key(key)
        await self._run(remove_object, self._root, key)

    async def list_keys(self, prefix: str) -> AsyncIterator[str]:
        """Give the keys below the prefix; one directory's names are in memory at a time."""
        check_prefix(prefix)
        for name in await self._run(object_names, self._root / prefix):
            key = prefix + name.rstrip("/")
            if name.endswith("/"):
                for part in await self._run(object_names, self._root / key):
                    if is_key(f"{key}/{part}"):
                        yield f"{key}/{part}"
            elif is_key(key):
                yield key

    async def aclose(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)

    async def _write(self, writing: Writing, chunks: AsyncIterator[bytes], max_bytes: int) -> int:
        """Write what comes while more of it comes: one buffer is with a thread, the other one is filled."""
        size_bytes = filled = 0
        buffer, other = memoryview(bytearray(WRITE_BYTES)), memoryview(bytearray(WRITE_BYTES))
        under_way: Future[None] | None = None
        async for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > max_bytes:
                raise TooLarge(f"The file is larger than {max_bytes} bytes.")
            left = memoryview(chunk)
            while left:
                count = min(len(left), WRITE_BYTES - filled)
                buffer[filled : filled + count] = left[:count]
                left, filled = left[count:], filled + count
                if filled == WRITE_BYTES:
                    await _ended(under_way)
                    under_way = self._threads.submit(writing.write, buffer)
                    buffer, other, filled = other, buffer, 0
        await _ended(under_way)
        await self._run(writing.write, buffer[:filled])
        return size_bytes

    async def _run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)


async def _ended(under_way: "Future[None] | None") -> None:
    if under_way is None:
        return
    if under_way.done():  # as it mostly is, unless the disk is slower than the sender
        under_way.result()
    else:
        await asyncio.wrap_future(under_way)
