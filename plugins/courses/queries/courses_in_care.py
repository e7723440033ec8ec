"""Reads of how the courses in somebody's care are doing: all of them in figures, and each in a row."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import BigInteger, Float, Integer, bindparam, case, func, or_, select, true

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Page, rows_for
from kernel.totals import counts_of
from plugins.courses.permissions import SUBMIT, VIEW_ANALYTICS
from plugins.courses.queries.covers import COVER_URL
from plugins.courses.queries.viewing import HOLDS_PLACE, owned, status_now
from plugins.courses.schemas.texts import CourseStatus
from plugins.courses.tables import Course, CourseEnrollment, CourseSection, CourseVerdict, CourseVideo, VideoProgress

_WITH_LESSONS = Course.__table__.join(CourseSection.__table__, CourseSection.course_id == Course.id).join(
    CourseVideo.__table__, CourseVideo.section_id == CourseSection.id
)
_RATED = func.sum(Course.rating * Course.rating_count) / func.nullif(func.sum(Course.rating_count), 0)
_LESSONS = select(func.count()).select_from(_WITH_LESSONS).where(owned()).scalar_subquery()
_FIGURES = select(
    func.count().label("courses"),
    func.count().filter(Course.is_published).label("published"),
    func.count().filter(Course.status == "draft").label("drafts"),
    func.count().filter(or_(Course.submitted_at.is_not(None), Course.published_at.is_not(None))).label("offered"),
    func.coalesce(func.sum(Course.rating_count), 0).cast(BigInteger).label("reviews"),
    func.coalesce(_RATED, 0).cast(Float).label("rating"),
    # What those who hold a place pay by the list.
    func.coalesce(func.sum(Course.price * Course.total_enrolled), 0).label("revenue"),
    func.count().filter(Course.price > 0, Course.is_published).label("priced"),
    _LESSONS.label("lessons"),
).where(owned())
_STUDENTS = (
    select(
        func.count(CourseEnrollment.user_id.distinct()).filter(HOLDS_PLACE).label("students"),
        func.count().filter(HOLDS_PLACE).label("places"),
        func.count().filter(status_now() == "completed").label("completed"),
    )
    .select_from(Course.__table__.join(CourseEnrollment.__table__, CourseEnrollment.course_id == Course.id))
    .where(owned())
)
_HAS_STUDENTS = case((or_(Course.status == "published", Course.status == "archived"), 0), else_=1)
_ORDER = (_HAS_STUDENTS, Course.total_enrolled.desc(), Course.id.desc())
# What is counted of each is counted for the courses of the page alone.
_SHOWN = (
    select(
        Course.id,
        Course.title,
        Course.slug,
        COVER_URL,
        Course.status,
        Course.rating,
        Course.rating_count,
        func.row_number().over(order_by=_ORDER).label("place"),
    )
    .where(owned())
    .order_by(*_ORDER)
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("offset", type_=Integer))
    .cte("shown")
)
_PLACES = (
    select(
        func.count().filter(HOLDS_PLACE).label("students"),
        func.count().filter(status_now() == "completed").label("completed"),
    )
    .where(CourseEnrollment.course_id == _SHOWN.c.id)
    .correlate(_SHOWN)
    .lateral("places")
)
_WATCHED = (
    select(
        func.coalesce(func.sum(func.least(VideoProgress.watched_seconds, CourseVideo.duration_seconds)), 0)
        .cast(BigInteger)
        .label("watched_seconds")
    )
    .select_from(
        CourseSection.__table__.join(CourseVideo.__table__, CourseVideo.section_id == CourseSection.id).join(
            VideoProgress.__table__, VideoProgress.video_id == CourseVideo.id
        )
    )
    .where(CourseSection.course_id == _SHOWN.c.id)
    .correlate(_SHOWN)
    .lateral("watched")
)
_ROWS = (
    select(
        _SHOWN.c.id,
        _SHOWN.c.title,
        _SHOWN.c.slug,
        _SHOWN.c.thumbnail_url,
        _SHOWN.c.status,
        _SHOWN.c.rating,
        _SHOWN.c.rating_count,
        _PLACES.c.students,
        _PLACES.c.completed,
        _WATCHED.c.watched_seconds,
    )
    .select_from(_SHOWN.join(_PLACES, true()).join(_WATCHED, true()))
    .order_by(_SHOWN.c.place)
)
_COUNT = select(func.count()).select_from(Course).where(owned())
_BUSIEST = (
    select(Course.id, Course.title)
    .where(owned(), Course.is_published)
    .order_by(Course.total_enrolled.desc(), Course.id.desc())
    .limit(1)
)
_REASON = (
    select(CourseVerdict.reason)
    .where(CourseVerdict.course_id == Course.id)
    .order_by(CourseVerdict.id.desc())
    .limit(1)
    .correlate(Course)
    .scalar_subquery()
)
_SENT_BACK = (
    select(Course.id, Course.title, _REASON.label("reason"))
    .where(owned(), Course.status == "rejected")
    .order_by(Course.submitted_at, Course.id)
    .limit(bindparam("limit", type_=Integer))
)


class CareFigures(Struct, frozen=True):
    """The courses in somebody's care, in figures; `offered` were submitted or published at some time."""

    courses: int
    published: int
    drafts: int
    offered: int
    reviews: int
    rating: float
    revenue: Decimal
    priced: int
    lessons: int


class StudentFigures(Struct, frozen=True):
    """Who takes the courses in somebody's care; `students` counts each person once, `places` each course of theirs."""

    students: int
    places: int
    completed: int

    @property
    def completion_rate(self) -> float:
        """The share of those who hold a place and are done, in per cent."""
        return round(100 * self.completed / self.places, 2) if self.places else 0.0


class CareRow(Struct, frozen=True):
    """How a course is doing."""

    id: UUID
    title: str
    slug: str
    thumbnail_url: str | None
    status: CourseStatus
    rating: float
    rating_count: int
    students: int
    completed: int
    watched_seconds: int

    @property
    def completion_rate(self) -> float:
        """The share of those who hold a place and are done, in per cent."""
        return round(100 * self.completed / self.students, 2) if self.students else 0.0


class BusyCourse(Struct, frozen=True):
    """The published course with most students."""

    id: UUID
    title: str


class SentBack(Struct, frozen=True):
    """A course that was sent back, and why."""

    id: UUID
    title: str
    reason: str | None


async def care_figures(db: Db, actor: Actor) -> CareFigures:
    """Return how the courses in the actor's care are doing, all together.

    Needs: courses.analytics.view
    """
    which = {"owner": actor.limited_to(VIEW_ANALYTICS)}
    (figures,) = await counts_of(db, CareFigures, _FIGURES, which, key=which, total=lambda found: found[0].lessons)
    return figures


async def student_figures(db: Db, actor: Actor) -> StudentFigures:
    """Return how many take the courses in the actor's care.

    Needs: courses.analytics.view
    """
    which = {"owner": actor.limited_to(VIEW_ANALYTICS)}
    (figures,) = await counts_of(db, StudentFigures, _STUDENTS, which, key=which, total=lambda found: found[0].places)
    return figures


async def care_page(db: Db, actor: Actor, *, limit: int, offset: int = 0) -> Page[CareRow]:
    """Return how each course in the actor's care is doing, those with most students first.

    Needs: courses.analytics.view
    """
    owner = actor.limited_to(VIEW_ANALYTICS)
    rows = await db.rows(CareRow, _ROWS, owner=owner, limit=rows_for(limit), offset=offset)
    return Page(rows, int(await db.value(_COUNT, owner=owner)), rows_for(limit), offset)


async def busiest_course(db: Db, actor: Actor) -> BusyCourse | None:
    """Return the published course in the actor's care that has most students.

    Needs: courses.analytics.view
    """
    return await db.row(BusyCourse, _BUSIEST, owner=actor.limited_to(VIEW_ANALYTICS))


async def sent_back(db: Db, actor: Actor, *, limit: int) -> Sequence[SentBack]:
    """Return courses in the actor's care that were sent back, the longest ago first.

    Needs: courses.course.submit
    """
    return await db.rows(SentBack, _SENT_BACK, owner=actor.limited_to(SUBMIT), limit=limit)
