"""What changes videos."""

from functools import cache
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, structs
from sqlalchemy import Integer, Update, Uuid, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError
from kernel.events import publish
from kernel.ids import new_id
from plugins.courses import rules
from plugins.courses.errors import DurationUnknown, SectionNotFound, VideoNotFound
from plugins.courses.events import CurriculumChanged
from plugins.courses.permissions import EDIT
from plugins.courses.queries.videos import video_details
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.curriculum import CreateVideoRequest, UpdateVideoRequest, VideoDetails
from plugins.courses.schemas.texts import VideoType
from plugins.courses.tables import Course, CourseSection, CourseVideo
from plugins.media import api as media

_SOURCES = ("file_id", "youtube_id", "video_url")
_COLUMNS = (
    "title",
    "description",
    "video_type",
    *_SOURCES,
    "duration_seconds",
    "is_preview",
    "requires_code",
    "is_published",
)
_COUNTS_FOR_PROGRESS = frozenset({"is_published", "duration_seconds"})
"""What changes the share that students have watched, and the length of the course."""
_LAST = (
    select(func.coalesce(func.max(CourseVideo.sort_order) + 1, 0))
    .where(CourseVideo.section_id == CourseSection.id)
    .scalar_subquery()
)
_ADD = (
    insert(CourseVideo)
    .from_select(
        ["id", "section_id", "sort_order", *_COLUMNS],
        select(
            bindparam("id", type_=Uuid),
            CourseSection.id,
            func.coalesce(bindparam("sort_order", type_=Integer), _LAST),
            *[bindparam(name, type_=CourseVideo.__table__.c[name].type) for name in _COLUMNS],
        )
        .select_from(CourseSection.__table__.join(Course.__table__, Course.id == CourseSection.course_id))
        .where(CourseSection.id == bindparam("section", type_=Uuid), owned()),
        include_defaults=False,
    )
    .returning(CourseVideo.id)
)
_IS_IT = CourseVideo.id == bindparam("video", type_=Uuid)
_PRESENT = (
    select(
        CourseVideo.video_type,
        CourseVideo.file_id,
        CourseVideo.youtube_id,
        CourseVideo.video_url,
        CourseSection.course_id,
    )
    .join(CourseSection, CourseSection.id == CourseVideo.section_id)
    .join(Course, Course.id == CourseSection.course_id)
    .where(_IS_IT, owned())
    .with_for_update(of=CourseVideo.__table__)
)
_DELETE = delete(CourseVideo).where(_IS_IT)


class PresentVideo(Struct, frozen=True):
    """A video before it changes."""

    video_type: VideoType
    file_id: UUID | None
    youtube_id: str | None
    video_url: str | None
    course_id: UUID


@cache
def _update(columns: frozenset[str]) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(columns)}
    return update(CourseVideo).where(_IS_IT).values(values)


async def add_video(db: Db, actor: Actor, section_id: UUID, order: CreateVideoRequest) -> VideoDetails:
    """Add a video to a section.

    Needs: courses.course.edit
    Emits: courses.curriculum.changed

    Raises:
        SectionNotFound: It is not there, or not the actor's.
        SourceInvalid: The source does not fit the type.
        DurationUnknown: It is not said how long it lasts, and the server does not know.
        FileNotFound: There is no such video file, or it is somebody else's.
    """
    values = {name: getattr(order, name) for name in (*_COLUMNS, "sort_order")}
    rules.check_source(order.video_type, {name: values[name] for name in _SOURCES})
    owner = actor.limited_to(EDIT)
    if order.file_id is not None:
        await media.file_to_use(db, order.file_id, owner_id=owner, kind="video")
    if values["duration_seconds"] is None:
        values["duration_seconds"] = await _duration(db, order.file_id)
    video_id = new_id()
    if await db.value(_ADD, id=video_id, section=section_id, owner=owner, **values) is None:
        raise SectionNotFound
    details = await video_details(db, actor, video_id)
    await publish(db, CurriculumChanged(course_id=details.course_id))
    return details


async def update_video(db: Db, actor: Actor, video_id: UUID, order: UpdateVideoRequest) -> VideoDetails:
    """Change a video; a new type takes the sources of other types away.

    Needs: courses.course.edit
    Emits: courses.curriculum.changed

    Raises:
        VideoNotFound: It is not there, or not the actor's.
        SourceInvalid: The source does not fit the type.
        FileNotFound: There is no such video file, or it is somebody else's.
    """
    owner = actor.limited_to(EDIT)
    present = await own_video(db, video_id, owner)
    changes = {name: value for name, value in structs.asdict(order).items() if value is not UNSET}
    video_type = changes.get("video_type", present.video_type)
    if video_type != present.video_type:
        changes = dict.fromkeys(rules.stale_sources(video_type)) | changes
    rules.check_source(video_type, {name: changes.get(name, getattr(present, name)) for name in _SOURCES})
    if changes.get("file_id") is not None:
        await media.file_to_use(db, changes["file_id"], owner_id=owner, kind="video")
        if "duration_seconds" not in changes and (seconds := await media.video_duration(db, changes["file_id"])):
            changes["duration_seconds"] = seconds
    if changes:
        await db.run(_update(frozenset(changes)), video=video_id, **changes)
    if _COUNTS_FOR_PROGRESS & changes.keys():
        await publish(db, CurriculumChanged(course_id=present.course_id))
    return await video_details(db, actor, video_id)


async def delete_video(db: Db, actor: Actor, video_id: UUID) -> None:
    """Remove a video and what was watched of it; its file stays.

    Needs: courses.course.edit
    Emits: courses.curriculum.changed

    Raises:
        VideoNotFound: It is not there, or not the actor's.
    """
    present = await own_video(db, video_id, actor.limited_to(EDIT))
    await db.run(_DELETE, video=video_id)
    await publish(db, CurriculumChanged(course_id=present.course_id))


async def _duration(db: Db, file_id: UUID | None) -> int:
    seconds = None if file_id is None else await media.video_duration(db, file_id)
    if seconds is None:
        raise DurationUnknown(errors=[FieldError("duration_seconds", DurationUnknown.title)])
    return seconds


async def own_video(db: Db, video_id: UUID, owner: UUID | None) -> PresentVideo:
    """Return a video that only this transaction changes from now on."""
    present = await db.row(PresentVideo, _PRESENT, video=video_id, owner=owner)
    if present is None:
        raise VideoNotFound
    return present
