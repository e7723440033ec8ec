"""Reads that tell how a course is doing: who came, how far they got, where they stopped watching."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    DateTime,
    Float,
    Integer,
    Text,
    Uuid,
    bindparam,
    column,
    func,
    select,
    text,
)

from kernel import clock
from kernel.auth import Actor
from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.errors import FieldError, Invalid
from plugins.courses.errors import CourseNotFound
from plugins.courses.permissions import VIEW_ANALYTICS
from plugins.courses.queries.viewing import HOLDS_PLACE, owned, status_now
from plugins.courses.schemas.analytics import TENTHS, CourseAnalytics, DayCount, EnrollmentTotals, VideoAnalytics
from plugins.courses.tables import Course, CourseEnrollment

USUAL_DAYS = 90
MOST_DAYS = 366
_COURSE = bindparam("course", type_=Uuid)
_OWN = select(Course.rating, Course.rating_count).where(Course.id == _COURSE, owned())
_TOTALS = select(
    *[
        func.count().filter(status_now() == state).label(state)
        for state in ("active", "completed", "dropped", "expired")
    ],
    func.coalesce(func.round(func.avg(CourseEnrollment.progress).filter(HOLDS_PLACE), 2), 0)
    .cast(Float)
    .label("average_progress"),
).where(CourseEnrollment.course_id == _COURSE)
_DAY = func.timezone(bindparam("timezone", type_=Text), CourseEnrollment.enrolled_at).cast(Date)
_BY_DAY = (
    select(_DAY.label("day"), func.count().label("count"))
    .where(
        CourseEnrollment.course_id == _COURSE,
        CourseEnrollment.enrolled_at >= bindparam("since", type_=DateTime(timezone=True)),
        CourseEnrollment.enrolled_at < bindparam("until", type_=DateTime(timezone=True)),
    )
    .group_by(text("1"))
    .order_by(text("1"))
)
_TENTH = "count(*) FILTER (WHERE p.watched && int4multirange(int4range({start}, greatest({end}, {start} + 1))))"
_DROP_OFF = ", ".join(
    _TENTH.format(start=f"v.duration_seconds * {tenth} / {TENTHS}", end=f"v.duration_seconds * {tenth + 1} / {TENTHS}")
    for tenth in range(TENTHS)
)
_VIDEOS = text(f"""
    SELECT v.id, v.section_id, v.title, v.duration_seconds, count(p.id), count(*) FILTER (WHERE p.is_completed),
           coalesce(sum(least(p.watched_seconds, v.duration_seconds)), 0), ARRAY[{_DROP_OFF}]
    FROM courses.course_sections s
    JOIN courses.course_videos v ON v.section_id = s.id
    LEFT JOIN courses.video_progress p ON p.video_id = v.id
    WHERE s.course_id = CAST(:course AS uuid)
    GROUP BY v.tenant_id, v.id, s.sort_order, s.id
    ORDER BY s.sort_order, s.id, v.sort_order, v.id
""").columns(  # noqa: S608 - from constants
    column("id", Uuid),
    column("section_id", Uuid),
    column("title", Text),
    column("duration_seconds", Integer),
    column("viewers", BigInteger),
    column("completed", BigInteger),
    column("watched_seconds", BigInteger),
    column("drop_off", ARRAY(BigInteger)),
)


class OwnCourse(Struct, frozen=True):
    """The selected columns of a course in the actor's care."""

    rating: float
    rating_count: int


async def course_analytics(
    db: Db, actor: Actor, course_id: UUID, *, first: date | None, last: date | None
) -> CourseAnalytics:
    """Return how a course is doing, its enrolments day by day in the tenant's time zone.

    Needs: courses.analytics.view

    Args:
        db: The transaction.
        actor: Who asks.
        course_id: Which course.
        first: The first day; 90 days up to the last one when absent.
        last: The last day; today when absent.

    Raises:
        CourseNotFound: There is none, or it is not in the actor's care.
        Invalid: The days are too many, or the last one is before the first.
    """
    own = await db.row(OwnCourse, _OWN, course=course_id, owner=actor.limited_to(VIEW_ANALYTICS))
    if own is None:
        raise CourseNotFound
    timezone = db.tenant.setting(GENERAL, GeneralSettings).timezone
    days = _days(first, last, today=clock.now().astimezone(ZoneInfo(timezone)).date())
    (totals,) = await db.rows(EnrollmentTotals, _TOTALS, course=course_id)
    counted = await db.rows(
        DayCount,
        _BY_DAY,
        course=course_id,
        timezone=timezone,
        since=_midnight(days[0], timezone),
        until=_midnight(days[-1] + timedelta(days=1), timezone),
    )
    videos = await video_analytics(db, course_id)
    placed = totals.active + totals.completed
    by_day = {each.day: each.count for each in counted}
    return CourseAnalytics(
        course_id=course_id,
        enrollments=totals,
        completion_rate=round(100 * totals.completed / placed, 2) if placed else 0.0,
        watched_seconds=sum(video.watched_seconds for video in videos),
        rating=own.rating,
        rating_count=own.rating_count,
        enrolled_by_day=[DayCount(day, by_day.get(day, 0)) for day in days],
        videos=videos,
    )


async def video_analytics(db: Db, course_id: UUID) -> Sequence[VideoAnalytics]:
    """Return how each video is doing of a course that the caller has found in the actor's care."""
    return await db.rows(VideoAnalytics, _VIDEOS, course=course_id)


def _days(first: date | None, last: date | None, *, today: date) -> Sequence[date]:
    last = last or today
    first = first or last - timedelta(days=USUAL_DAYS - 1)
    count = (last - first).days + 1
    if count < 1:
        raise Invalid(errors=[FieldError("to", "The last day is before the first.")])
    if count > MOST_DAYS:
        raise Invalid(errors=[FieldError("from", f"Ask for at most {MOST_DAYS} days.")])
    return [first + timedelta(days=number) for number in range(count)]


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(timezone))
