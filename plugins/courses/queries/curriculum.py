"""Reads of a course's sections and videos, in their order; unpublished ones are their author's alone."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Boolean, Integer, Uuid, bindparam, func, or_, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Page, rows_for
from plugins.courses.errors import SectionNotFound
from plugins.courses.queries.courses import standing
from plugins.courses.queries.materials import materials_by_section
from plugins.courses.queries.videos import IN_CURRICULUM, OWN_PROGRESS, VIDEO_COLUMNS, VideoRow, shown_video
from plugins.courses.queries.viewing import Standing, check_may_browse
from plugins.courses.schemas.curriculum import MOST_SECTIONS, SectionDetails, VideoDetails
from plugins.courses.schemas.materials import MaterialDetails
from plugins.courses.tables import CourseSection, CourseVideo, VideoProgress

_COURSE = bindparam("course", type_=Uuid)
_HIDDEN_TOO = bindparam("hidden_too", type_=Boolean)
_LIMIT, _OFFSET = bindparam("limit", type_=Integer), bindparam("offset", type_=Integer)
_SECTION_COLUMNS = (
    CourseSection.id,
    CourseSection.course_id,
    CourseSection.title,
    CourseSection.description,
    CourseSection.sort_order,
    CourseSection.is_published,
)
_SHOWN_SECTIONS = (CourseSection.course_id == _COURSE, or_(CourseSection.is_published, _HIDDEN_TOO))
_SECTIONS = (
    select(*_SECTION_COLUMNS)
    .where(*_SHOWN_SECTIONS)
    .order_by(CourseSection.sort_order, CourseSection.id)
    .limit(_LIMIT)
    .offset(_OFFSET)
)
_SECTION_COUNT = select(func.count()).select_from(CourseSection).where(*_SHOWN_SECTIONS)
_SECTION = select(*_SECTION_COLUMNS).where(CourseSection.id == bindparam("section"))

_SECTION_WITH_VIDEOS = CourseSection.__table__.join(CourseVideo.__table__, CourseVideo.section_id == CourseSection.id)
_IN_ORDER = (CourseSection.sort_order, CourseSection.id, CourseVideo.sort_order, CourseVideo.id)
_VIDEOS = select(*VIDEO_COLUMNS).select_from(_SECTION_WITH_VIDEOS.outerjoin(VideoProgress.__table__, OWN_PROGRESS))
_SHOWN_VIDEOS = (CourseSection.course_id == _COURSE, or_(IN_CURRICULUM, _HIDDEN_TOO))
_COURSE_VIDEOS = _VIDEOS.where(*_SHOWN_VIDEOS).order_by(*_IN_ORDER)
_VIDEO_PAGE = _COURSE_VIDEOS.limit(_LIMIT).offset(_OFFSET)
_VIDEO_COUNT = select(func.count()).select_from(_SECTION_WITH_VIDEOS).where(*_SHOWN_VIDEOS)
_SECTION_VIDEOS = _VIDEOS.where(
    CourseSection.id == bindparam("section"), or_(CourseVideo.is_published, _HIDDEN_TOO)
).order_by(*_IN_ORDER)
_PREVIEW = (
    select(CourseVideo.id)
    .select_from(_SECTION_WITH_VIDEOS)
    .where(*_SHOWN_VIDEOS, CourseVideo.is_preview)
    .order_by(*_IN_ORDER)
    .limit(1)
    .correlate(None)
    .scalar_subquery()
)
_EXTENT = (
    select(
        func.count(CourseVideo.section_id.distinct()).label("sections"),
        func.count().label("lessons"),
        func.coalesce(func.sum(CourseVideo.duration_seconds), 0).label("seconds"),
        _PREVIEW.label("preview_id"),
    )
    .select_from(_SECTION_WITH_VIDEOS)
    .where(*_SHOWN_VIDEOS)
)


class Extent(Struct, frozen=True):
    """How much there is in a course, and a lesson that is open to look at."""

    sections: int
    lessons: int
    seconds: int
    preview_id: UUID | None


class SectionRow(Struct, frozen=True):
    """The selected columns of a section."""

    id: UUID
    course_id: UUID
    title: str
    description: str | None
    sort_order: int
    is_published: bool


async def section_page(db: Db, actor: Actor, course_id: UUID, *, limit: int, offset: int) -> Page[SectionDetails]:
    """Return the sections of a course with their videos and materials, locked ones without a source.

    Raises:
        CourseNotFound: There is none, or not for this person.
    """
    own = await standing(db, actor, course_id)
    sections = await _sections(db, actor, course_id, own, limit=rows_for(limit), offset=offset)
    total = await db.value(_SECTION_COUNT, course=course_id, hidden_too=own.manages)
    return Page(sections, total, rows_for(limit), offset)


async def whole_curriculum(db: Db, actor: Actor, course_id: UUID) -> list[SectionDetails]:
    """Return all sections of a course with their videos and materials, locked ones without a source.

    Raises:
        CourseNotFound: There is none, or not for this person.
    """
    own = await standing(db, actor, course_id)
    return await _sections(db, actor, course_id, own, limit=MOST_SECTIONS, offset=0)


async def _sections(
    db: Db, actor: Actor, course_id: UUID, own: Standing, *, limit: int, offset: int
) -> list[SectionDetails]:
    which = {"course": course_id, "hidden_too": own.manages}
    rows = await db.rows(SectionRow, _SECTIONS, limit=limit, offset=offset, **which)
    videos: dict[UUID, list[VideoDetails]] = {}
    for video in await db.rows(VideoRow, _COURSE_VIDEOS, viewer=actor.user_id, **which):
        videos.setdefault(video.section_id, []).append(shown_video(video, own))
    materials = await materials_by_section(db, actor, course_id)
    return [shown_section(row, videos.get(row.id, ()), materials.get(row.id, ())) for row in rows]


async def course_extent(db: Db, course_id: UUID) -> Extent:
    """Return how much students find in a course that the caller has found visible."""
    extent = await db.row(Extent, _EXTENT, course=course_id, hidden_too=False)
    return extent or Extent(0, 0, 0, None)


async def video_page(db: Db, actor: Actor, course_id: UUID, *, limit: int, offset: int) -> Page[VideoDetails]:
    """Return the videos of a course in the order of its curriculum.

    Raises:
        CourseNotFound: There is none, or not for this person.
    """
    own = await standing(db, actor, course_id)
    which = {"course": course_id, "hidden_too": own.manages}
    rows = await db.rows(VideoRow, _VIDEO_PAGE, viewer=actor.user_id, limit=rows_for(limit), offset=offset, **which)
    total = await db.value(_VIDEO_COUNT, **which)
    return Page([shown_video(row, own) for row in rows], total, rows_for(limit), offset)


async def section_details(db: Db, actor: Actor, section_id: UUID) -> SectionDetails:
    """Return a section with its videos and materials.

    Raises:
        SectionNotFound: There is none, or not for this person.
        CourseNotFound: It belongs to a course that is not for this person.
    """
    check_may_browse(db, actor)
    row = await db.row(SectionRow, _SECTION, section=section_id)
    if row is None:
        raise SectionNotFound
    own = await standing(db, actor, row.course_id)
    if not (row.is_published or own.manages):
        raise SectionNotFound
    videos = await db.rows(VideoRow, _SECTION_VIDEOS, section=section_id, hidden_too=own.manages, viewer=actor.user_id)
    materials = await materials_by_section(db, actor, row.course_id, section_id)
    return shown_section(row, [shown_video(video, own) for video in videos], materials.get(section_id, ()))


def shown_section(
    row: SectionRow, videos: Sequence[VideoDetails], materials: Sequence[MaterialDetails]
) -> SectionDetails:
    """Return a section with these videos and materials."""
    return SectionDetails(
        id=row.id,
        course_id=row.course_id,
        title=row.title,
        description=row.description,
        sort_order=row.sort_order,
        is_published=row.is_published,
        videos=videos,
        materials=materials,
    )
