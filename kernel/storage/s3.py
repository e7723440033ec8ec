"""Objects in a bucket of S3, MinIO or whatever speaks as they do.

The client library blocks, so every call happens in one of a few threads, and only while the server is busy with it: a
slow sender or reader holds none. The calls themselves are `kernel.storage.s3_calls`, the directory's way is another
class behind the same Protocol.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import timedelta
from io import FileIO
from pathlib import Path
from time import monotonic
from typing import TypeVar, TypeVarTuple

import structlog
from anyio import CancelScope, open_file

from kernel.clock import now
from kernel.errors import TooLarge
from kernel.storage.objects import (
    READ_BYTES,
    ObjectDamaged,
    ObjectStat,
    StorageUnavailable,
    StoredObject,
    check_key,
    check_prefix,
    is_key,
)
from kernel.storage.s3_calls import Bucket, BucketUnusable, S3Reading, S3Writing, next_keys
from kernel.storage.s3_place import S3Place

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
log = structlog.get_logger(__name__)

PART_BYTES = 8 * 1024 * 1024
"""At most 10,000 parts make an object of 80 GB; an upload holds about two parts in memory."""
THREADS = 12
ABANDONED_AFTER = timedelta(days=1)
ADDRESS_LIFETIME_S = 60
_NAMES_AT_A_TIME = 1000
_BELIEVED_S = 10.0


class S3Storage:
    """A `Storage` in a bucket.

    Args:
        place: Which bucket.
        redirects: Browsers fetch objects from the server themselves, by addresses that live for a minute.
    """

    def __init__(self, place: S3Place, *, redirects: bool = True) -> None:
        self._bucket = Bucket(place, THREADS)
        self.direct_origin = self._bucket.origin() if redirects else ""
        self._checking = asyncio.Lock()
        self._well_at = -_BELIEVED_S
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="storage")

    async def prepare(self) -> None:
        """Find or make the bucket, and end uploads that began a day ago and never came to an end."""
        try:
            await self._run(self._bucket.prepare, now() - ABANDONED_AFTER)
        except BucketUnusable:
            raise
        except StorageUnavailable:
            # It may come back while we serve what needs no files.
            log.warning("storage.away")

    async def check(self) -> None:
        """Write and remove a small object, unless that has just been done: anybody may ask whether we are ready."""
        async with self._checking:
            if monotonic() - self._well_at > _BELIEVED_S:
                await self._run(self._bucket.probe)
                self._well_at = monotonic()

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, content_type: str, max_bytes: int) -> StoredObject:
        """Store a stream: at once if it is small, in parts otherwise."""
        check_key(key)
        writing = S3Writing(self._bucket, key, content_type)
        try:
            size_bytes, rest = await self._write(writing, chunks, max_bytes)
            modified_at = await self._run(writing.commit, rest)
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
        size_bytes, modified_at = await self._run(self._bucket.stat, key)
        return ObjectStat(key=key, size_bytes=size_bytes, modified_at=modified_at)

    async def open_range(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Give the bytes in chunks of at most 256 kB, as fast as they are taken."""
        check_key(key)
        reading = S3Reading(self._bucket, key, start, end)
        try:
            while start < end:
                chunk = await self._run(reading.read, min(READ_BYTES, end - start))
                if not chunk:
                    raise ObjectDamaged
                start += len(chunk)
                yield chunk
        finally:
            reading.close()

    async def lend(self, key: str, path: Path) -> None:
        """Copy the object, 256 kB at a time."""
        size_bytes = (await self.stat(key)).size_bytes
        async with aclosing(self.open_range(key, 0, size_bytes)) as chunks, await open_file(path, "xb") as file:
            async for chunk in chunks:
                await file.write(chunk)

    async def open_file(self, key: str, end: int) -> FileIO | None:
        """Return None: what the bucket sends has to be read."""
        check_key(key)
        return None

    def direct_address(self, key: str, *, method: str, content_type: str, disposition: str) -> str | None:
        """Return an address signed for a minute, unless the setting says that we send objects ourselves."""
        check_key(key)
        if not self.direct_origin:
            return None
        return self._bucket.address(key, ADDRESS_LIFETIME_S, method, content_type, disposition)

    def internal_path(self, key: str) -> str:
        """Return none: the proxy does not reach the bucket."""
        check_key(key)
        return ""

    async def delete(self, key: str) -> None:
        """Remove the object."""
        check_key(key)
        await self._run(self._bucket.remove, key)

    async def list_keys(self, prefix: str) -> AsyncIterator[str]:
        """Give the keys below the prefix; a thousand names are in memory at a time."""
        check_prefix(prefix)
        found = self._bucket.keys(prefix)
        while names := await self._run(next_keys, found, _NAMES_AT_A_TIME):
            for name in names:
                if is_key(name):
                    yield name

    async def aclose(self) -> None:
        """Let threads and connections end."""
        self._threads.shutdown(wait=False)
        self._bucket.close()

    async def _write(self, writing: S3Writing, chunks: AsyncIterator[bytes], max_bytes: int) -> tuple[int, bytes]:
        """Hand over whole parts; return the size and what is left for the last one."""
        size_bytes = 0
        waiting: list[bytes] = []
        waiting_bytes = 0
        async for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > max_bytes:
                raise TooLarge(f"The file is larger than {max_bytes} bytes.")
            waiting.append(chunk)
            waiting_bytes += len(chunk)
            if waiting_bytes >= PART_BYTES:
                part, waiting, waiting_bytes = b"".join(waiting), [], 0
                await self._run(writing.write, part)
        return size_bytes, b"".join(waiting)

    async def _run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)
