"""What media keeps about people: the files that they uploaded.

A file stays where it is shown, which only other plugins know; it loses its name and whose it was.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, func, select, update

from kernel.db import Db
from kernel.personal_data import PersonalData
from plugins.media.tables import File, ResumableUpload, Upload

_OWNER = bindparam("owner", type_=Uuid)
_FILES = (
    select(
        File.id.label("file_id"),
        File.kind,
        File.filename,
        File.content_type,
        File.size,
        File.sha256,
        File.created_at,
    )
    .where(File.owner_id == _OWNER)
    .order_by(File.created_at)
)
_UNFINISHED = (
    select(
        ResumableUpload.id.label("upload_id"),
        ResumableUpload.kind,
        ResumableUpload.filename,
        ResumableUpload.length,
        ResumableUpload.received,
        ResumableUpload.created_at,
    )
    .where(ResumableUpload.owner_id == _OWNER, ResumableUpload.file_id.is_(None))
    .order_by(ResumableUpload.created_at)
)
_ending = func.coalesce(func.substring(File.filename, r"\.[A-Za-z0-9]{1,8}$"), "")
_DISOWN_FILES = update(File).where(File.owner_id == _OWNER).values(owner_id=None, filename=File.kind.concat(_ending))
_DISOWN_UPLOADS = update(Upload).where(Upload.owner_id == _OWNER).values(owner_id=None)

# What is not complete is nobody's any more, and expires.
_DISOWN_RESUMABLE = update(ResumableUpload).where(ResumableUpload.owner_id == _OWNER).values(owner_id=None, filename="")


class KeptFile(Struct, frozen=True):
    """A file that somebody uploaded."""

    file_id: UUID
    kind: str
    filename: str
    content_type: str
    size: int
    sha256: str
    created_at: datetime


class KeptUpload(Struct, frozen=True):
    """An upload whose rest has not come yet; sizes in bytes."""

    upload_id: UUID
    kind: str
    filename: str
    length: int
    received: int
    created_at: datetime


async def _files(db: Db, user_id: UUID) -> list[KeptFile]:
    return await db.rows(KeptFile, _FILES, owner=user_id)


async def _unfinished(db: Db, user_id: UUID) -> list[KeptUpload]:
    return await db.rows(KeptUpload, _UNFINISHED, owner=user_id)


async def _disown_unfinished(db: Db, user_id: UUID) -> None:
    await db.run(_DISOWN_RESUMABLE, owner=user_id)


async def _disown(db: Db, user_id: UUID) -> None:
    await db.run(_DISOWN_UPLOADS, owner=user_id)
    await db.run(_DISOWN_FILES, owner=user_id)


PERSONAL_DATA = (
    PersonalData(name="media.files", title="Files that you uploaded", export=_files, erase=_disown),
    PersonalData(name="media.unfinished", title="Uploads that you began", export=_unfinished, erase=_disown_unfinished),
)
