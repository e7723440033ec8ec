"""Uploaded videos as whoever shows them in a list sees them: how large, how far they are made ready, with a picture."""

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Text, Uuid, and_, any_, bindparam, func, select

from kernel.auth import Actor
from kernel.db import Db
from plugins.media.queries import rendition_url
from plugins.media.schemas import RenditionRef
from plugins.media.tables import Caption, File, Rendition, Video

_POSTER = "poster-w640.webp"
_LANGUAGES = func.array(
    select(Caption.language).where(Caption.file_id == File.id).order_by(Caption.language).scalar_subquery(),
    type_=ARRAY(Text),
)
_VIDEOS = (
    select(
        File.id,
        File.filename,
        File.size,
        Video.status,
        Video.task_id,
        Video.progress,
        Video.problem,
        Video.duration_ms,
        Video.height,
        Rendition.storage_key.label("poster_key"),
        Rendition.content_type.label("poster_type"),
        _LANGUAGES.label("captions"),
    )
    .outerjoin(Video, Video.file_id == File.id)
    .outerjoin(Rendition, and_(Rendition.file_id == File.id, Rendition.name == _POSTER))
    .where(File.id == any_(bindparam("ids", type_=ARRAY(Uuid))), File.kind == "video")
)


class VideoFile(Struct, frozen=True):
    """An uploaded video; before it was looked at, its length and height are None."""

    id: UUID
    filename: str
    size: int
    status: Literal["queued", "running", "done", "failed"] | None
    task_id: UUID | None
    progress: int | None
    problem: str | None
    duration_ms: int | None
    height: int | None
    poster_key: str | None
    poster_type: str | None
    captions: list[str]

    @property
    def is_ready(self) -> bool:
        """Whether nothing is being made of it any more."""
        return self.status in (None, "done")


async def video_files(db: Db, ids: Iterable[UUID]) -> dict[UUID, VideoFile]:
    """Return uploaded videos by their ids; whether somebody may know of them is decided before."""
    wanted = list(ids)
    return {each.id: each for each in await db.rows(VideoFile, _VIDEOS, ids=wanted)} if wanted else {}


def poster_url(db: Db, actor: Actor, video: VideoFile) -> str | None:
    """Return an address of a video's picture for the session that asks, as soon as there is one.

    Raises:
        Unauthenticated: Nobody is signed in.
    """
    if video.poster_key is None or video.poster_type is None:
        return None
    poster = RenditionRef(video.id, _POSTER, video.poster_key, video.poster_type, 0, None, None)
    return rendition_url(db, actor, poster).url
