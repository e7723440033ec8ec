"""Stores files; how an upload under way is remembered stands in `uploads`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from uuid import UUID

from anyio import CancelScope
from sqlalchemy import bindparam, insert

from kernel.auth import Actor
from kernel.db import Db, OutcomeUnknown
from kernel.errors import TooLarge
from kernel.ids import new_id
from kernel.storage import StoredObject, safe_filename
from plugins.media.actions.pictures import Drawing, drawn_anew
from plugins.media.actions.processing import begin_processing
from plugins.media.actions.quotas import check_quota, take_turns
from plugins.media.actions.renditions import add_rendition
from plugins.media.actions.uploads import discard_upload, forget_upload, remember_upload
from plugins.media.errors import QuotaExceeded
from plugins.media.queries import FILE_COLUMNS
from plugins.media.rules.inspecting import HEAD_BYTES, Inspection, extension, inspection
from plugins.media.schemas import FileKind, FileRef
from plugins.media.tables import File

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
    db: Db,
    actor: Actor,
    *,
    kind: FileKind,
    filename: str,
    chunks: AsyncIterator[bytes],
    max_bytes: int,
    and_then: Callable[[Db, UUID], Awaitable[None]] | None = None,
) -> FileRef:
    """Store a file as it streams in. Commits by itself: when this returns, the file is there.

    Args:
        db: Its tenant gets the file; its transaction is not used.
        actor: Will own the file.
        kind: What it must be; a picture is drawn anew.
        filename: As the sender calls it; only remembered.
        chunks: The bytes.
        max_bytes: A longer one is refused.
        and_then: Is given the file's id, to write more in the transaction that adds it; what it raises refuses it.

    Raises:
        FileNotAccepted: By its content; of its kinds NotAVideo and NotAPicture.
        TooLarge: As soon as more bytes have come.
        QuotaExceeded: As soon as the actor would have too many in all.
    """
    head, whole = await _split(chunks)
    seen = inspection(kind, head)
    if kind != "image":
        return await _store(db, actor, kind, filename, _passing_by(whole, seen), seen, max_bytes, (), and_then)
    async with drawn_anew(whole, max_bytes=max_bytes) as drawings:
        picture, *thumbnails = drawings
        seen = Inspection(picture.facts.content_type)
        async with aclosing(picture.chunks()) as drawn:
            return await _store(db, actor, kind, filename, drawn, seen, picture.size_bytes, thumbnails, and_then)


async def _store(
    db: Db,
    actor: Actor,
    kind: FileKind,
    filename: str,
    chunks: AsyncIterator[bytes],
    seen: Inspection,
    max_bytes: int,
    thumbnails: Sequence[Drawing],
    and_then: Callable[[Db, UUID], Awaitable[None]] | None,
) -> FileRef:
    """Store the bytes, and then the file; `seen` knows its type for certain when the bytes have been read."""
    file_id = new_id()
    key = f"{db.tenant_id}/{file_id}.{extension(seen.content_type)}"
    storage = db.deployment.storage
    left = await remember_upload(db, actor, file_id, key)
    try:
        try:
            stored = await storage.put(key, chunks, content_type=seen.content_type, max_bytes=min(max_bytes, left))
        except TooLarge as error:
            raise (QuotaExceeded() if left < max_bytes else error) from None
        content_type = seen.end()
        parts = [await _put_thumbnail(db, file_id, thumbnail) for thumbnail in thumbnails]
        name = safe_filename(filename) or f"{kind}.{extension(content_type)}"
        async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
            await take_turns(writing, actor.id)
            await forget_upload(writing, file_id)
            file = await _add_file(writing, actor, file_id, kind, name, content_type, stored)
            await check_quota(writing, actor.id)
            if kind == "video":
                await begin_processing(writing, actor, file_id)
            if and_then is not None:
                await and_then(writing, file_id)
            for thumbnail, part in zip(thumbnails, parts, strict=True):
                facts = thumbnail.facts
                await add_rendition(writing, file_id, facts.name, part, width=facts.width, height=facts.height)
        return file
    except OutcomeUnknown:
        # Perhaps the file is there; if it is not, the upload is still remembered.
        raise
    except BaseException:
        with CancelScope(shield=True):
            await discard_upload(db, file_id, key)
        raise


async def _put_thumbnail(db: Db, file_id: UUID, thumbnail: Drawing) -> StoredObject:
    key = f"{db.tenant_id}/{file_id}/{thumbnail.facts.name}"
    content_type = thumbnail.facts.content_type
    storage = db.deployment.storage
    async with aclosing(thumbnail.chunks()) as chunks:
        return await storage.put(key, chunks, content_type=content_type, max_bytes=thumbnail.size_bytes)


async def _passing_by(chunks: AsyncIterator[bytes], seen: Inspection) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        seen.pass_by(chunk)
        yield chunk


async def _add_file(
    db: Db, actor: Actor, file_id: UUID, kind: FileKind, filename: str, content_type: str, stored: StoredObject
) -> FileRef:
    files = await db.rows(
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
