"""Removes what is in the storage and belongs to no file and no upload, by listing all that a tenant has there.

Such objects are left by a process that died at the wrong moment and by tasks that failed for good. An object of another
shape than ours is not touched, and neither is one below a file: with the file it goes.
"""

import re
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select, union_all

from kernel import clock
from kernel.storage import ObjectNotFound, Storage
from kernel.tasks import TaskContext
from plugins.media.rules.inspecting import is_extension
from plugins.media.tables import File, ResumableUpload, Upload

LOST_AFTER = timedelta(days=7)
"""So old an object without a row must be; until then somebody may still bring back a newer copy of the database."""
MOST_AT_ONCE = 500
_KEY = re.compile(r"[^/]+/([^/.]+)(?:\.([^/]+)|/[^/]+)")
_ids = any_(bindparam("ids", type_=ARRAY(Uuid)))
_KNOWN = union_all(*(select(table.id).where(table.id == _ids) for table in (File, Upload, ResumableUpload)))


async def remove_lost_objects(context: TaskContext) -> int:
    """Remove a tenant's objects that belong to nothing; return how many there were."""
    async with context.transaction() as db:
        storage, prefix = db.deployment.storage, f"{db.tenant_id}/"
    removed = 0
    waiting: dict[str, UUID] = {}
    # What is listed first and looked up afterwards has its row by then: rows of uploads come before the bytes.
    async for key in storage.list_keys(prefix):
        if (owner := _owner(key)) is not None:
            waiting[key] = owner
        if len(waiting) == MOST_AT_ONCE:
            removed += await _remove(context, waiting)
            waiting = {}
    return removed + await _remove(context, waiting)


async def _remove(context: TaskContext, owners: dict[str, UUID]) -> int:
    async with context.transaction() as db:
        storage = db.deployment.storage
        known = set(await db.values(_KNOWN, ids=list(set(owners.values()))))
    lost = [key for key, owner in owners.items() if owner not in known]
    return sum([await _remove_if_old(storage, key) for key in lost])


async def _remove_if_old(storage: Storage, key: str) -> bool:
    try:
        is_old = (await storage.stat(key)).modified_at < clock.now() - LOST_AFTER
    except ObjectNotFound:
        return False
    if is_old:
        await storage.delete(key)
    return is_old


def _owner(key: str) -> UUID | None:
    """Return the id of the file or upload to which an object belongs; None for an object of another shape."""
    match = _KEY.fullmatch(key)
    if match is None or (match[2] is not None and not is_extension(match[2])):
        return None
    return UUID(match[1])
