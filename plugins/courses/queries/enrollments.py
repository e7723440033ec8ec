"""Reads of enrolments: a student's own, and the students of a course."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Executable, Integer, Select, Text, Uuid, bindparam, false, func, select, true

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Page, rows_for
from plugins.auth import api as auth
from plugins.courses.errors import CourseNotFound
from plugins.courses.permissions import VIEW_STUDENTS
from plugins.courses.queries.covers import COVER_URL
from plugins.courses.queries.videos import IN_CURRICULUM, OWN_PROGRESS
from plugins.courses.queries.viewing import owned, status_now
from plugins.courses.schemas.courses import CourseLink
from plugins.courses.schemas.enrollments import Continuation, EnrollmentCard, StudentCard
from plugins.courses.schemas.texts import EnrollmentStatus
from plugins.courses.tables import Course, CourseEnrollment, CourseSection, CourseVideo, VideoProgress

_LIMIT, _OFFSET = bindparam("limit", type_=Integer), bindparam("offset", type_=Integer)
GOING_ON = (
    # What was begun and not finished, the latest first; then what was not begun, in its order; then what is done.
    func.coalesce(VideoProgress.is_completed, false()),
    VideoProgress.updated_at.desc().nulls_last(),
    CourseSection.sort_order,
    CourseSection.id,
    CourseVideo.sort_order,
    CourseVideo.id,
)
"""The order in which a student goes on with the videos of a course."""
_NEXT_UP = (
    select(CourseVideo.id.label("video_id"), func.coalesce(VideoProgress.last_position, 0).label("last_position"))
    .select_from(
        CourseSection.__table__.join(CourseVideo.__table__, CourseVideo.section_id == CourseSection.id).outerjoin(
            VideoProgress.__table__, OWN_PROGRESS
        )
    )
    .where(CourseSection.course_id == CourseEnrollment.course_id, IN_CURRICULUM)
    .order_by(*GOING_ON)
    .limit(1)
    .correlate(CourseEnrollment)
    .lateral("next_up")
)
_IS_OWN_COURSE = select(Course.id).where(Course.id == bindparam("course"), owned())


class EnrollmentRow(Struct, frozen=True):
    """The selected columns of an enrolment in the student's list."""

    id: UUID
    status: EnrollmentStatus
    progress: float
    enrolled_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None
    course_id: UUID
    title: str
    slug: str
    thumbnail_url: str | None
    instructor_id: UUID
    video_id: UUID | None
    last_position: int
    total: int


class StudentRow(Struct, frozen=True):
    """The selected columns of an enrolment in the course's list."""

    id: UUID
    user_id: UUID
    status: EnrollmentStatus
    progress: float
    enrolled_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None
    total: int


def _status(by_status: bool) -> Any:
    """Return the condition on the state: the one that is asked for, or whoever has not left."""
    if by_status:
        return status_now() == bindparam("status", type_=Text)
    return CourseEnrollment.status != "dropped"


@cache
def _own_count(by_status: bool) -> Select[Any]:
    return (
        select(func.count().label("total"))
        .select_from(CourseEnrollment)
        .where(CourseEnrollment.user_id == bindparam("viewer", type_=Uuid), _status(by_status))
        .correlate(None)
    )


@cache
def _own_page(by_status: bool) -> Executable:
    return (
        select(
            CourseEnrollment.id,
            status_now().label("status"),
            CourseEnrollment.progress,
            CourseEnrollment.enrolled_at,
            CourseEnrollment.completed_at,
            CourseEnrollment.expires_at,
            CourseEnrollment.course_id,
            Course.title,
            Course.slug,
            COVER_URL,
            Course.instructor_id,
            _NEXT_UP.c.video_id,
            _NEXT_UP.c.last_position,
            _own_count(by_status).scalar_subquery().label("total"),
        )
        .select_from(
            CourseEnrollment.__table__.join(Course.__table__, Course.id == CourseEnrollment.course_id).outerjoin(
                _NEXT_UP, true()
            )
        )
        .where(CourseEnrollment.user_id == bindparam("viewer", type_=Uuid), _status(by_status))
        .order_by(CourseEnrollment.enrolled_at.desc(), CourseEnrollment.id.desc())
        .limit(_LIMIT)
        .offset(_OFFSET)
    )


@cache
def _student_count(by_status: bool) -> Select[Any]:
    return (
        select(func.count().label("total"))
        .select_from(CourseEnrollment)
        .where(CourseEnrollment.course_id == bindparam("course", type_=Uuid), _status(by_status))
        .correlate(None)
    )


@cache
def _student_page(by_status: bool) -> Executable:
    return (
        select(
            CourseEnrollment.id,
            CourseEnrollment.user_id,
            status_now().label("status"),
            CourseEnrollment.progress,
            CourseEnrollment.enrolled_at,
            CourseEnrollment.completed_at,
            CourseEnrollment.expires_at,
            _student_count(by_status).scalar_subquery().label("total"),
        )
        .where(CourseEnrollment.course_id == bindparam("course", type_=Uuid), _status(by_status))
        .order_by(CourseEnrollment.enrolled_at, CourseEnrollment.id)
        .limit(_LIMIT)
        .offset(_OFFSET)
    )


async def enrollment_page(
    db: Db, actor: Actor, *, status: EnrollmentStatus | None, limit: int, offset: int
) -> Page[EnrollmentCard]:
    """Return the actor's enrolments, the newest first, with the video to go on with; those they left only by name."""
    which = {"viewer": actor.id} | ({"status": status} if status else {})
    rows = await db.rows(EnrollmentRow, _own_page(bool(status)), limit=rows_for(limit), offset=offset, **which)
    total = rows[0].total if rows else await _empty_total(db, _own_count(bool(status)), offset, which)
    people = await auth.users_by_id(db, {row.instructor_id for row in rows})
    items = [
        EnrollmentCard(
            id=row.id,
            course_id=row.course_id,
            course=CourseLink(row.course_id, row.title, row.slug, row.thumbnail_url, people.get(row.instructor_id)),
            status=row.status,
            progress=row.progress,
            enrolled_at=row.enrolled_at,
            completed_at=row.completed_at,
            expires_at=row.expires_at,
            next_up=Continuation(row.video_id, row.last_position) if row.video_id else None,
        )
        for row in rows
    ]
    return Page(items, total, rows_for(limit), offset)


async def student_page(
    db: Db, actor: Actor, course_id: UUID, *, status: EnrollmentStatus | None, limit: int, offset: int
) -> Page[StudentCard]:
    """Return who is enrolled in a course, in the order of their coming.

    Needs: courses.enrollment.view

    Raises:
        CourseNotFound: There is none, or it is not the actor's.
    """
    owner = actor.limited_to(VIEW_STUDENTS)
    if await db.value(_IS_OWN_COURSE, course=course_id, owner=owner) is None:
        raise CourseNotFound
    which = {"course": course_id} | ({"status": status} if status else {})
    rows = await db.rows(StudentRow, _student_page(bool(status)), limit=rows_for(limit), offset=offset, **which)
    total = rows[0].total if rows else await _empty_total(db, _student_count(bool(status)), offset, which)
    people = await auth.users_by_id(db, {row.user_id for row in rows})
    items = [
        StudentCard(
            id=row.id,
            user_id=row.user_id,
            user=people.get(row.user_id),
            status=row.status,
            progress=row.progress,
            enrolled_at=row.enrolled_at,
            completed_at=row.completed_at,
            expires_at=row.expires_at,
        )
        for row in rows
    ]
    return Page(items, total, rows_for(limit), offset)


async def _empty_total(db: Db, count: Select[Any], offset: int, which: dict[str, Any]) -> int:
    """Return how many rows there are where a page has none: none at all, unless it begins behind the last."""
    return int(await db.value(count, **which)) if offset else 0
