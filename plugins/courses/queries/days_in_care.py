"""Reads that tell day by day what happens in the courses in somebody's care, in the school's time zone.

Watched seconds count each second once for each viewer, as everywhere, on the day on which the lesson was finished, or
was watched last: there is no log of single reports, since a school's film evening would write a hundred rows a second.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import BigInteger, Date, DateTime, Text, Uuid, bindparam, func, or_, select, text

from kernel import clock
from kernel.auth import Actor
from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.totals import counts_of
from plugins.courses.permissions import VIEW_ANALYTICS
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.analytics import DayCount
from plugins.courses.tables import Course, CourseEnrollment, CourseSection, CourseVideo, VideoProgress

_COURSE = bindparam("course", type_=Uuid)
_SINCE = bindparam("since", type_=DateTime(timezone=True))
_TIMEZONE = bindparam("timezone", type_=Text)
_IN_CARE = (owned(), or_(_COURSE.is_(None), Course.id == _COURSE))
_WATCHED_AT = func.coalesce(VideoProgress.completed_at, VideoProgress.updated_at)
_ENROLLED = (
    select(func.timezone(_TIMEZONE, CourseEnrollment.enrolled_at).cast(Date).label("day"), func.count().label("count"))
    .select_from(Course.__table__.join(CourseEnrollment.__table__, CourseEnrollment.course_id == Course.id))
    .where(*_IN_CARE, CourseEnrollment.enrolled_at >= _SINCE)
    .group_by(text("1"))
)
_WATCHED = (
    select(
        func.timezone(_TIMEZONE, _WATCHED_AT).cast(Date).label("day"),
        func.sum(func.least(VideoProgress.watched_seconds, CourseVideo.duration_seconds))
        .cast(BigInteger)
        .label("count"),
    )
    .select_from(
        Course.__table__.join(CourseSection.__table__, CourseSection.course_id == Course.id)
        .join(CourseVideo.__table__, CourseVideo.section_id == CourseSection.id)
        .join(VideoProgress.__table__, VideoProgress.video_id == CourseVideo.id)
    )
    .where(*_IN_CARE, _WATCHED_AT >= _SINCE)
    .group_by(text("1"))
)


class Days(Struct, frozen=True):
    """A number for each day of a period up to today, and for each day of the period before it."""

    days: Sequence[date]
    counts: Sequence[int]
    before: Sequence[int]

    @property
    def total(self) -> int:
        """Of the period."""
        return sum(self.counts)

    @property
    def total_before(self) -> int:
        """Of the period before."""
        return sum(self.before)


async def enrolled_by_day(db: Db, actor: Actor, *, days: int) -> Days:
    """Return how many have enrolled in the courses in the actor's care.

    Needs: courses.analytics.view
    """
    return await _by_day(db, actor, _ENROLLED, days, None)


async def watched_by_day(db: Db, actor: Actor, *, days: int, course_id: UUID | None = None) -> Days:
    """Return how many seconds were watched of the courses in the actor's care.

    Needs: courses.analytics.view
    """
    return await _by_day(db, actor, _WATCHED, days, course_id)


def first_day(db: Db, days: int) -> date:
    """Return the day with which the period before a period of so many days up to today begins."""
    zone = ZoneInfo(db.tenant.setting(GENERAL, GeneralSettings).timezone)
    return clock.now().astimezone(zone).date() - timedelta(days=2 * days - 1)


def halved(counted: Sequence[DayCount]) -> Days:
    """Return a count for every day of two periods as what it is for the later one, and for the one before."""
    days = len(counted) // 2
    counts = [each.count for each in counted]
    return Days(days=[each.day for each in counted[days:]], counts=counts[days:], before=counts[:days])


async def _by_day(db: Db, actor: Actor, statement: Any, days: int, course_id: UUID | None) -> Days:
    timezone = db.tenant.setting(GENERAL, GeneralSettings).timezone
    first = first_day(db, days)
    which = {
        "owner": actor.limited_to(VIEW_ANALYTICS),
        "course": course_id,
        "timezone": timezone,
        "since": datetime.combine(first, time(), ZoneInfo(timezone)),
    }
    rows = await counts_of(
        db, DayCount, statement, which, key=which, total=lambda found: sum(each.count for each in found)
    )
    counts = {row.day: row.count for row in rows}
    every = [first + timedelta(days=number) for number in range(2 * days)]
    return halved([DayCount(day, counts.get(day, 0)) for day in every])
