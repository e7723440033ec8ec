"""Deletes files: the row in a transaction, and afterwards, by a task that this transaction has enqueued, the bytes.

A file that something uses is never deleted, and none at all while plugins that may be using files cannot be asked. What
is left when even that task has failed for good is found by `lost_objects`.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import structlog
from msgspec import Struct
from sqlalchemy import Uuid, bindparam, delete, or_, select

from kernel import clock
from kernel.absence import absent_plugins
from kernel.auth import Actor
from kernel.constraints import rows_pointing_here
from kernel.db import Db
from kernel.errors import FieldError
from kernel.tasks import Task, TaskContext, enqueue
from plugins.media.actions.uploads import remove_objects
from plugins.media.errors import FileInUse, FileNotFound, UsesUnknown
from plugins.media.library import told_uses, unused_files, uses_of
from plugins.media.permissions import DELETE_FILES
from plugins.media.settings import SETTINGS, MediaSettings
from plugins.media.tables import File

MOST_AT_ONCE = 500
_FIRST = UUID(int=0)
log = structlog.get_logger(__name__)

# Whoever is putting the file to use has a lock that this one waits for; whoever comes later waits for this one.
_LOCK = (
    select(File.id.label("file_id"), File.storage_key)
    .where(
        File.id == bindparam("file", type_=Uuid),
        or_(bindparam("owner", type_=Uuid).is_(None), File.owner_id == bindparam("owner")),
    )
    .with_for_update()
)
_DELETE = delete(File).where(File.id == bindparam("file", type_=Uuid))


class StoredFile(Struct, frozen=True):
    """Where the bytes of a file are."""

    file_id: UUID
    storage_key: str


async def _remove_bytes(context: TaskContext, stored: StoredFile) -> None:
    async with context.transaction() as db:
        await remove_objects(db, stored.file_id, stored.storage_key)


REMOVE_BYTES = Task(
    name="media.remove_bytes", title="Remove a file", payload=StoredFile, work=_remove_bytes, timeout_s=1800
)


async def delete_file(db: Db, actor: Actor, file_id: UUID) -> None:
    """Delete a file that nothing uses.

    Needs: media.library.delete

    Raises:
        FileNotFound: It is not there, or not the actor's.
        FileInUse: Something uses it.
        UsesUnknown: Plugins cannot be asked.
    """
    await _delete(db, file_id, actor.limited_to(DELETE_FILES))


async def delete_unused_files(context: TaskContext) -> int:
    """Delete what nothing uses and is older than the tenant keeps it; return how many files that were."""
    deleted, after = 0, _FIRST
    while unused := await _unused(context, after):
        for file_id in unused:
            try:
                async with context.transaction() as db:
                    await _delete(db, file_id, None)
                deleted += 1
            except (FileNotFound, FileInUse) as error:
                log.info("file.kept", file_id=str(file_id), reason=error.detail)
        after = unused[-1]
    return deleted


async def remove_files(db: Db, ids: Iterable[UUID]) -> int:
    """Delete files of work that is undone, or over; those stay to which somebody points. Return how many went.

    Commits by itself, a file at a time.
    """
    removed = 0
    for file_id in ids:
        try:
            async with db.deployment.database.transaction(db.origin, db.tenant) as writing:
                stored = await writing.row(StoredFile, _LOCK, file=file_id, owner=None)
                if stored is not None:
                    with rows_pointing_here(FileInUse):
                        removed += await writing.run(_DELETE, file=file_id)
                    await enqueue(writing, REMOVE_BYTES, stored)
        except FileInUse:
            log.info("file.kept", file_id=str(file_id), reason=FileInUse.title)
    return removed


async def _delete(db: Db, file_id: UUID, owner_id: UUID | None) -> None:
    stored = await db.row(StoredFile, _LOCK, file=file_id, owner=owner_id)
    if stored is None:
        raise FileNotFound
    if absent := await absent_plugins(db):
        raise UsesUnknown(f"These plugins cannot be asked whether they use it: {', '.join(absent)}.")
    if uses := await uses_of(db, [file_id]):
        raise FileInUse(errors=[FieldError(use.name, use.title) for use in uses])
    with rows_pointing_here(FileInUse):
        await db.run(_DELETE, file=file_id)
    await enqueue(db, REMOVE_BYTES, stored)


async def _unused(context: TaskContext, after: UUID) -> list[UUID]:
    async with context.transaction() as db:
        days = db.tenant.setting(SETTINGS, MediaSettings).keep_unused_days
        # If no plugin tells what it uses, then nobody knows that anything is not used.
        if not days or not told_uses(db):
            return []
        if absent := await absent_plugins(db):
            log.warning("files.uses_unknown", plugins=absent)
            return []
        before = clock.now() - timedelta(days=days)
        return await unused_files(db, before=before, after=after, most=MOST_AT_ONCE)
