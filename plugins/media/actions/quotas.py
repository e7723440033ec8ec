"""Holds everybody to their share of the storage: what they have uploaded, without what was made of it."""

import sys
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, func, select

from kernel.db import Db
from plugins.media.errors import QuotaExceeded
from plugins.media.settings import SETTINGS, MediaSettings
from plugins.media.tables import File

UNLIMITED = sys.maxsize
_USED = select(func.coalesce(func.sum(File.size), 0)).where(File.owner_id == bindparam("owner", type_=Uuid))
# Two uploads of one person that end at once come one after the other, and the second one sees the first.
_TAKE_TURNS = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key", type_=Text), 0)))


async def bytes_left(db: Db, owner_id: UUID) -> int:
    """Return how many bytes somebody may still upload, as far as can be known before they have come.

    Raises:
        QuotaExceeded: None.
    """
    most = _most(db)
    if not most:
        return UNLIMITED
    left = most - int(await db.value(_USED, owner=owner_id))
    if left <= 0:
        raise QuotaExceeded
    return left


async def check_quota(db: Db, owner_id: UUID) -> None:
    """Refuse the file that this transaction has added if it is too much, whatever else is added meanwhile.

    Raises:
        QuotaExceeded: It is.
    """
    most = _most(db)
    if most and int(await db.value(_USED, owner=owner_id)) > most:
        raise QuotaExceeded


async def take_turns(db: Db, owner_id: UUID, *, always: bool = False) -> None:
    """Let one transaction at a time add files of somebody who has a quota, or of anybody; before it adds one."""
    if always or _most(db):
        await db.value(_TAKE_TURNS, key=f"media.quota:{db.tenant_id}:{owner_id}")


def _most(db: Db) -> int:
    return db.tenant.setting(SETTINGS, MediaSettings).max_bytes_per_user
