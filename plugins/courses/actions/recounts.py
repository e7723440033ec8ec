"""What counts anew: places, hours, and everybody's share of a course whose curriculum has changed.

Each count locks its row first and counts with the next statement, whose snapshot holds all that was committed before:
so the last of many counts is right, in whichever order they run.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Numeric,
    Subquery,
    Uuid,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)
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
_place_watches = (VideoProgress.user_id == _place.user_id) & (VideoProgress.video_id == CourseVideo.id)


class Completion(Struct, frozen=True):
    """An enrolment that has just been completed."""

    id: UUID
    course_id: UUID
    user_id: UUID


class _ProgressCount:
    """The statements that lock active enrolments, count their progress and complete those that have no more to watch.

    Args:
        which: The condition that says whose, of the given enrolments.
    """

    def __init__(self, which: Callable[[Any], ColumnElement[bool]]) -> None:
        active = _is_active(CourseEnrollment, which)
        self.lock = (
            select(CourseEnrollment.id).where(*active).order_by(CourseEnrollment.id).with_for_update(key_share=True)
        )
        sums = _sums(which)
        progress = share(sums.c.watched, sums.c.whole)
        self.count = (
            update(CourseEnrollment)
            .where(CourseEnrollment.id == sums.c.id, CourseEnrollment.progress != progress)
            .values(progress=progress)
        )
        self.complete = (
            update(CourseEnrollment)
            .where(*active, IS_ALL_WATCHED)
            .values(COMPLETED)
            .returning(CourseEnrollment.id, CourseEnrollment.course_id, CourseEnrollment.user_id)
        )


def _is_active(place: Any, which: Callable[[Any], ColumnElement[bool]]) -> tuple[ColumnElement[bool], ...]:
    return which(place), place.status == "active", ~is_over(place)


def _sums(which: Callable[[Any], ColumnElement[bool]]) -> Subquery:
    """Return for each enrolment the seconds of its course and those that were watched; null where there are none."""
    watched = func.least(func.coalesce(VideoProgress.watched_seconds, 0), CourseVideo.duration_seconds)
    videos = CourseSection.__table__.join(CourseVideo.__table__, CourseVideo.section_id == CourseSection.id)
    return (
        select(
            _place.id,
            func.sum(CourseVideo.duration_seconds).label("whole"),
            func.sum(case((CourseVideo.id.is_not(None), watched))).label("watched"),
        )
        .outerjoin(videos, (CourseSection.course_id == _place.course_id) & IN_CURRICULUM)
        .outerjoin(VideoProgress, _place_watches)
        .where(*_is_active(_place, which))
        .group_by(_place.id)
        .subquery("sums")
    )


_OF_COURSE = _ProgressCount(lambda place: place.course_id == _COURSE)
_OF_ONE = _ProgressCount(lambda place: place.id == bindparam("enrollment", type_=Uuid))


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
    await _count_progress(db, _OF_COURSE, course=course_id)


async def count_enrollment(db: Db, enrollment_id: UUID) -> None:
    """Set the progress of somebody who came, or came back: they may have watched before, or the course has changed.

    Emits: courses.enrollment.completed
    """
    await _count_progress(db, _OF_ONE, enrollment=enrollment_id)


async def _count_progress(db: Db, statements: _ProgressCount, **which: UUID) -> None:
    await db.run(statements.lock, **which)
    await db.run(statements.count, **which)
    for done in await db.rows(Completion, statements.complete, **which):
        await publish(db, CourseCompleted(enrollment_id=done.id, course_id=done.course_id, user_id=done.user_id))
