"""Reads of files and the addresses under which they are served.

Who may see a file is decided by whoever asks for its address.
"""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Text, Uuid, any_, bindparam, func, or_, select

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Unauthenticated
from kernel.storage import Disposition, sign_media_url
from plugins.media.errors import FileNotFound, UploadNotFound
from plugins.media.schemas import (
    FileKind,
    FileRef,
    Processing,
    RenditionRef,
    Resumable,
    Served,
    SignedUrl,
    UploadedFile,
    UploadState,
)
from plugins.media.tables import File, Rendition, ResumableUpload, Video

URL_TTL = timedelta(hours=4)
"""Source: product document 5.3.4."""

FILE_COLUMNS = (
    File.id,
    File.owner_id,
    File.kind,
    File.filename,
    File.content_type,
    File.size,
    File.sha256,
    File.storage_key,
    File.created_at,
)
_FILES = select(*FILE_COLUMNS)
_BY_ID = _FILES.where(
    File.id == bindparam("id"),
    or_(bindparam("owner", type_=Uuid).is_(None), File.owner_id == bindparam("owner")),
    # An archive is gone after a day, so nobody finds one without asking for it.
    func.coalesce(File.kind == bindparam("kind", type_=Text), File.kind != "archive"),
)
_FILES_BY_ID = _FILES.where(File.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
_TO_USE = _BY_ID.with_for_update(read=True, key_share=True)
_FILE_BY_KEY = select(File.storage_key, File.size, File.sha256, File.created_at).where(
    File.storage_key == bindparam("key")
)
_PART_BY_KEY = select(Rendition.storage_key, Rendition.size, Rendition.sha256, Rendition.created_at).where(
    Rendition.storage_key == bindparam("key")
)
RESUMABLE_COLUMNS = (
    ResumableUpload.id,
    ResumableUpload.kind,
    ResumableUpload.filename,
    ResumableUpload.length,
    ResumableUpload.received,
    ResumableUpload.expires_at,
    ResumableUpload.file_id,
)
_RESUMABLE = select(*RESUMABLE_COLUMNS).where(
    ResumableUpload.id == bindparam("upload", type_=Uuid),
    ResumableUpload.owner_id == bindparam("owner", type_=Uuid),
    ResumableUpload.expires_at > bindparam("now", type_=DateTime(timezone=True)),
)
_RENDITIONS = (
    select(
        Rendition.file_id,
        Rendition.name,
        Rendition.storage_key,
        Rendition.content_type,
        Rendition.size,
        Rendition.width,
        Rendition.height,
    )
    .where(Rendition.file_id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    .order_by(Rendition.name)
)

_PROCESSING = select(Video.status, Video.task_id, Video.progress, Video.problem).where(
    Video.file_id == bindparam("file", type_=Uuid)
)


async def file_by_id(db: Db, file_id: UUID, *, owner_id: UUID | None = None, kind: FileKind | None = None) -> FileRef:
    """Return a file.

    Args:
        db: The transaction.
        file_id: Which one.
        owner_id: Only if this person has uploaded it; None for anybody's.
        kind: Only if it is of this kind; None for any but an archive, which is kept for a day alone.

    Raises:
        FileNotFound: There is none in this tenant, or not such a one.
    """
    file = await db.row(FileRef, _BY_ID, id=file_id, owner=owner_id, kind=kind)
    if file is None:
        raise FileNotFound
    return file


async def files_by_id(db: Db, ids: Iterable[UUID]) -> dict[UUID, FileRef]:
    """Return files of any kind and owner; those that are not there are left out."""
    wanted = list(ids)
    return {file.id: file for file in await db.rows(FileRef, _FILES_BY_ID, ids=wanted)} if wanted else {}


async def file_to_use(db: Db, file_id: UUID, *, owner_id: UUID | None = None, kind: FileKind | None = None) -> FileRef:
    """Return a file as `file_by_id` does, and let nobody delete it before this transaction has put it to use.

    Raises:
        FileNotFound: There is none in this tenant, or not such a one.
    """
    file = await db.row(FileRef, _TO_USE, id=file_id, owner=owner_id, kind=kind)
    if file is None:
        raise FileNotFound
    return file


async def served_by_key(db: Db, key: str) -> Served:
    """Return what is under a storage key: a file, or something that was made of one.

    Raises:
        FileNotFound: There is nothing in this tenant.
    """
    served = await db.row(Served, _PART_BY_KEY if key.count("/") > 1 else _FILE_BY_KEY, key=key)
    if served is None:
        raise FileNotFound
    return served


async def renditions_by_file(db: Db, file_ids: Sequence[UUID]) -> dict[UUID, dict[str, RenditionRef]]:
    """Return what was made of these files, by file and name; of what is no file here, nothing."""
    found: dict[UUID, dict[str, RenditionRef]] = {}
    for rendition in await db.rows(RenditionRef, _RENDITIONS, ids=list(file_ids)):
        found.setdefault(rendition.file_id, {})[rendition.name] = rendition
    return found


def signed_url(db: Db, actor: Actor, file: FileRef, *, disposition: Disposition = "inline") -> SignedUrl:
    """Return an address of four hours for the session that asks; whether it may is decided before.

    Raises:
        Unauthenticated: Nobody is signed in.
    """
    return _signed(db, actor, file.storage_key, file.content_type, file.filename, disposition)


def rendition_url(db: Db, actor: Actor, rendition: RenditionRef) -> SignedUrl:
    """Return an address of something that was made of a file, as `signed_url` does of the file.

    Raises:
        Unauthenticated: Nobody is signed in.
    """
    return _signed(db, actor, rendition.storage_key, rendition.content_type, rendition.name, "inline")


async def rendition_bytes(db: Db, rendition: RenditionRef) -> bytes:
    """Return the bytes of something small, such as a thumbnail; whether they may be shown is decided before.

    No connection should wait for it: `Db.release` first.
    """
    async with aclosing(db.deployment.storage.open_range(rendition.storage_key, 0, rendition.size)) as chunks:
        return b"".join([chunk async for chunk in chunks])


def _signed(db: Db, actor: Actor, key: str, content_type: str, filename: str, disposition: Disposition) -> SignedUrl:
    if actor.session_id is None:
        raise Unauthenticated
    expires_at = (clock.now() + URL_TTL).replace(microsecond=0)
    url = sign_media_url(
        db.deployment.keyring,
        tenant_id=db.tenant_id,
        user_id=actor.id,
        session_id=actor.session_id,
        key=key,
        expires_at=expires_at,
        content_type=content_type,
        filename=filename,
        disposition=disposition,
    )
    return SignedUrl(url, expires_at)


async def uploaded_file(db: Db, actor: Actor, file: FileRef) -> UploadedFile:
    """Return a file as its owner sees it."""
    url = signed_url(db, actor, file).url
    made = (await renditions_by_file(db, [file.id])).get(file.id, {}) if file.kind == "image" else {}
    thumbnails = {name: rendition_url(db, actor, each).url for name, each in made.items()}
    processing = await db.row(Processing, _PROCESSING, file=file.id) if file.kind == "video" else None
    return UploadedFile(
        file.id, file.kind, file.filename, file.content_type, file.size, file.sha256, url, thumbnails, processing
    )


async def resumable_upload(db: Db, actor: Actor, upload_id: UUID) -> Resumable:
    """Return an upload that the actor has begun.

    Raises:
        UploadNotFound: There is none, or it has expired.
    """
    upload = await db.row(Resumable, _RESUMABLE, upload=upload_id, owner=actor.id, now=clock.now())
    if upload is None:
        raise UploadNotFound
    return upload


async def upload_state(db: Db, actor: Actor, upload: Resumable) -> UploadState:
    """Return how far an upload is, with the file that it has become."""
    file = None
    if upload.file_id is not None:
        file = await uploaded_file(db, actor, await file_by_id(db, upload.file_id, owner_id=actor.id, kind=upload.kind))
    return UploadState(upload.id, upload.length, upload.received, upload.expires_at, file)
