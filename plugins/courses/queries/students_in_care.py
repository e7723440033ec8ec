"""Reads of the students in somebody's care: of one course or of all, when each was last seen, who has gone quiet."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    DateTime,
    Executable,
    Integer,
    UnaryExpression,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Page, rows_for
from kernel.totals import counts_of
from plugins.auth import api as auth
from plugins.auth.api import UserRef
from plugins.courses.permissions import VIEW_STUDENTS
from plugins.courses.queries.viewing import HOLDS_PLACE, owned, status_now
from plugins.courses.schemas.texts import EnrollmentStatus
from plugins.courses.tables import Course, CourseEnrollment, CourseSection, CourseVideo, VideoProgress

QUIET_DAYS = 14
"""Who has watched nothing for so long, and is not done, is at risk of not coming back."""
StudentState = Literal["quiet", "active", "completed", "expired", "dropped"]
StudentSort = Literal["risk", "progress", "-progress", "seen", "-seen", "enrolled", "-enrolled"]
Order = tuple[UnaryExpression[Any] | InstrumentedAttribute[Any] | ColumnElement[Any], ...]

_COURSE = bindparam("course", type_=Uuid)
_AMONG = bindparam("among", type_=ARRAY(Uuid))
_IN_CARE = (owned(), or_(_COURSE.is_(None), Course.id == _COURSE))


def _seen() -> CTE:
    """Return what each student has watched of each course: when last, and how many lessons to the end."""
    lessons = Course.__table__.join(CourseSection.__table__, CourseSection.course_id == Course.id).join(
        CourseVideo.__table__, CourseVideo.section_id == CourseSection.id
    )
    return (
        select(
            VideoProgress.user_id,
            Course.id.label("course_id"),
            func.max(VideoProgress.updated_at).label("last_seen_at"),
            func.count().filter(VideoProgress.is_completed).label("lessons_done"),
        )
        .select_from(lessons.join(VideoProgress.__table__, VideoProgress.video_id == CourseVideo.id))
        .where(*_IN_CARE)
        .group_by(VideoProgress.user_id, Course.id)
        .cte("seen")
    )


_SEEN = _seen()
_FROM = CourseEnrollment.__table__.join(Course.__table__, Course.id == CourseEnrollment.course_id).outerjoin(
    _SEEN, and_(_SEEN.c.user_id == CourseEnrollment.user_id, _SEEN.c.course_id == CourseEnrollment.course_id)
)
_IS_QUIET = and_(
    status_now() == "active",
    func.coalesce(_SEEN.c.last_seen_at, CourseEnrollment.enrolled_at)
    < bindparam("quiet_since", type_=DateTime(timezone=True)),
)
_STATES: dict[StudentState, ColumnElement[bool]] = {
    "quiet": _IS_QUIET,
    "active": status_now() == "active",
    "completed": status_now() == "completed",
    "expired": status_now() == "expired",
    "dropped": CourseEnrollment.status == "dropped",
}
_IS_WANTED = or_(_AMONG.is_(None), CourseEnrollment.user_id == any_(_AMONG))
_HAS_NOT_LEFT = CourseEnrollment.status != "dropped"
_ORDERS: dict[StudentSort, Order] = {
    "risk": (case((_IS_QUIET, 0), (HOLDS_PLACE, 1), else_=2), _SEEN.c.last_seen_at.nulls_first()),
    "progress": (CourseEnrollment.progress,),
    "-progress": (CourseEnrollment.progress.desc(),),
    "seen": (_SEEN.c.last_seen_at.nulls_first(),),
    "-seen": (_SEEN.c.last_seen_at.desc().nulls_last(),),
    "enrolled": (CourseEnrollment.enrolled_at,),
    "-enrolled": (CourseEnrollment.enrolled_at.desc(),),
}
_COUNTS = (
    select(
        func.count().filter(_HAS_NOT_LEFT).label("total"),
        *[func.count().filter(condition).label(state) for state, condition in _STATES.items()],
    )
    .select_from(_FROM)
    .where(*_IN_CARE, _IS_WANTED)
)
_PEOPLE = (
    select(CourseEnrollment.user_id)
    .select_from(CourseEnrollment.__table__.join(Course.__table__, Course.id == CourseEnrollment.course_id))
    .where(*_IN_CARE)
    .distinct()
)
_COURSES = select(Course.id, Course.title).where(owned()).order_by(Course.title, Course.id)


@cache
def _page(state: StudentState | None, sort: StudentSort) -> Executable:
    return (
        select(
            CourseEnrollment.id,
            CourseEnrollment.user_id,
            CourseEnrollment.course_id,
            Course.title.label("course_title"),
            status_now().label("status"),
            CourseEnrollment.progress,
            CourseEnrollment.enrolled_at,
            CourseEnrollment.completed_at,
            CourseEnrollment.expires_at,
            _SEEN.c.last_seen_at,
            func.coalesce(_SEEN.c.lessons_done, 0).label("lessons_done"),
            case((_IS_QUIET, true()), else_=false()).label("is_quiet"),
        )
        .select_from(_FROM)
        .where(*_IN_CARE, _IS_WANTED, _HAS_NOT_LEFT if state is None else _STATES[state])
        .order_by(*_ORDERS[sort], CourseEnrollment.id)
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
    )


class StudentInCareRow(Struct, frozen=True):
    """The selected columns of an enrolment."""

    id: UUID
    user_id: UUID
    course_id: UUID
    course_title: str
    status: EnrollmentStatus
    progress: float
    enrolled_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None
    last_seen_at: datetime | None
    lessons_done: int
    is_quiet: bool


class StudentInCare(Struct, frozen=True):
    """A student in a course, and who that is."""

    row: StudentInCareRow
    user: UserRef | None
    has_file: bool
    """Whether their file is there for the reader."""


class StudentCounts(Struct, frozen=True):
    """How many enrolments there are, all that have not been left, and in each state."""

    total: int
    quiet: int
    active: int
    completed: int
    expired: int
    dropped: int


class StudentsInCare(Page[StudentInCare], frozen=True):
    """One page of students; the counts are of all states, whichever the page is narrowed to."""

    counts: StudentCounts


class CourseName(Struct, frozen=True):
    """A course to choose from."""

    id: UUID
    title: str


async def students_in_care(
    db: Db,
    actor: Actor,
    *,
    course_id: UUID | None,
    state: StudentState | None,
    sort: StudentSort,
    limit: int,
    offset: int,
    named: str = "",
) -> StudentsInCare:
    """Return the students of the courses in the actor's care, one row for each course that somebody takes.

    Needs: courses.enrollment.view

    Args:
        db: The transaction.
        actor: Who asks.
        course_id: Of this course alone.
        state: In this state alone; without one, all who have not left.
        sort: In which order; `risk` begins with who has gone quiet, the longest silence first.
        limit: How many.
        offset: After how many.
        named: Those alone whose name has this part.
    """
    which = _which(actor, course_id)
    if named:
        people = await db.values(_PEOPLE, owner=which["owner"], course=course_id)
        which["among"] = await auth.named_among(db, people, named)
    rows = await _rows(db, actor, which, state=state, sort=sort, limit=rows_for(limit), offset=offset)
    if named:
        (counts,) = await db.rows(StudentCounts, _COUNTS, **which)
    else:
        counts = await student_counts(db, actor, course_id)
    return StudentsInCare(
        items=rows,
        total=getattr(counts, state or "total"),
        limit=rows_for(limit),
        offset=offset,
        counts=counts,
    )


async def student_counts(db: Db, actor: Actor, course_id: UUID | None = None) -> StudentCounts:
    """Return how many enrolments there are in each state.

    Needs: courses.enrollment.view
    """
    which = _which(actor, course_id)
    key = {"owner": which["owner"], "course": course_id}
    (counts,) = await counts_of(db, StudentCounts, _COUNTS, which, key=key, total=lambda found: found[0].total)
    return counts


async def students_listed(db: Db, actor: Actor, course_id: UUID, *, most: int) -> Sequence[StudentInCare]:
    """Return all students of a course who have not left, in the order of their coming.

    Needs: courses.enrollment.view
    """
    return await _rows(db, actor, _which(actor, course_id), state=None, sort="enrolled", limit=most, offset=0)


async def courses_to_choose(db: Db, actor: Actor) -> Sequence[CourseName]:
    """Return the names of the courses in the actor's care.

    Needs: courses.enrollment.view
    """
    return await db.rows(CourseName, _COURSES, owner=actor.limited_to(VIEW_STUDENTS))


async def _rows(
    db: Db,
    actor: Actor,
    which: dict[str, Any],
    *,
    state: StudentState | None,
    sort: StudentSort,
    limit: int,
    offset: int,
) -> list[StudentInCare]:
    rows = await db.rows(StudentInCareRow, _page(state, sort), limit=limit, offset=offset, **which)
    ids = {row.user_id for row in rows}
    people = await auth.users_by_id(db, ids)
    reached = await auth.files_reached(db, actor, ids)
    return [StudentInCare(row, people.get(row.user_id), row.user_id in reached) for row in rows]


def _which(actor: Actor, course_id: UUID | None) -> dict[str, Any]:
    return {
        "owner": actor.limited_to(VIEW_STUDENTS),
        "course": course_id,
        "among": None,
        "quiet_since": clock.now() - timedelta(days=QUIET_DAYS),
    }
