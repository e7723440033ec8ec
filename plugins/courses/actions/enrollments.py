"""What enrols somebody in a course, gives them a single video, and lets them leave.

An open course is joined by one statement. Where places are limited the course's row is locked first and the places are
counted behind it: the card's `total_enrolled` is kept by a listener, and nothing is decided by it.
"""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Executable, Integer, Uuid, bindparam, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from kernel.auth import Actor
from kernel.db import Db
from kernel.events import publish
from kernel.ids import new_id
from plugins.courses.errors import (
    CodeRequired,
    CourseFull,
    CourseNotFound,
    CourseNotPublished,
    EnrollmentCompleted,
    EnrollmentNotFound,
)
from plugins.courses.events import EnrollmentDropped, StudentEnrolled
from plugins.courses.queries.viewing import HOLDS_PLACE, holds_place, is_over, status_now
from plugins.courses.schemas.enrollments import Enrollment
from plugins.courses.schemas.texts import CourseStatus
from plugins.courses.tables import Course, CourseEnrollment, VideoGrant

ENROLLMENT_COLUMNS = (
    CourseEnrollment.id,
    CourseEnrollment.user_id,
    CourseEnrollment.course_id,
    CourseEnrollment.status,
    CourseEnrollment.progress,
    CourseEnrollment.enrolled_at,
    CourseEnrollment.completed_at,
    CourseEnrollment.expires_at,
)
_USER = bindparam("user", type_=Uuid)
_COURSE = bindparam("course", type_=Uuid)
_COSTS_NOTHING = or_(Course.is_free, Course.price == 0)
_place = aliased(CourseEnrollment)
_PLACES_TAKEN = select(func.count()).where(_place.course_id == Course.id, holds_place(_place)).scalar_subquery()
_IS_OWN = (CourseEnrollment.user_id == _USER, CourseEnrollment.course_id == _COURSE)
_OWN = select(
    *(status_now().label("status") if column is CourseEnrollment.status else column for column in ENROLLMENT_COLUMNS)
).where(*_IS_OWN)
_DAYS = bindparam("access_days", type_=Integer)
LONGEST_DAYS = 3650
"""However many codes somebody redeems, what they open ends at most so many days from then."""


def _end(begin: Any) -> ColumnElement[datetime | None]:
    """Return when it ends if it lasts so many days from then on; null, without end, if there is no number of days."""
    latest = func.now() + func.make_interval(0, 0, 0, LONGEST_DAYS)
    return case((_DAYS.is_not(None), func.least(begin + func.make_interval(0, 0, 0, _DAYS), latest)))


# Whoever redeems another code has what was left and what it gives.
_EXTEND = (
    update(CourseEnrollment)
    .where(*_IS_OWN, HOLDS_PLACE, CourseEnrollment.expires_at.is_not(None))
    .values(expires_at=_end(CourseEnrollment.expires_at))
    .returning(*ENROLLMENT_COLUMNS)
)
_LOCKED_TERMS = (
    select(Course.status, _COSTS_NOTHING.label("costs_nothing"), Course.requires_code)
    .where(Course.id == _COURSE)
    .with_for_update(key_share=True)
)
_DROP = (
    update(CourseEnrollment)
    .where(*_IS_OWN, CourseEnrollment.status == "active", ~is_over())
    .values(status="dropped")
    .returning(CourseEnrollment.id)
)
_grant = insert(VideoGrant).values(
    id=bindparam("id"),
    user_id=_USER,
    video_id=bindparam("video"),
    access_code_id=bindparam("access_code_id"),
    expires_at=_end(func.now()),
)
_GRANT = _grant.on_conflict_do_update(
    index_elements=["tenant_id", "user_id", "video_id"],
    set_={
        "access_code_id": _grant.excluded.access_code_id,
        "expires_at": _end(func.greatest(VideoGrant.expires_at, func.now())),
    },
    where=VideoGrant.expires_at.is_not(None),
).returning(VideoGrant.id)


class Terms(Struct, frozen=True):
    """On which terms a course takes students."""

    status: CourseStatus
    costs_nothing: bool
    requires_code: bool


@cache
def _enroll(*, by_code: bool, counted: bool) -> Executable:
    """Return the statement that enrols, if the course is published and its terms allow it.

    Args:
        by_code: Whoever has a code needs no free course.
        counted: Whether places are counted; without it only courses of unlimited places are joined.
    """
    terms = [Course.id == _COURSE, Course.status == "published"]
    if not by_code:
        terms += [_COSTS_NOTHING, ~Course.requires_code]
    unlimited = Course.max_students.is_(None)
    terms.append(or_(unlimited, Course.max_students > _PLACES_TAKEN) if counted else unlimited)
    code = bindparam("access_code_id", type_=Uuid)
    statement = insert(CourseEnrollment).from_select(
        ["id", "user_id", "course_id", "access_code_id", "expires_at"],
        select(bindparam("id", type_=Uuid), _USER, Course.id, code, _end(func.now())).where(*terms),
        include_defaults=False,
    )
    # Whoever has left, or whose time was over, comes back to what they had watched.
    return statement.on_conflict_do_update(
        index_elements=["tenant_id", "user_id", "course_id"],
        set_={
            # Whoever had completed it needs not do so again.
            "status": case((CourseEnrollment.completed_at.is_not(None), "completed"), else_="active"),
            "enrolled_at": func.now(),
            "expires_at": statement.excluded.expires_at,
            "access_code_id": func.coalesce(statement.excluded.access_code_id, CourseEnrollment.access_code_id),
        },
        where=~HOLDS_PLACE,
    ).returning(*ENROLLMENT_COLUMNS)


async def enroll(db: Db, actor: Actor, course_id: UUID) -> tuple[Enrollment, bool]:
    """Enrol the actor in a free course; return the enrolment and whether it is new.

    Needs: courses.enrollment.create
    Emits: courses.enrollment.created

    Raises:
        CourseNotFound: It is not there, or not published.
        CodeRequired: It is not free, or wants a code.
        CourseFull: All places are taken.
    """
    return await _join(db, actor.id, course_id, None)


async def enroll_by_code(
    db: Db, user_id: UUID, course_id: UUID, access_code_id: UUID, access_days: int | None = None
) -> Enrollment:
    """Enrol somebody who has a code; whoever is enrolled already stays so, and longer if that would have ended.

    Emits: courses.enrollment.created

    Args:
        db: The transaction.
        user_id: Who.
        course_id: In what.
        access_code_id: Of the code.
        access_days: Until it ends by itself, after what is left of an enrolment; None for never.

    Raises:
        CourseNotFound: It is not there.
        CourseNotPublished: It takes nobody at present.
        CourseFull: All places are taken.
    """
    enrollment, _ = await _join(db, user_id, course_id, access_code_id, access_days)
    return enrollment


async def _join(
    db: Db, user_id: UUID, course_id: UUID, access_code_id: UUID | None, access_days: int | None = None
) -> tuple[Enrollment, bool]:
    by_code = access_code_id is not None
    who = {"user": user_id, "course": course_id}
    key = {"id": new_id(), "access_code_id": access_code_id, "access_days": access_days}
    enrollment = await db.row(Enrollment, _enroll(by_code=by_code, counted=False), **who, **key)
    if enrollment is None:
        terms = await db.row(Terms, _LOCKED_TERMS, course=course_id)
        present = await db.row(Enrollment, _OWN, **who)
        if present is not None and present.status in ("active", "completed"):
            if by_code and present.expires_at is not None:
                present = await db.row(Enrollment, _EXTEND, **who, access_days=access_days) or present
            return present, False
        _check_terms(terms, by_code=by_code)
        enrollment = await db.row(Enrollment, _enroll(by_code=by_code, counted=True), **who, **key)
    if enrollment is None:
        raise CourseFull
    await publish(
        db,
        StudentEnrolled(
            enrollment_id=enrollment.id, course_id=course_id, user_id=user_id, access_code_id=access_code_id
        ),
    )
    return enrollment, True


def _check_terms(terms: Terms | None, *, by_code: bool) -> None:
    if terms is None:
        raise CourseNotFound
    if terms.status != "published":
        raise CourseNotPublished if by_code else CourseNotFound
    if not (by_code or (terms.costs_nothing and not terms.requires_code)):
        raise CodeRequired


async def drop(db: Db, actor: Actor, course_id: UUID) -> None:
    """Let the actor leave a course; what they have watched is kept in case they come back.

    Needs: courses.enrollment.create
    Emits: courses.enrollment.dropped

    Raises:
        EnrollmentNotFound: They have never been enrolled.
        EnrollmentCompleted: They have completed it.
    """
    who = {"user": actor.id, "course": course_id}
    enrollment_id = await db.value(_DROP, **who)
    if enrollment_id is not None:
        await publish(db, EnrollmentDropped(enrollment_id=enrollment_id, course_id=course_id, user_id=actor.id))
        return
    present = await db.row(Enrollment, _OWN, **who)
    if present is None:
        raise EnrollmentNotFound
    if present.status == "completed":
        raise EnrollmentCompleted


async def grant_video(
    db: Db, user_id: UUID, video_id: UUID, access_code_id: UUID, access_days: int | None = None
) -> bool:
    """Open a single video for somebody who has a code for it; say whether they can watch it longer than before.

    Args:
        db: The transaction.
        user_id: Who.
        video_id: Of the video.
        access_code_id: Of the code.
        access_days: Until it closes by itself, after what is left of an earlier code; None for never.
    """
    key = {"id": new_id(), "access_code_id": access_code_id, "access_days": access_days}
    return await db.value(_GRANT, user=user_id, video=video_id, **key) is not None
