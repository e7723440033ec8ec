"""Remembers uploads under way, and removes what is left of those that ended badly.

Bytes are no part of a transaction, so an upload is remembered before they are written and forgotten in the transaction
that makes the file: whatever dies in between is swept away by `remove_abandoned_uploads`.
"""

from datetime import timedelta
from uuid import UUID

import structlog
from msgspec import Struct
from sqlalchemy import DateTime, bindparam, delete, insert

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from plugins.media.actions.quotas import bytes_left
from plugins.media.errors import UploadAborted
from plugins.media.tables import Upload

ABANDONED_AFTER = timedelta(days=1)
log = structlog.get_logger(__name__)

_REMEMBER = insert(Upload).values(id=bindparam("id"), owner_id=bindparam("owner"), storage_key=bindparam("storage_key"))
_FORGET = delete(Upload).where(Upload.id == bindparam("upload"))
_FORGET_ABANDONED = (
    delete(Upload)
    .where(Upload.created_at < bindparam("before", type_=DateTime(timezone=True)))
    .returning(Upload.id, Upload.storage_key)
)


class Abandoned(Struct, frozen=True):
    """An upload that ended before the file did, by the id that the file would have had."""

    id: UUID
    storage_key: str


async def remember_upload(db: Db, actor: Actor, file_id: UUID, key: str) -> int:
    """Write down, at once and for good, that bytes are about to come; return how many may.

    Raises:
        QuotaExceeded: None.
    """
    async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
        left = await bytes_left(writing, actor.id)
        await writing.run(_REMEMBER, id=file_id, owner=actor.id, storage_key=key)
    return left


async def remember_object(db: Db, upload_id: UUID, key: str) -> None:
    """Write down that something is about to be made of a file, which counts for nobody's quota."""
    await db.run(_REMEMBER, id=upload_id, owner=None, storage_key=key)


async def forget_upload(db: Db, file_id: UUID) -> None:
    """Forget an upload in the transaction that makes its file.

    Raises:
        UploadAborted: It was taken for abandoned.
    """
    if not await db.run(_FORGET, upload=file_id):
        raise UploadAborted("The upload took longer than a day.")


async def discard_upload(db: Db, file_id: UUID, key: str) -> None:
    """Remove at once what is left of an upload; if that fails too, the sweep does it later."""
    try:
        await remove_objects(db, file_id, key)
        async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
            await writing.run(_FORGET, upload=file_id)
    except Exception:
        log.exception("upload.discard_failed", key=key)


async def remove_abandoned_uploads(db: Db) -> int:
    """Remove what uploads of processes that died have left; return how many there were."""
    abandoned = await db.rows(Abandoned, _FORGET_ABANDONED, before=clock.now() - ABANDONED_AFTER)
    for each in abandoned:
        await remove_objects(db, each.id, each.storage_key)
    return len(abandoned)


async def remove_objects(db: Db, file_id: UUID, key: str) -> None:
    """Remove the bytes of a file, and of all that was made of it."""
    storage = db.deployment.storage
    for part in [part async for part in storage.list_keys(f"{db.tenant_id}/{file_id}/")]:
        await storage.delete(part)
    await storage.delete(key)
