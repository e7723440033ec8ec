"""Reads of single videos, and how a row of a video becomes what somebody may see of it."""

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Uuid, and_, any_, bindparam, exists, select

from kernel.auth import Actor, Permission
from kernel.db import Db
from plugins.courses import rules
from plugins.courses.errors import VideoNotFound
from plugins.courses.permissions import VIEW, WATCH
from plugins.courses.queries.courses import OWN_ENROLLMENT
from plugins.courses.queries.viewing import VIEWER, Standing, check_may_browse, is_over, status_now, viewer_of
from plugins.courses.schemas.curriculum import Progress, VideoDetails, VideoRef
from plugins.courses.schemas.texts import CourseStatus, EnrollmentStatus, VideoType
from plugins.courses.tables import Course, CourseEnrollment, CourseSection, CourseVideo, VideoGrant, VideoProgress

IS_GRANTED = exists().where(VideoGrant.user_id == VIEWER, VideoGrant.video_id == CourseVideo.id, ~is_over(VideoGrant))
OWN_PROGRESS = and_(VideoProgress.video_id == CourseVideo.id, VideoProgress.user_id == VIEWER)
IN_CURRICULUM = and_(CourseVideo.is_published, CourseSection.is_published)
"""A video that students see and that counts for their progress."""
VIDEO_COLUMNS = (
    CourseVideo.id,
    CourseSection.course_id,
    CourseVideo.section_id,
    CourseVideo.title,
    CourseVideo.description,
    CourseVideo.video_type,
    CourseVideo.file_id,
    CourseVideo.youtube_id,
    CourseVideo.video_url,
    CourseVideo.duration_seconds,
    CourseVideo.thumbnail_url,
    CourseVideo.sort_order,
    CourseVideo.is_preview,
    CourseVideo.requires_code,
    CourseVideo.is_published,
    IS_GRANTED.label("is_granted"),
    VideoProgress.last_position,
    VideoProgress.watched_seconds,
    VideoProgress.is_completed,
)
_VIDEO_IN_COURSE = CourseVideo.__table__.join(CourseSection.__table__, CourseSection.id == CourseVideo.section_id).join(
    Course.__table__, Course.id == CourseSection.course_id
)
_LESSONS = select(
    *VIDEO_COLUMNS,
    IN_CURRICULUM.label("in_curriculum"),
    Course.status.label("course_status"),
    Course.instructor_id,
    status_now().label("enrollment_status"),
).select_from(
    _VIDEO_IN_COURSE.outerjoin(VideoProgress.__table__, OWN_PROGRESS).outerjoin(
        CourseEnrollment.__table__, OWN_ENROLLMENT
    )
)
_LESSON = _LESSONS.where(CourseVideo.id == bindparam("video"))
_LESSONS_OF_FILE = _LESSONS.where(CourseVideo.file_id == bindparam("file", type_=Uuid))
_REFERENCES = select(
    CourseVideo.id,
    CourseVideo.title,
    CourseVideo.section_id,
    CourseSection.course_id,
    Course.instructor_id,
    CourseVideo.requires_code,
    IN_CURRICULUM.label("is_published"),
).select_from(_VIDEO_IN_COURSE)
_REFERENCE = _REFERENCES.where(CourseVideo.id == bindparam("video"))
_REFERENCES_BY_ID = _REFERENCES.where(CourseVideo.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


class VideoRow(Struct, frozen=True):
    """The selected columns of a video; the last three are None where nothing was watched."""

    id: UUID
    course_id: UUID
    section_id: UUID
    title: str
    description: str | None
    video_type: VideoType
    file_id: UUID | None
    youtube_id: str | None
    video_url: str | None
    duration_seconds: int
    thumbnail_url: str | None
    sort_order: int
    is_preview: bool
    requires_code: bool
    is_published: bool
    is_granted: bool
    last_position: int | None
    watched_seconds: int | None
    is_completed: bool | None


class LessonRow(VideoRow, frozen=True):
    """A video with all that decides who may see and watch it."""

    in_curriculum: bool
    course_status: CourseStatus
    instructor_id: UUID
    enrollment_status: EnrollmentStatus | None


async def lesson(db: Db, actor: Actor, video_id: UUID, permission: Permission = VIEW) -> tuple[LessonRow, Standing]:
    """Return a video and how the actor stands in its course.

    Args:
        db: The transaction.
        actor: Who asks.
        video_id: Which one.
        permission: What the actor wants to do; its scope says whose courses are in their care.

    Raises:
        VideoNotFound: There is none, or not for this person.
    """
    check_may_browse(db, actor)
    row = await db.row(LessonRow, _LESSON, video=video_id, viewer=actor.user_id)
    if row is None:
        raise VideoNotFound
    standing = _standing(row, actor, permission)
    if not _is_there(row, standing):
        raise VideoNotFound
    return row, standing


async def may_watch_file(db: Db, actor: Actor, file_id: UUID) -> bool:
    """Whether the actor may watch a video of any course that shows this file.

    Needs: courses.video.watch
    """
    if not actor.may(WATCH):
        return False
    rows = await db.rows(LessonRow, _LESSONS_OF_FILE, file=file_id, viewer=actor.user_id)
    standings = [(row, _standing(row, actor, WATCH)) for row in rows]
    return any(_is_there(row, standing) and may_watch(row, standing) for row, standing in standings)


def _standing(row: LessonRow, actor: Actor, permission: Permission) -> Standing:
    return Standing(
        manages=viewer_of(actor, permission).manages(row.instructor_id),
        is_enrolled=row.enrollment_status in ("active", "completed"),
        is_signed_in=actor.user_id is not None,
    )


def _is_there(row: LessonRow, standing: Standing) -> bool:
    """Whether the video is there for somebody who stands so in its course, locked perhaps."""
    return standing.manages or rules.is_open(
        course_status=row.course_status,
        in_curriculum=row.in_curriculum,
        is_enrolled=standing.is_enrolled,
        is_granted=row.is_granted,
    )


async def video_details(db: Db, actor: Actor, video_id: UUID) -> VideoDetails:
    """Return a video as somebody sees it.

    Raises:
        VideoNotFound: There is none, or not for this person.
    """
    return shown_video(*await lesson(db, actor, video_id))


async def video_ref(db: Db, video_id: UUID) -> VideoRef:
    """Return a video of any course, for a plugin that asks for the right itself.

    Raises:
        VideoNotFound: There is none in this tenant.
    """
    video = await db.row(VideoRef, _REFERENCE, video=video_id)
    if video is None:
        raise VideoNotFound
    return video


async def videos_by_id(db: Db, ids: Iterable[UUID]) -> dict[UUID, VideoRef]:
    """Return videos of any course; those that are not there are left out."""
    wanted = list(ids)
    if not wanted:
        return {}
    return {video.id: video for video in await db.rows(VideoRef, _REFERENCES_BY_ID, ids=wanted)}


def may_watch(row: VideoRow, standing: Standing) -> bool:
    """Whether somebody who stands so in the course may watch the video."""
    return rules.may_watch(
        manages=standing.manages,
        is_preview=row.is_preview and standing.is_signed_in,
        is_granted=row.is_granted,
        is_enrolled=standing.is_enrolled,
        requires_code=row.requires_code,
    )


def shown_video(row: VideoRow, standing: Standing) -> VideoDetails:
    """Return as much of a video as somebody may see who stands so in the course."""
    may = may_watch(row, standing)
    watched = Progress(row.last_position or 0, row.watched_seconds or 0, row.duration_seconds, bool(row.is_completed))
    return VideoDetails(
        id=row.id,
        course_id=row.course_id,
        section_id=row.section_id,
        title=row.title,
        description=row.description,
        video_type=row.video_type,
        file_id=row.file_id if may else None,
        youtube_id=row.youtube_id if may else None,
        video_url=row.video_url if may else None,
        duration_seconds=row.duration_seconds,
        thumbnail_url=row.thumbnail_url,
        sort_order=row.sort_order,
        is_preview=row.is_preview,
        requires_code=row.requires_code,
        is_published=row.is_published,
        is_locked=not may,
        progress=watched if standing.is_signed_in else None,
    )
