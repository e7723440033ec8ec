"""Receives resumable uploads piece by piece, from whichever process the next request reaches.

Each piece that has come whole is an object of its own with a row; when the last one is there they pass by once more,
through `files.store_file`, which decides as it does for any other upload. One request at a time holds an upload, by a
lease in its row that it renews with each piece: a process that dies lets go by saying nothing.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from anyio import CancelScope
from msgspec import Struct
from sqlalchemy import DateTime, Uuid, and_, bindparam, delete, func, insert, or_, select, update

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Forbidden, TooLarge
from kernel.ids import new_id
from kernel.storage import safe_filename
from plugins.media.actions.files import store_file
from plugins.media.actions.quotas import bytes_left, take_turns
from plugins.media.errors import FileNotAccepted, OffsetMismatch, QuotaExceeded, TooManyUploads, UploadBusy
from plugins.media.permissions import BY_KIND
from plugins.media.queries import RESUMABLE_COLUMNS, resumable_upload
from plugins.media.rules.tus import Announced
from plugins.media.schemas import Resumable
from plugins.media.settings import most_bytes
from plugins.media.tables import ResumableUpload, UploadPart

EXPIRES_AFTER = timedelta(days=1)
LEASE = timedelta(seconds=60)
PIECE_BYTES = 16 * 1024**2
PIECE_TIME = timedelta(seconds=10)
"""A piece ends after so long, so that a slow sender keeps its lease and loses little."""
MOST_OPEN = 20
log = structlog.get_logger(__name__)

_NOW = bindparam("now", type_=DateTime(timezone=True))
_MINE = and_(
    ResumableUpload.id == bindparam("upload", type_=Uuid),
    ResumableUpload.owner_id == bindparam("owner", type_=Uuid),
    ResumableUpload.expires_at > _NOW,
)
_HELD = and_(
    ResumableUpload.id == bindparam("upload", type_=Uuid), ResumableUpload.holder == bindparam("by", type_=Uuid)
)
_UNTIL = bindparam("until", type_=DateTime(timezone=True))
_COUNT_OPEN = (
    select(func.count())
    .select_from(ResumableUpload)
    .where(
        ResumableUpload.owner_id == bindparam("owner", type_=Uuid),
        ResumableUpload.file_id.is_(None),
        ResumableUpload.expires_at > _NOW,
    )
)
_CREATE = insert(ResumableUpload).values(
    id=bindparam("id"),
    owner_id=bindparam("owner"),
    kind=bindparam("kind"),
    filename=bindparam("filename"),
    length=bindparam("length"),
    received=0,
    expires_at=bindparam("expires_at"),
)
_HOLD = (
    update(ResumableUpload)
    .where(_MINE, or_(ResumableUpload.holder.is_(None), ResumableUpload.held_until < _NOW))
    .values(holder=bindparam("by", type_=Uuid), held_until=_UNTIL)
    .returning(*RESUMABLE_COLUMNS)
)
_RENEW = update(ResumableUpload).where(_HELD).values(held_until=_UNTIL)
_RELEASE = update(ResumableUpload).where(_HELD).values(holder=None, held_until=None)
_ADVANCE = (
    update(ResumableUpload)
    .where(_HELD, ResumableUpload.received == bindparam("start"))
    .values(
        received=ResumableUpload.received + bindparam("size"),
        held_until=_UNTIL,
        expires_at=bindparam("expires_at", type_=DateTime(timezone=True)),
    )
    .returning(*RESUMABLE_COLUMNS)
)
_ADD_PART = insert(UploadPart).values(
    id=bindparam("id"),
    upload_id=bindparam("upload"),
    starts_at_byte=bindparam("start"),
    size=bindparam("size"),
    storage_key=bindparam("storage_key"),
)
_PARTS = (
    select(UploadPart.storage_key, UploadPart.size)
    .where(UploadPart.upload_id == bindparam("upload", type_=Uuid))
    .order_by(UploadPart.starts_at_byte)
)
_FINISH = (
    update(ResumableUpload)
    .where(_HELD, ResumableUpload.file_id.is_(None))
    .values(file_id=bindparam("file", type_=Uuid))
)
_FORGET_PARTS = delete(UploadPart).where(UploadPart.upload_id == bindparam("upload", type_=Uuid))
_END = delete(ResumableUpload).where(_HELD)
_FORGET_EXPIRED = delete(ResumableUpload).where(ResumableUpload.expires_at <= _NOW).returning(ResumableUpload.id)


class Part(Struct, frozen=True):
    """Bytes that have come."""

    storage_key: str
    size: int


class Holding(Struct, frozen=True):
    """A request's hold on an upload, as it was when it got hold of it."""

    by: UUID
    upload: Resumable


async def begin_upload(db: Db, actor: Actor, wanted: Announced) -> Resumable:
    """Begin an upload whose bytes will come in later requests.

    Raises:
        Forbidden: The actor may not upload what it is for.
        TooLarge: It is longer than the tenant allows.
        QuotaExceeded: There is no room left for the actor.
        TooManyUploads: Others wait for their rest.
    """
    if not actor.may(BY_KIND[wanted.kind]):
        raise Forbidden
    most = most_bytes(db.tenant, wanted.kind)
    if wanted.length > most:
        raise TooLarge(f"The file is larger than {most} bytes.")
    if wanted.length > await bytes_left(db, actor.id):
        raise QuotaExceeded
    await take_turns(db, actor.id, always=True)
    now = clock.now()
    if int(await db.value(_COUNT_OPEN, owner=actor.id, now=now)) >= MOST_OPEN:
        raise TooManyUploads
    upload_id = new_id()
    await db.run(
        _CREATE,
        id=upload_id,
        owner=actor.id,
        kind=wanted.kind,
        filename=safe_filename(wanted.filename),
        length=wanted.length,
        expires_at=now + EXPIRES_AFTER,
    )
    return await resumable_upload(db, actor, upload_id)


async def hold_upload(db: Db, actor: Actor, upload_id: UUID) -> Holding:
    """Get hold of an upload, for good until `release_upload` or as long as a lease lasts.

    Raises:
        UploadNotFound: It is not the actor's.
        UploadBusy: Another request holds it.
    """
    by, now = new_id(), clock.now()
    async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
        await resumable_upload(writing, actor, upload_id)
        held = await writing.row(Resumable, _HOLD, upload=upload_id, owner=actor.id, now=now, by=by, until=now + LEASE)
    if held is None:
        raise UploadBusy(headers={"Retry-After": "1"})
    return Holding(by, held)


async def release_upload(db: Db, holding: Holding) -> None:
    """Let the next request have the upload; a lease that cannot be given back ends by itself."""
    with CancelScope(shield=True):
        try:
            async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
                await writing.run(_RELEASE, upload=holding.upload.id, by=holding.by)
        except Exception:
            log.exception("upload.release_failed")


async def append(db: Db, actor: Actor, holding: Holding, start: int, chunks: AsyncIterator[bytes]) -> Resumable:
    """Add bytes to an upload; with its last byte it becomes a file. What has come before a failure stays.

    Raises:
        Forbidden: The actor may not upload any more what it is for.
        OffsetMismatch: They are not those that come next.
        TooLarge: There are more than were announced.
        FileNotAccepted: The whole is nothing that is taken; the upload is at its end then.
    """
    upload = holding.upload
    if not actor.may(BY_KIND[upload.kind]):
        raise Forbidden
    if start != upload.received:
        raise OffsetMismatch
    pieces = _Pieces(chunks)
    while upload.file_id is None and await pieces.more():
        upload = await _add_piece(db, holding.by, upload, pieces)
    if upload.file_id is None and upload.received == upload.length:
        await _become_file(db, actor, holding.by, upload)
    return upload


async def end_upload(db: Db, holding: Holding) -> None:
    """Give an upload up, and remove what has come of it; a file that it has become stays."""
    async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
        await writing.run(_END, upload=holding.upload.id, by=holding.by)
    await _remove_pieces(db, holding.upload.id)


async def remove_expired_uploads(db: Db) -> int:
    """Remove uploads whose rest has not come for a day; return how many there were."""
    expired = await db.values(_FORGET_EXPIRED, now=clock.now())
    for upload_id in expired:
        await _remove_pieces(db, upload_id)
    return len(expired)


class _Pieces:
    """Cuts what is sent into pieces of a bounded size and time."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._next = b""

    async def more(self) -> bool:
        """Whether there is another piece."""
        while not self._next:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                return False
            self._next = chunk
        return True

    async def piece(self) -> AsyncGenerator[bytes, None]:
        """Give the bytes of the next piece."""
        size, began_at = 0, clock.now()
        while await self.more():
            chunk, self._next = self._next, b""
            yield chunk
            size += len(chunk)
            if size >= PIECE_BYTES or clock.now() - began_at >= PIECE_TIME:
                return


async def _add_piece(db: Db, by: UUID, upload: Resumable, pieces: _Pieces) -> Resumable:
    key = f"{db.tenant_id}/{upload.id}/{new_id()}"
    left = upload.length - upload.received
    async with aclosing(pieces.piece()) as chunks:
        stored = await db.deployment.storage.put(key, chunks, content_type="application/octet-stream", max_bytes=left)
    now = clock.now()
    async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
        size = stored.size_bytes
        after = await writing.row(
            Resumable,
            _ADVANCE,
            upload=upload.id,
            by=by,
            start=upload.received,
            size=size,
            until=now + LEASE,
            expires_at=now + EXPIRES_AFTER,
        )
        if after is not None:
            await writing.run(
                _ADD_PART, id=new_id(), upload=upload.id, start=upload.received, size=size, storage_key=key
            )
    if after is None:
        await db.deployment.storage.delete(key)
        raise UploadBusy
    return after


async def _become_file(db: Db, actor: Actor, by: UUID, upload: Resumable) -> None:
    async def finish(writing: Db, file_id: UUID) -> None:
        if not await writing.run(_FINISH, upload=upload.id, by=by, file=file_id):
            raise UploadBusy
        await writing.run(_FORGET_PARTS, upload=upload.id)

    async with db.deployment.database.transaction(db.origin, db.tenant) as reading:
        parts = await reading.rows(Part, _PARTS, upload=upload.id)
    async with aclosing(_whole(db, by, upload.id, parts)) as chunks:
        try:
            await store_file(
                db,
                actor,
                kind=upload.kind,
                filename=upload.filename,
                chunks=chunks,
                max_bytes=upload.length,
                and_then=finish,
            )
        except FileNotAccepted:
            await end_upload(db, Holding(by, upload))
            raise
    await _remove_pieces(db, upload.id)


async def _whole(db: Db, by: UUID, upload_id: UUID, parts: list[Part]) -> AsyncGenerator[bytes, None]:
    renewed_at = clock.now()
    for part in parts:
        async with aclosing(db.deployment.storage.open_range(part.storage_key, 0, part.size)) as chunks:
            async for chunk in chunks:
                if clock.now() - renewed_at > LEASE / 4:
                    renewed_at = await _renew(db, by, upload_id)
                yield chunk


async def _renew(db: Db, by: UUID, upload_id: UUID) -> datetime:
    now = clock.now()
    async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
        if not await writing.run(_RENEW, upload=upload_id, by=by, until=now + LEASE):
            raise UploadBusy
    return now


async def _remove_pieces(db: Db, upload_id: UUID) -> None:
    """Remove the bytes of an upload, those included of which no row knows because a process died."""
    storage = db.deployment.storage
    for key in [key async for key in storage.list_keys(f"{db.tenant_id}/{upload_id}/")]:
        await storage.delete(key)
