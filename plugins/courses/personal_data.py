"""What courses keeps about people: what they learn, and what they teach.

An erased student's places become free; what they watched and downloaded goes. That somebody was once enrolled stays,
for the school's numbers. What they said of courses goes. A course stays the school's, whoever wrote it.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, delete, select, update

from kernel.db import Db
from kernel.events import publish
from kernel.personal_data import PersonalData
from plugins.courses.events import EnrollmentDropped, ReviewChanged
from plugins.courses.queries.viewing import status_now
from plugins.courses.schemas.texts import CourseStatus, EnrollmentStatus
from plugins.courses.tables import (
    Course,
    CourseEnrollment,
    CourseMaterial,
    CourseReview,
    CourseVerdict,
    CourseVideo,
    MaterialDownload,
    VideoGrant,
    VideoProgress,
)

_USER = bindparam("user", type_=Uuid)
_ENROLLMENTS = (
    select(
        CourseEnrollment.course_id,
        Course.title,
        status_now().label("status"),
        CourseEnrollment.progress,
        CourseEnrollment.enrolled_at,
        CourseEnrollment.completed_at,
        CourseEnrollment.expires_at,
    )
    .join(Course, Course.id == CourseEnrollment.course_id)
    .where(CourseEnrollment.user_id == _USER)
    .order_by(CourseEnrollment.enrolled_at)
)
_LEAVE_ALL = (
    update(CourseEnrollment)
    .where(CourseEnrollment.user_id == _USER, CourseEnrollment.status == "active")
    .values(status="dropped")
    .returning(CourseEnrollment.id, CourseEnrollment.course_id)
)
_WATCHED = (
    select(
        VideoProgress.video_id,
        CourseVideo.title,
        VideoProgress.watched_seconds,
        VideoProgress.total_seconds,
        VideoProgress.last_position,
        VideoProgress.is_completed,
        VideoProgress.created_at.label("first_watched_at"),
        VideoProgress.updated_at.label("last_watched_at"),
    )
    .join(CourseVideo, CourseVideo.id == VideoProgress.video_id)
    .where(VideoProgress.user_id == _USER)
    .order_by(VideoProgress.created_at)
)
_FORGET_WATCHED = delete(VideoProgress).where(VideoProgress.user_id == _USER)
_GRANTS = (
    select(VideoGrant.video_id, CourseVideo.title, VideoGrant.created_at.label("granted_at"))
    .join(CourseVideo, CourseVideo.id == VideoGrant.video_id)
    .where(VideoGrant.user_id == _USER)
    .order_by(VideoGrant.created_at)
)
_FORGET_GRANTS = delete(VideoGrant).where(VideoGrant.user_id == _USER)
_DOWNLOADS = (
    select(MaterialDownload.material_id, CourseMaterial.title, MaterialDownload.created_at.label("downloaded_at"))
    .join(CourseMaterial, CourseMaterial.id == MaterialDownload.material_id)
    .where(MaterialDownload.user_id == _USER)
    .order_by(MaterialDownload.created_at)
)
_FORGET_DOWNLOADS = delete(MaterialDownload).where(MaterialDownload.user_id == _USER)
_TEACHING = (
    select(Course.id.label("course_id"), Course.title, Course.status, Course.created_at)
    .where(Course.instructor_id == _USER)
    .order_by(Course.created_at)
)

_VERDICTS = (
    select(CourseVerdict.course_id, CourseVerdict.decision, CourseVerdict.reason, CourseVerdict.created_at)
    .where(CourseVerdict.reviewer_id == _USER)
    .order_by(CourseVerdict.created_at)
)
_FORGET_REVIEWER = update(CourseVerdict).where(CourseVerdict.reviewer_id == _USER).values(reviewer_id=None)

_REVIEWS = (
    select(
        CourseReview.course_id,
        Course.title,
        CourseReview.rating,
        CourseReview.comment,
        CourseReview.reply,
        CourseReview.created_at,
    )
    .join(Course, Course.id == CourseReview.course_id)
    .where(CourseReview.user_id == _USER)
    .order_by(CourseReview.id)
)
_FORGET_REVIEWS = (
    delete(CourseReview).where(CourseReview.user_id == _USER).returning(CourseReview.id, CourseReview.course_id)
)


class KeptEnrollment(Struct, frozen=True):
    """A course that somebody is, or was, enrolled in."""

    course_id: UUID
    title: str
    status: EnrollmentStatus
    progress: float
    enrolled_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None


class KeptWatching(Struct, frozen=True):
    """How much of a video somebody has seen."""

    video_id: UUID
    title: str
    watched_seconds: int
    total_seconds: int
    last_position: int
    is_completed: bool
    first_watched_at: datetime
    last_watched_at: datetime


class KeptGrant(Struct, frozen=True):
    """A single video that an access code has opened."""

    video_id: UUID
    title: str
    granted_at: datetime


class KeptDownload(Struct, frozen=True):
    """A material that somebody has downloaded, for the first time."""

    material_id: UUID
    title: str
    downloaded_at: datetime


class KeptTeaching(Struct, frozen=True):
    """A course that somebody teaches."""

    course_id: UUID
    title: str
    status: CourseStatus
    created_at: datetime


class KeptVerdict(Struct, frozen=True):
    """What somebody decided about a course that was submitted."""

    course_id: UUID
    decision: str
    reason: str | None
    created_at: datetime


class KeptReview(Struct, frozen=True):
    """What somebody said of a course, and what was answered."""

    course_id: UUID
    title: str
    rating: int
    comment: str | None
    reply: str | None
    created_at: datetime


class _Left(Struct, frozen=True):
    id: UUID
    course_id: UUID


async def _enrollments(db: Db, user_id: UUID) -> list[KeptEnrollment]:
    return await db.rows(KeptEnrollment, _ENROLLMENTS, user=user_id)


async def _leave_all(db: Db, user_id: UUID) -> None:
    for left in await db.rows(_Left, _LEAVE_ALL, user=user_id):
        await publish(db, EnrollmentDropped(enrollment_id=left.id, course_id=left.course_id, user_id=user_id))


async def _watched(db: Db, user_id: UUID) -> list[KeptWatching]:
    return await db.rows(KeptWatching, _WATCHED, user=user_id)


async def _forget_watched(db: Db, user_id: UUID) -> None:
    await db.run(_FORGET_WATCHED, user=user_id)


async def _grants(db: Db, user_id: UUID) -> list[KeptGrant]:
    return await db.rows(KeptGrant, _GRANTS, user=user_id)


async def _forget_grants(db: Db, user_id: UUID) -> None:
    await db.run(_FORGET_GRANTS, user=user_id)


async def _downloads(db: Db, user_id: UUID) -> list[KeptDownload]:
    return await db.rows(KeptDownload, _DOWNLOADS, user=user_id)


async def _forget_downloads(db: Db, user_id: UUID) -> None:
    await db.run(_FORGET_DOWNLOADS, user=user_id)


async def _teaching(db: Db, user_id: UUID) -> list[KeptTeaching]:
    return await db.rows(KeptTeaching, _TEACHING, user=user_id)


async def _stay_the_schools(_db: Db, _user_id: UUID) -> None:
    """Change nothing: the course names its instructor by an id that means nobody once the account is erased."""


async def _verdicts(db: Db, user_id: UUID) -> list[KeptVerdict]:
    return await db.rows(KeptVerdict, _VERDICTS, user=user_id)


async def _forget_reviewer(db: Db, user_id: UUID) -> None:
    await db.run(_FORGET_REVIEWER, user=user_id)


async def _reviews(db: Db, user_id: UUID) -> list[KeptReview]:
    return await db.rows(KeptReview, _REVIEWS, user=user_id)


async def _forget_reviews(db: Db, user_id: UUID) -> None:
    for gone in await db.rows(_Left, _FORGET_REVIEWS, user=user_id):
        await publish(db, ReviewChanged(review_id=gone.id, course_id=gone.course_id, user_id=user_id))


PERSONAL_DATA = (
    PersonalData(name="courses.enrollments", title="Your courses", export=_enrollments, erase=_leave_all),
    PersonalData(name="courses.watched", title="What you watched", export=_watched, erase=_forget_watched),
    PersonalData(name="courses.video_grants", title="Videos opened for you", export=_grants, erase=_forget_grants),
    PersonalData(name="courses.downloads", title="What you downloaded", export=_downloads, erase=_forget_downloads),
    PersonalData(name="courses.reviews", title="Your reviews", export=_reviews, erase=_forget_reviews),
    PersonalData(name="courses.verdicts", title="Courses you judged", export=_verdicts, erase=_forget_reviewer),
    PersonalData(name="courses.teaching", title="Courses that you teach", export=_teaching, erase=_stay_the_schools),
)
