"""What the tests of storages share: keys of two tenants, and short ways to put and read."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from kernel.ids import new_id
from kernel.storage import Storage, StoredObject
from kernel.storage.s3 import S3Storage

TENANT = UUID("0199c0de-0000-7000-8000-000000000001")
OTHER_TENANT = UUID("0199c0de-0000-7000-8000-000000000002")


def a_key(ending: str = ".mp4", tenant: UUID = TENANT) -> str:
    """Return a new key."""
    return f"{tenant}/{new_id()}{ending}"


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    """Give the chunks."""
    for chunk in chunks:
        yield chunk


async def put(storage: Storage, data: bytes, key: str | None = None) -> StoredObject:
    """Store the bytes."""
    return await storage.put(key or a_key(), stream(data), content_type="video/mp4", max_bytes=len(data))


async def read(storage: Storage, key: str, start: int, end: int) -> bytes:
    """Return a range."""
    return b"".join([chunk async for chunk in storage.open_range(key, start, end)])


def files_below(root: Path) -> list[str]:
    """Return the names of all files."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def stored_in(storage: Storage, root: Path) -> list[str]:
    """Return everything that a storage holds, unfinished uploads too."""
    if not isinstance(storage, S3Storage):
        return files_below(root)
    return await asyncio.to_thread(_in_bucket, storage)


def _in_bucket(storage: S3Storage) -> list[str]:
    bucket = storage._bucket
    uploads = bucket.client._list_multipart_uploads(bucket.name).uploads
    objects = bucket.client.list_objects(bucket.name, recursive=True)
    return sorted(
        [*(f"unfinished: {each.object_name}" for each in uploads), *(str(each.object_name) for each in objects)]
    )
