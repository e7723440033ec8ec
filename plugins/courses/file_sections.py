"""What courses contributes to somebody's file: how far they have come in what they learn, and what they teach.

Counted when a file is opened, so that no counter of another plugin has to be kept.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, bindparam, case, func, select

from kernel.auth import Actor
from kernel.db import Db
from plugins.auth import api as auth
from plugins.courses.queries.own_courses import learning_totals
from plugins.courses.queries.viewing import status_now
from plugins.courses.schemas.texts import EnrollmentStatus
from plugins.courses.tables import Course, CourseEnrollment

_MOST_COURSES = 100
_USER = bindparam("user", type_=Uuid)
_ENROLLMENTS = (
    select(
        CourseEnrollment.course_id,
        Course.title,
        status_now().label("status"),
        CourseEnrollment.progress,
        CourseEnrollment.enrolled_at,
        CourseEnrollment.completed_at,
    )
    .join(Course, Course.id == CourseEnrollment.course_id)
    .where(CourseEnrollment.user_id == _USER)
    .order_by(CourseEnrollment.enrolled_at.desc(), CourseEnrollment.id.desc())
    .limit(_MOST_COURSES)
)
_TEACHING = select(
    func.count().label("total_courses"),
    func.count(case((Course.is_published, 1))).label("published_courses"),
    func.coalesce(func.sum(Course.total_enrolled), 0).label("total_students"),
    func.coalesce(
        func.round(func.sum(Course.rating * Course.rating_count) / func.nullif(func.sum(Course.rating_count), 0), 2), 0
    ).label("rating"),
).where(Course.instructor_id == _USER)


class CourseProgress(Struct, frozen=True):
    """How far somebody has come in a course."""

    course_id: UUID
    title: str
    status: EnrollmentStatus
    progress: float
    enrolled_at: datetime
    completed_at: datetime | None


class Learning(Struct, frozen=True):
    """What somebody learns: totals, and their newest hundred courses."""

    total_courses: int
    completed_courses: int
    total_watch_time: int
    """In minutes."""
    overall_progress: float
    enrollments: list[CourseProgress]


class Teaching(Struct, frozen=True):
    """What somebody teaches; who takes two of their courses counts twice among the students."""

    total_courses: int
    published_courses: int
    total_students: int
    rating: float


async def _learning(db: Db, _actor: Actor, user_id: UUID) -> Learning | None:
    totals = await learning_totals(db, user_id)
    if not totals.enrollments:
        return None
    return Learning(
        totals.total_courses,
        totals.completed_courses,
        int(totals.watched_seconds) // 60,
        float(totals.overall_progress),
        await db.rows(CourseProgress, _ENROLLMENTS, user=user_id),
    )


async def _teaching(db: Db, _actor: Actor, user_id: UUID) -> Teaching | None:
    teaching = await db.row(Teaching, _TEACHING, user=user_id)
    if teaching is None or not teaching.total_courses:
        return None
    return Teaching(
        teaching.total_courses, teaching.published_courses, int(teaching.total_students), float(teaching.rating)
    )


FILE_SECTIONS = (
    auth.FileSection(name="courses.learning", title="Courses", read=_learning, is_progress=True),
    auth.FileSection(name="courses.teaching", title="Teaching", read=_teaching),
)
