"""Stores what is made of a video, one object after another, so that nothing is lost and nothing is left over.

An object is written down before its bytes are (`uploads`) and becomes a rendition in one transaction, in which it is
crossed out. So work that begins again after a crash finds what was done and does the rest; the sweep finds the remains.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from uuid import UUID

import structlog
from anyio import CancelScope, open_file
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from sqlalchemy import bindparam, delete, func, insert

from kernel.db import Db, OutcomeUnknown
from kernel.ids import new_id
from kernel.storage import StoredObject
from kernel.tasks import TaskContext
from plugins.media.actions.renditions import add_rendition
from plugins.media.actions.uploads import forget_upload, remember_object
from plugins.media.rules.hls import SEGMENT_TYPE
from plugins.media.rules.ladder import Variant
from plugins.media.tables import Upload, VideoVariant

CHUNK_BYTES = 256 * 1024
_BLOCK_BITS = 128
log = structlog.get_logger(__name__)

_FORGET_REMAINS = (
    delete(Upload)
    .where(Upload.owner_id.is_(None), func.starts_with(Upload.storage_key, bindparam("prefix")))
    .returning(Upload.storage_key)
)
_ADD_VARIANT = insert(VideoVariant).values(
    {
        name: bindparam(name)
        for name in (
            *("id", "file_id", "name", "storage_key", "width", "height", "peak_bits", "average_bits", "codecs"),
            *("durations_ms", "sizes"),
        )
    }
)


async def discard_remains(context: TaskContext, file_id: UUID) -> None:
    """Remove what an attempt whose worker died has left half stored; if that still lives, it can use it no more."""
    async with context.transaction() as db:
        storage = db.deployment.storage
        for key in await db.values(_FORGET_REMAINS, prefix=f"{db.tenant_id}/{file_id}/"):
            await storage.delete(key)


async def store_part(
    context: TaskContext, file_id: UUID, path: Path, content_type: str, *, width: int, height: int
) -> None:
    """Store a file that was made of a video, as a rendition of its name."""
    async with aclosing(_bytes_of(path)) as chunks:
        size = _size(path)
        await _store(context, file_id, path.name, content_type, chunks, size, width=width, height=height)


async def store_segments(
    context: TaskContext,
    file_id: UUID,
    wanted: Variant,
    segments: Sequence[tuple[Path, int]],
    *,
    key: bytes,
    has_sound: bool,
) -> None:
    """Store the segments of a variant, each encrypted by itself, one behind the other in one object."""
    sizes: list[int] = []
    most = sum(_size(path) + _BLOCK_BITS // 8 for path, _ in segments)
    async with aclosing(_sealed([path for path, _ in segments], key, sizes)) as chunks:
        await _store(
            context,
            file_id,
            f"{wanted.name}.ts",
            SEGMENT_TYPE,
            chunks,
            most,
            width=wanted.width,
            height=wanted.height,
            variant=(wanted, [duration_ms for _, duration_ms in segments], sizes, has_sound),
        )


async def _store(
    context: TaskContext,
    file_id: UUID,
    name: str,
    content_type: str,
    chunks: AsyncIterator[bytes],
    most_bytes: int,
    *,
    width: int,
    height: int,
    variant: tuple[Variant, list[int], list[int], bool] | None = None,
) -> None:
    upload_id = new_id()
    async with context.transaction() as db:
        # An object never changes: what is made again has a new key.
        key = f"{db.tenant_id}/{file_id}/{upload_id.hex[-12:]}-{name}"
        storage = db.deployment.storage
        await remember_object(db, upload_id, key)
    try:
        stored = await storage.put(key, chunks, content_type=content_type, max_bytes=most_bytes)
        async with context.transaction() as db:
            await forget_upload(db, upload_id)
            await add_rendition(db, file_id, name, stored, width=width, height=height)
            if variant is not None:
                await _add_variant(db, file_id, stored, *variant)
    except OutcomeUnknown:
        # Perhaps it is there; if it is not, the object is still remembered.
        raise
    except BaseException:
        with CancelScope(shield=True):
            await _discard(context, upload_id, key)
        raise


async def _add_variant(
    db: Db,
    file_id: UUID,
    stored: StoredObject,
    wanted: Variant,
    durations_ms: list[int],
    sizes: list[int],
    has_sound: bool,
) -> None:
    rates = [8000 * size // max(duration_ms, 1) for size, duration_ms in zip(sizes, durations_ms, strict=True)]
    await db.run(
        _ADD_VARIANT,
        id=new_id(),
        file_id=file_id,
        name=wanted.name,
        storage_key=stored.key,
        width=wanted.width,
        height=wanted.height,
        peak_bits=min(max(rates), 2**31 - 1),
        average_bits=min(8000 * sum(sizes) // max(sum(durations_ms), 1), 2**31 - 1),
        codecs=f"{wanted.codec},mp4a.40.2" if has_sound else wanted.codec,
        durations_ms=durations_ms,
        sizes=sizes,
    )


async def _discard(context: TaskContext, upload_id: UUID, key: str) -> None:
    """Remove at once what is left of an object; if that fails too, the sweep does it later."""
    try:
        async with context.transaction() as db:
            storage = db.deployment.storage
        await storage.delete(key)
        async with context.transaction() as db:
            await forget_upload(db, upload_id)
    except Exception:
        log.exception("video_part.discard_failed", key=key)


def _size(path: Path) -> int:
    return path.stat().st_size


async def _bytes_of(path: Path) -> AsyncGenerator[bytes, None]:
    async with await open_file(path, "rb") as file:
        while chunk := await file.read(CHUNK_BYTES):
            yield chunk


async def _sealed(paths: Sequence[Path], key: bytes, sizes: list[int]) -> AsyncGenerator[bytes, None]:
    """Give the segments encrypted as RFC 8216, 5.2, has it: the number of each is its initialisation vector."""
    for number, path in enumerate(paths):
        encryptor = Cipher(AES(key), CBC(number.to_bytes(_BLOCK_BITS // 8))).encryptor()
        padder = PKCS7(_BLOCK_BITS).padder()
        size = 0
        async with aclosing(_bytes_of(path)) as chunks:
            async for chunk in chunks:
                sealed = encryptor.update(padder.update(chunk))
                size += len(sealed)
                yield sealed
        last = encryptor.update(padder.finalize()) + encryptor.finalize()
        sizes.append(size + len(last))
        yield last
