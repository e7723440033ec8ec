"""Packs archives and unpacks them, a chunk at a time: neither an archive nor what is in it is ever in memory.

Which archives are harmless is decided in `rules.archives`, from their list alone.
"""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from msgspec import Struct
from sqlalchemy import DateTime, bindparam, select

from kernel import clock
from kernel.db import Db
from plugins.media.actions.removal import remove_files
from plugins.media.errors import ArchiveDamaged
from plugins.media.rules.archives import LOCAL_HEAD_BYTES, STORED, TAIL_BYTES, Entry, listed, local_bytes
from plugins.media.schemas import FileRef
from plugins.media.tables import File

KEPT_FOR = timedelta(days=1)
_PIECE_BYTES = 256 * 1024
_OLD = select(File.id).where(
    File.kind == "archive", File.created_at < bindparam("before", type_=DateTime(timezone=True))
)


class ToPack(Struct, frozen=True):
    """What becomes an entry: its name, its size in bytes, and its bytes."""

    name: str
    size: int
    chunks: AsyncGenerator[bytes, None]


class _Outlet:
    """Where an archive is written to, to be taken away again at once; it cannot be gone back in."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        """Keep what comes next."""
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: all of it is there."""

    def close(self) -> None:
        """Do nothing, likewise."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        taken = bytes(self._written)
        self._written.clear()
        return taken


async def packed(entries: AsyncIterator[ToPack]) -> AsyncGenerator[bytes, None]:
    """Give the bytes of an archive; what is packed is stored as it is, since media are small already.

    The same entries give the same bytes.
    """
    outlet = _Outlet()
    with ZipFile(outlet, "w", ZIP_STORED) as archive:
        async for entry in entries:
            listed_as = ZipInfo(entry.name)
            listed_as.file_size = entry.size
            listed_as.external_attr = 0o644 << 16
            async with aclosing(entry.chunks) as chunks:
                with archive.open(listed_as, "w") as writing:
                    async for chunk in chunks:
                        writing.write(chunk)
                        yield outlet.taken()
    yield outlet.taken()


async def archive_entries(db: Db, file: FileRef) -> list[Entry]:
    """Return the list of an archive; it was looked at when the archive was stored.

    Raises:
        ArchiveDamaged: It cannot be read.
    """
    tail = await _bytes(db, file, max(0, file.size - TAIL_BYTES), file.size)
    entries = listed(tail)
    if not entries:
        raise ArchiveDamaged
    return entries


async def entry_bytes(db: Db, file: FileRef, entry: Entry) -> AsyncGenerator[bytes, None]:
    """Give the bytes of an entry, never more than its list promises.

    Raises:
        ArchiveDamaged: It is not what the list says, or packed in a way that nobody here unpacks.
    """
    if not entry.is_readable:
        raise ArchiveDamaged
    end = min(entry.starts_at + LOCAL_HEAD_BYTES, file.size)
    header = local_bytes(await _bytes(db, file, min(entry.starts_at, end), end), entry)
    if header is None or entry.starts_at + header + entry.packed > file.size:
        raise ArchiveDamaged
    start = entry.starts_at + header
    crc = size = 0
    async with aclosing(db.deployment.storage.open_range(file.storage_key, start, start + entry.packed)) as raw:
        async for piece in raw if entry.method == STORED else _inflated(raw):
            crc, size = zlib.crc32(piece, crc), size + len(piece)
            if size > entry.unpacked:
                raise ArchiveDamaged
            yield piece
    if (crc, size) != (entry.crc, entry.unpacked):
        raise ArchiveDamaged


async def remove_old_archives(db: Db) -> int:
    """Remove archives of more than a day ago: whoever wanted what is in them has unpacked or fetched it."""
    return await remove_files(db, await db.values(_OLD, before=clock.now() - KEPT_FOR))


async def _bytes(db: Db, file: FileRef, start: int, end: int) -> bytes:
    async with aclosing(db.deployment.storage.open_range(file.storage_key, start, end)) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def _inflated(raw: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Give what was deflated, in pieces of a bounded size."""
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        async for chunk in raw:
            rest = chunk
            while rest:
                yield inflating.decompress(rest, _PIECE_BYTES)
                rest = inflating.unconsumed_tail
        while piece := inflating.decompress(inflating.unconsumed_tail, _PIECE_BYTES):
            yield piece
    except zlib.error:
        raise ArchiveDamaged from None
    if not inflating.eof:
        raise ArchiveDamaged
