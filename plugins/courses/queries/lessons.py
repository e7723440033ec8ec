"""Reads of a course by whoever learns in it: how they stand, and where they go on."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Boolean, Uuid, bindparam, or_, select

from kernel.auth import Actor
from kernel.db import Db
from plugins.courses.errors import CourseNotFound
from plugins.courses.queries.courses import OWN_ENROLLMENT
from plugins.courses.queries.covers import COVER_URL
from plugins.courses.queries.enrollments import GOING_ON
from plugins.courses.queries.videos import IN_CURRICULUM, OWN_PROGRESS
from plugins.courses.queries.viewing import IS_VISIBLE, check_may_browse, status_now, viewer_of
from plugins.courses.schemas.texts import CourseStatus, EnrollmentStatus
from plugins.courses.tables import Course, CourseEnrollment, CourseSection, CourseVideo, VideoProgress

_COURSE = (
    select(
        Course.id,
        Course.title,
        Course.slug,
        Course.short_description,
        COVER_URL,
        or_(Course.requires_code, ~or_(Course.is_free, Course.price == 0)).label("needs_code"),
        Course.status,
        Course.instructor_id,
        status_now().label("enrollment_status"),
    )
    .select_from(Course.__table__.outerjoin(CourseEnrollment.__table__, OWN_ENROLLMENT))
    .where(Course.slug == bindparam("slug"), IS_VISIBLE)
)
_NEXT_UP = (
    select(CourseVideo.id)
    .select_from(
        CourseSection.__table__.join(CourseVideo.__table__, CourseVideo.section_id == CourseSection.id).outerjoin(
            VideoProgress.__table__, OWN_PROGRESS
        )
    )
    .where(
        CourseSection.course_id == bindparam("course", type_=Uuid),
        or_(IN_CURRICULUM, bindparam("hidden_too", type_=Boolean)),
    )
    .order_by(*GOING_ON)
    .limit(1)
)


class LearntCourse(Struct, frozen=True):
    """A course as its lessons need it."""

    id: UUID
    title: str
    slug: str
    short_description: str | None
    thumbnail_url: str | None
    needs_code: bool
    """Nobody comes in without one."""
    status: CourseStatus
    instructor_id: UUID
    enrollment_status: EnrollmentStatus | None


async def learnt_course(db: Db, actor: Actor, slug: str) -> LearntCourse:
    """Return the course with this slug and how the actor stands in it.

    Raises:
        CourseNotFound: There is none, or not for this person.
    """
    check_may_browse(db, actor)
    course = await db.row(LearntCourse, _COURSE, slug=slug, **viewer_of(actor).parameters)
    if course is None:
        raise CourseNotFound
    return course


async def next_up(db: Db, actor: Actor, course: LearntCourse) -> UUID | None:
    """Return the video with which somebody goes on who sees the course; None if it has none."""
    hidden_too = viewer_of(actor).manages(course.instructor_id)
    found: UUID | None = await db.value(_NEXT_UP, course=course.id, viewer=actor.user_id, hidden_too=hidden_too)
    return found
