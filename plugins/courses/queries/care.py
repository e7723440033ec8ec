"""Reads of a course for whoever has it in their care: to teach it, to look after all of them, to decide about it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Integer, Uuid, bindparam, func, select, true

from kernel.auth import Actor, Permission
from kernel.db import Db
from kernel.routing import Page, rows_for
from plugins.auth import api as auth
from plugins.auth.api import UserRef
from plugins.courses.errors import CourseNotFound
from plugins.courses.permissions import REVIEW, VIEW
from plugins.courses.queries.cards import CARD_FROM
from plugins.courses.queries.covers import COVER_URL
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.texts import CourseStatus, Level
from plugins.courses.tables import Course, CourseCategory, CourseSection, CourseVerdict, CourseVideo

_IN_CARE = select(
    Course.id,
    Course.title,
    Course.slug,
    Course.status,
    Course.instructor_id,
    Course.total_enrolled,
    Course.rating,
    Course.rating_count,
).where(Course.id == bindparam("course", type_=Uuid), owned())
_LESSONS = (
    select(func.count().label("lessons"), func.coalesce(func.sum(CourseVideo.duration_seconds), 0).label("seconds"))
    .join(CourseSection, CourseSection.id == CourseVideo.section_id)
    .where(CourseSection.course_id == Course.id)
    .correlate(Course)
    .lateral("contents")
)
_SENT_BACK = (
    select(func.count())
    .where(CourseVerdict.course_id == Course.id, CourseVerdict.decision == "rejected")
    .scalar_subquery()
)
_IS_WAITING = (Course.status == "submitted", owned())
_WAITING_COUNT = select(func.count()).select_from(Course).where(*_IS_WAITING)
_WAITING = (
    select(
        Course.id,
        Course.title,
        Course.slug,
        COVER_URL,
        CourseCategory.name.label("category"),
        Course.instructor_id,
        Course.level,
        Course.language,
        Course.submitted_at,
        _LESSONS.c.lessons,
        _LESSONS.c.seconds,
        _SENT_BACK.label("times_sent_back"),
    )
    .select_from(CARD_FROM.join(_LESSONS, true()))
    .where(*_IS_WAITING)
    # The longest wait first.
    .order_by(Course.submitted_at, Course.id)
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("offset", type_=Integer))
)


_INSTRUCTORS = select(Course.instructor_id).where(owned()).distinct()


class CourseInCare(Struct, frozen=True):
    """A course as the frame of its pages shows it."""

    id: UUID
    title: str
    slug: str
    status: CourseStatus
    instructor_id: UUID
    total_enrolled: int
    rating: float
    rating_count: int


class WaitingRow(Struct, frozen=True):
    """The selected columns of a course that waits for a review."""

    id: UUID
    title: str
    slug: str
    thumbnail_url: str | None
    category: str | None
    instructor_id: UUID
    level: Level
    language: str
    submitted_at: datetime
    lessons: int
    seconds: int
    times_sent_back: int


class WaitingCourse(Struct, frozen=True):
    """A course that waits for a review, and who teaches it."""

    row: WaitingRow
    instructor: UserRef | None


async def course_in_care(db: Db, actor: Actor, course_id: UUID, permission: Permission) -> CourseInCare:
    """Return a course, in any state, that the permission reaches.

    Raises:
        CourseNotFound: There is none, or it is not in the actor's care.
        Forbidden: The actor does not have the permission.
    """
    course = await db.row(CourseInCare, _IN_CARE, course=course_id, owner=actor.limited_to(permission))
    if course is None:
        raise CourseNotFound
    return course


async def waiting_page(db: Db, actor: Actor, *, limit: int, offset: int) -> Page[WaitingCourse]:
    """Return the courses that wait for a review, the longest wait first.

    Needs: courses.course.review
    """
    owner = actor.limited_to(REVIEW)
    rows = await db.rows(WaitingRow, _WAITING, owner=owner, limit=rows_for(limit), offset=offset)
    people = await auth.users_by_id(db, {row.instructor_id for row in rows})
    items = [WaitingCourse(row, people.get(row.instructor_id)) for row in rows]
    return Page(items, await waiting_count(db, actor), rows_for(limit), offset)


async def waiting_count(db: Db, actor: Actor) -> int:
    """Return how many courses wait for a review.

    Needs: courses.course.review
    """
    return int(await db.value(_WAITING_COUNT, owner=actor.limited_to(REVIEW)))


async def instructors_of_courses(db: Db, actor: Actor) -> Sequence[UserRef]:
    """Return who teaches the courses in the actor's care, by name.

    Needs: courses.course.view
    """
    ids = await db.values(_INSTRUCTORS, owner=actor.limited_to(VIEW))
    people = (await auth.users_by_id(db, ids)).values()
    return sorted(people, key=lambda each: (each.first_name.casefold(), each.last_name.casefold()))
