"""Ends enrolments whose time is over.

Nobody waits for it: whoever asks whether somebody holds a place compares the time itself (`queries.viewing`). This
writes it down, so that the counters follow and others hear of it.
"""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Integer, bindparam, or_, select, update

from kernel.db import Db
from kernel.events import publish
from plugins.courses.events import EnrollmentExpired
from plugins.courses.queries.viewing import is_over
from plugins.courses.tables import CourseEnrollment

_IS_DUE = (or_(CourseEnrollment.status == "active", CourseEnrollment.status == "completed"), is_over())
_due = (
    select(CourseEnrollment.id)
    .where(*_IS_DUE)
    .order_by(CourseEnrollment.expires_at)
    .limit(bindparam("most", type_=Integer))
    # Whoever is renewing one at this moment is not waited for.
    .with_for_update(key_share=True, skip_locked=True)
    .cte("due")
)
_EXPIRE = (
    update(CourseEnrollment)
    .where(CourseEnrollment.id == _due.c.id, *_IS_DUE)
    .values(status="expired")
    .returning(CourseEnrollment.id, CourseEnrollment.course_id, CourseEnrollment.user_id)
)


class Expired(Struct, frozen=True):
    """An enrolment that has just ended."""

    id: UUID
    course_id: UUID
    user_id: UUID


async def expire_enrollments(db: Db, most: int) -> int:
    """End enrolments whose time is over, no more than so many; return how many.

    Emits: courses.enrollment.expired
    """
    expired = await db.rows(Expired, _EXPIRE, most=most)
    for each in expired:
        await publish(db, EnrollmentExpired(enrollment_id=each.id, course_id=each.course_id, user_id=each.user_id))
    return len(expired)
