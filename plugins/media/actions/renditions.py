"""Adds what was made of a file: thumbnails of a picture, and what of a video is made elsewhere."""

from uuid import UUID

from sqlalchemy import Integer, bindparam, insert

from kernel.db import Db
from kernel.ids import new_id
from kernel.storage import StoredObject
from plugins.media.tables import Rendition

_ADD = insert(Rendition).values(
    id=bindparam("id"),
    file_id=bindparam("file"),
    name=bindparam("name"),
    storage_key=bindparam("storage_key"),
    content_type=bindparam("content_type"),
    size=bindparam("size"),
    sha256=bindparam("sha256"),
    width=bindparam("width", type_=Integer),
    height=bindparam("height", type_=Integer),
)


async def add_rendition(
    db: Db, file_id: UUID, name: str, stored: StoredObject, *, width: int | None = None, height: int | None = None
) -> None:
    """Add something to a file that is stored as a part of it already, under `<tenant>/<file>/<name>`."""
    await db.run(
        _ADD,
        id=new_id(),
        file=file_id,
        name=name,
        storage_key=stored.key,
        content_type=stored.content_type,
        size=stored.size_bytes,
        sha256=stored.sha256,
        width=width,
        height=height,
    )
