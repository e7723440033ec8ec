"""Reads of files and the addresses under which they are served.

Who may see a file is decided by whoever asks for its address.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, or_, select

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Unauthenticated
from kernel.storage import Disposition, sign_media_url
from plugins.media.errors import FileNotFound
from plugins.media.schemas import FileKind, FileRef, SignedUrl, UploadedFile
from plugins.media.tables import File

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
    or_(bindparam("kind", type_=Text).is_(None), File.kind == bindparam("kind")),
)
_BY_KEY = _FILES.where(File.storage_key == bindparam("key"))


async def file_by_id(db: Db, file_id: UUID, *, owner_id: UUID | None = None, kind: FileKind | None = None) -> FileRef:
    """Return a file.

    Args:
        db: The transaction.
        file_id: Which one.
        owner_id: Only if this person has uploaded it; None for anybody's.
        kind: Only if it is of this kind.

    Raises:
        FileNotFound: There is none in this tenant, or not such a one.
    """
    file = await db.row(FileRef, _BY_ID, id=file_id, owner=owner_id, kind=kind)
    if file is None:
        raise FileNotFound
    return file


async def file_by_key(db: Db, key: str) -> FileRef:
    """Return the file under a storage key.

    Raises:
        FileNotFound: There is none in this tenant.
    """
    file = await db.row(FileRef, _BY_KEY, key=key)
    if file is None:
        raise FileNotFound
    return file


def signed_url(db: Db, actor: Actor, file: FileRef, *, disposition: Disposition = "inline") -> SignedUrl:
    """Return an address of four hours for the session that asks; whether it may is decided before.

    Raises:
        Unauthenticated: Nobody is signed in.
    """
    if actor.session_id is None:
        raise Unauthenticated
    expires_at = (clock.now() + URL_TTL).replace(microsecond=0)
    url = sign_media_url(
        db.deployment.keyring,
        tenant_id=db.tenant_id,
        user_id=actor.id,
        session_id=actor.session_id,
        key=file.storage_key,
        expires_at=expires_at,
        content_type=file.content_type,
        filename=file.filename,
        disposition=disposition,
    )
    return SignedUrl(url, expires_at)


def uploaded_file(db: Db, actor: Actor, file: FileRef) -> UploadedFile:
    """Return a file as its owner sees it."""
    url = signed_url(db, actor, file).url
    return UploadedFile(file.id, file.kind, file.filename, file.content_type, file.size, file.sha256, url)
