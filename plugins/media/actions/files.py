"""What stores files and removes what was left of uploads.

Bytes are no part of a transaction, so an upload is remembered before they are written and forgotten in the transaction
that makes the file: whatever dies in between is swept away by `remove_abandoned_uploads`.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import structlog
from anyio import CancelScope
from sqlalchemy import DateTime, bindparam, delete, insert

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db, OutcomeUnknown
from kernel.ids import new_id
from kernel.storage import StoredObject, safe_filename
from plugins.media.actions.pictures import drawn_anew
from plugins.media.errors import UploadAborted
from plugins.media.queries import FILE_COLUMNS
from plugins.media.rules.inspecting import HEAD_BYTES, Inspection, extension, inspection
from plugins.media.schemas import FileKind, FileRef
from plugins.media.tables import File, Upload

ABANDONED_AFTER = timedelta(days=1)
log = structlog.get_logger(__name__)

_REMEMBER = insert(Upload).values(id=bindparam("id"), owner_id=bindparam("owner"), storage_key=bindparam("storage_key"))
_FORGET = delete(Upload).where(Upload.id == bindparam("upload"))
_FORGET_ABANDONED = (
    delete(Upload)
    .where(Upload.created_at < bindparam("before", type_=DateTime(timezone=True)))
    .returning(Upload.storage_key)
)
_ADD_FILE = (
    insert(File)
    .values(
        id=bindparam("id"),
        owner_id=bindparam("owner"),
        kind=bindparam("kind"),
        filename=bindparam("filename"),
        content_type=bindparam("content_type"),
        size=bindparam("size"),
        sha256=bindparam("sha256"),
        storage_key=bindparam("storage_key"),
    )
    .returning(*FILE_COLUMNS)
)


async def store_file(
    db: Db, actor: Actor, *, kind: FileKind, filename: str, chunks: AsyncIterator[bytes], max_bytes: int
) -> FileRef:
    """Store a file as it streams in. Commits by itself: when this returns, the file is there.

    Args:
        db: Its tenant gets the file; its transaction is not used.
        actor: Will own the file.
        kind: What it must be; a picture is drawn anew.
        filename: As the sender calls it; only remembered.
        chunks: The bytes.
        max_bytes: A longer one is refused.

    Raises:
        FileNotAccepted: By its content; of its kinds NotAVideo and NotAPicture.
        TooLarge: As soon as more bytes have come.
    """
    head, whole = await _split(chunks)
    seen = inspection(kind, head)
    if kind != "image":
        return await _store(db, actor, kind, filename, _passing_by(whole, seen), seen, max_bytes)
    async with drawn_anew(whole, max_bytes=max_bytes) as drawings:
        picture = drawings[0]
        seen = Inspection(picture.facts.content_type)
        return await _store(db, actor, kind, filename, picture.chunks(), seen, picture.path.stat().st_size)


async def _store(
    db: Db,
    actor: Actor,
    kind: FileKind,
    filename: str,
    chunks: AsyncIterator[bytes],
    seen: Inspection,
    max_bytes: int,
) -> FileRef:
    """Store the bytes, and then the file; `seen` knows its type for certain when the bytes have been read."""
    ending = extension(seen.content_type)
    file_id = new_id()
    key = f"{db.tenant_id}/{file_id}.{ending}"
    async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
        await writing.run(_REMEMBER, id=file_id, owner=actor.id, storage_key=key)
    try:
        stored = await db.deployment.storage.put(key, chunks, content_type=seen.content_type, max_bytes=max_bytes)
        content_type = seen.end()
        name = safe_filename(filename) or f"{kind}.{extension(content_type)}"
        return await _add_file(db, actor, file_id, kind, name, content_type, stored)
    except OutcomeUnknown:
        # Perhaps the file is there; if it is not, the upload is still remembered.
        raise
    except BaseException:
        with CancelScope(shield=True):
            await _discard(db, file_id, key)
        raise


async def _passing_by(chunks: AsyncIterator[bytes], seen: Inspection) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        seen.pass_by(chunk)
        yield chunk


async def _add_file(
    db: Db, actor: Actor, file_id: UUID, kind: FileKind, filename: str, content_type: str, stored: StoredObject
) -> FileRef:
    async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
        if not await writing.run(_FORGET, upload=file_id):
            raise UploadAborted("The upload took longer than a day.")
        files = await writing.rows(
            FileRef,
            _ADD_FILE,
            id=file_id,
            owner=actor.id,
            kind=kind,
            filename=filename,
            content_type=content_type,
            size=stored.size_bytes,
            sha256=stored.sha256,
            storage_key=stored.key,
        )
    return files[0]


async def _discard(db: Db, file_id: UUID, key: str) -> None:
    """Remove at once what is left of an upload; if that fails too, the sweep does it later."""
    try:
        await db.deployment.storage.delete(key)
        async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
            await writing.run(_FORGET, upload=file_id)
    except Exception:
        log.exception("upload.discard_failed", key=key)


async def remove_abandoned_uploads(db: Db) -> int:
    """Remove what uploads of processes that died have left; return how many there were."""
    keys = await db.values(_FORGET_ABANDONED, before=clock.now() - ABANDONED_AFTER)
    for key in keys:
        await db.deployment.storage.delete(key)
    return len(keys)


async def _split(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """Return the first bytes, and all of them to be read again."""
    begun: list[bytes] = []
    size = 0
    async for chunk in chunks:
        begun.append(chunk)
        size += len(chunk)
        if size >= HEAD_BYTES:
            break

    async def whole() -> AsyncIterator[bytes]:
        for chunk in begun:
            yield chunk
        async for chunk in chunks:
            yield chunk

    return b"".join(begun)[:HEAD_BYTES], whole()
