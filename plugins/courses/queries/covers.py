"""The picture on a course's card: its address, and its bytes for everyone who may see the course.

The address is the course's own, since the catalogue is the same for many people and is kept, and a signed address works
for one session alone. Whoever asks is asked for the right each time; their browser keeps the bytes and asks again.
"""

from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Text, bindparam, case, cast, literal, select

from kernel.auth import Actor
from kernel.db import Db
from plugins.courses.errors import CoverNotFound
from plugins.courses.queries.viewing import IS_VISIBLE, check_may_browse, viewer_of
from plugins.courses.tables import Course
from plugins.media import api as media

CoverWidth = Literal["320", "640"]
COVER_URL = case(
    (Course.cover_file_id.is_not(None), literal("/api/v1/courses/", Text) + cast(Course.id, Text) + "/cover")
).label("thumbnail_url")
_COVER = select(Course.cover_file_id).where(Course.id == bindparam("course"), IS_VISIBLE)


class Cover(Struct, frozen=True):
    """A picture; without its bytes for who has them already."""

    etag: str
    content_type: str
    body: bytes | None


async def course_cover(db: Db, actor: Actor, course_id: UUID, width: CoverWidth, *, known: str) -> Cover:
    """Return the cover of a course, no wider than that. The transaction ends before its bytes are read.

    Args:
        db: The transaction.
        actor: Who asks.
        course_id: Of which course.
        width: In pixels.
        known: The `If-None-Match` of the request.

    Raises:
        CoverNotFound: There is no such course, or not for this person, or it has no cover.
    """
    check_may_browse(db, actor)
    file_id = await db.value(_COVER, course=course_id, **viewer_of(actor).parameters)
    if file_id is None:
        raise CoverNotFound
    # The bytes of a file never change.
    etag = f'"{file_id}-{width}"'
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    thumbnail = (await media.renditions_by_file(db, [file_id])).get(file_id, {}).get(f"w{width}.webp")
    if thumbnail is None:
        raise CoverNotFound
    if tags & {etag, "*"}:
        return Cover(etag, thumbnail.content_type, None)
    await db.release()
    return Cover(etag, thumbnail.content_type, await media.rendition_bytes(db, thumbnail))
