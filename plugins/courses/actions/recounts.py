"""What counts anew: places, hours, and everybody's share of a course whose curriculum has changed.

Each count locks its row first and counts with the next statement, whose snapshot holds all that was committed before:
so the last of many counts is right, in whichever order they run.
"""

from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Numeric, Uuid, bindparam, func, literal_column, or_, select, update
from sqlalchemy.orm import aliased

from kernel.db import Db
from kernel.events import publish
from plugins.courses.actions.progress import COMPLETED, IS_ALL_WATCHED, share
from plugins.courses.events import CourseCompleted
from plugins.courses.queries.videos import IN_CURRICULUM
from plugins.courses.queries.viewing import holds_place, is_over
from plugins.courses.tables import Course, CourseEnrollment, CourseReview, CourseSection, CourseVideo, VideoProgress

_COURSE = bindparam("course", type_=Uuid)
_WITH_VIDEOS = CourseSection.__table__.join(CourseVideo.__table__, CourseVideo.section_id == CourseSection.id)
_LOCK_COURSE = select(Course.id).where(Course.id == _COURSE).with_for_update(key_share=True)
_place = aliased(CourseEnrollment)
_places = select(func.count()).where(_place.course_id == Course.id, holds_place(_place)).scalar_subquery()
_COUNT_PLACES = (
    update(Course).where(Course.id == _COURSE, Course.total_enrolled != _places).values(total_enrolled=_places)
)
_seconds: Any = (
    select(func.coalesce(func.sum(CourseVideo.duration_seconds), 0))
    .select_from(_WITH_VIDEOS)
    .where(CourseSection.course_id == Course.id, IN_CURRICULUM)
    .scalar_subquery()
)
_hours = func.least(func.round(_seconds / literal_column("3600.0", Numeric), 2), literal_column("999.99", Numeric))
_COUNT_HOURS = update(Course).where(Course.id == _COURSE, Course.duration_hours != _hours).values(duration_hours=_hours)
_stars = (
    select(
        func.count().label("count"),
        func.coalesce(func.round(func.avg(CourseReview.rating), 2), literal_column("0", Numeric)).label("average"),
    )
    .where(CourseReview.course_id == _COURSE)
    .subquery("stars")
)
_COUNT_RATING = (
    update(Course)
    .where(Course.id == _COURSE, or_(Course.rating != _stars.c.average, Course.rating_count != _stars.c.count))
    .values(rating=_stars.c.average, rating_count=_stars.c.count)
)
_IS_ACTIVE = (CourseEnrollment.course_id == _COURSE, CourseEnrollment.status == "active", ~is_over())
_LOCK_ENROLLMENTS = (
    select(CourseEnrollment.id).where(*_IS_ACTIVE).order_by(CourseEnrollment.id).with_for_update(key_share=True)
)
_sums = (
    select(
        _place.id,
        func.sum(CourseVideo.duration_seconds).label("whole"),
        func.sum(func.least(func.coalesce(VideoProgress.watched_seconds, 0), CourseVideo.duration_seconds)).label(
            "watched"
        ),
    )
    .join(CourseSection, CourseSection.course_id == _place.course_id)
    .join(CourseVideo, CourseVideo.section_id == CourseSection.id)
    .outerjoin(
        VideoProgress,
        (VideoProgress.user_id == _place.user_id) & (VideoProgress.video_id == CourseVideo.id),
    )
    .where(_place.course_id == _COURSE, _place.status == "active", ~is_over(_place), IN_CURRICULUM)
    .group_by(_place.id)
    .subquery("sums")
)
_progress = share(_sums.c.watched, _sums.c.whole)
_COUNT_PROGRESS = (
    update(CourseEnrollment)
    .where(CourseEnrollment.id == _sums.c.id, CourseEnrollment.progress != _progress)
    .values(progress=_progress)
)
_COMPLETE = (
    update(CourseEnrollment)
    .where(*_IS_ACTIVE, IS_ALL_WATCHED)
    .values(COMPLETED)
    .returning(CourseEnrollment.id, CourseEnrollment.user_id)
)


class Completion(Struct, frozen=True):
    """An enrolment that has just been completed."""

    id: UUID
    user_id: UUID


async def count_places(db: Db, course_id: UUID) -> None:
    """Set `total_enrolled` to how many hold a place."""
    await db.run(_LOCK_COURSE, course=course_id)
    await db.run(_COUNT_PLACES, course=course_id)


async def count_rating(db: Db, course_id: UUID) -> None:
    """Set `rating` and `rating_count` by the reviews that there are."""
    await db.run(_LOCK_COURSE, course=course_id)
    await db.run(_COUNT_RATING, course=course_id)


async def count_curriculum(db: Db, course_id: UUID) -> None:
    """Set the hours of a course and the progress of its students by what is published in it now.

    Emits: courses.enrollment.completed
    """
    await db.run(_LOCK_COURSE, course=course_id)
    await db.run(_COUNT_HOURS, course=course_id)
    await db.run(_LOCK_ENROLLMENTS, course=course_id)
    await db.run(_COUNT_PROGRESS, course=course_id)
    for completed in await db.rows(Completion, _COMPLETE, course=course_id):
        await publish(db, CourseCompleted(enrollment_id=completed.id, course_id=course_id, user_id=completed.user_id))
