"""Reads of how the courses in somebody's care are doing: all of them in figures, and each in a row."""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import BigInteger, Float, Integer, bindparam, case, func, or_, select, true

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Page, rows_for
from plugins.courses.permissions import VIEW_ANALYTICS
from plugins.courses.queries.covers import COVER_URL
from plugins.courses.queries.viewing import HOLDS_PLACE, owned, status_now
from plugins.courses.schemas.texts import CourseStatus
from plugins.courses.tables import Course, CourseEnrollment, CourseSection, CourseVideo, VideoProgress

_WITH_LESSONS = Course.__table__.join(CourseSection.__table__, CourseSection.course_id == Course.id).join(
    CourseVideo.__table__, CourseVideo.section_id == CourseSection.id
)
_COURSE_FIGURES = (
    select(
        func.count().label("courses"),
        func.count().filter(Course.is_published).label("published"),
        func.count().filter(Course.status == "draft").label("drafts"),
        func.count().filter(Course.submitted_at.is_not(None)).label("ever_submitted"),
        func.coalesce(func.sum(Course.rating_count), 0).cast(BigInteger).label("reviews"),
        func.coalesce(func.sum(Course.rating * Course.rating_count) / func.nullif(func.sum(Course.rating_count), 0), 0)
        .cast(Float)
        .label("rating"),
        # What those who hold a place would have paid.
        func.coalesce(func.sum(Course.price * Course.total_enrolled), 0).cast(Float).label("worth"),
        func.count().filter(Course.price > 0, Course.is_published).label("priced"),
    )
    .where(owned())
    .cte("course_figures")
)
_STUDENT_FIGURES = (
    select(
        func.count(CourseEnrollment.user_id.distinct()).filter(HOLDS_PLACE).label("students"),
        func.count().filter(HOLDS_PLACE).label("places"),
        func.count().filter(status_now() == "completed").label("completed"),
    )
    .select_from(Course.__table__.join(CourseEnrollment.__table__, CourseEnrollment.course_id == Course.id))
    .where(owned())
    .cte("student_figures")
)
_LESSON_FIGURES = (
    select(
        func.count().label("lessons"),
        func.coalesce(func.sum(CourseVideo.duration_seconds), 0).cast(BigInteger).label("seconds"),
    )
    .select_from(_WITH_LESSONS)
    .where(owned())
    .cte("lesson_figures")
)
_FIGURES = select(*_COURSE_FIGURES.c, *_STUDENT_FIGURES.c, *_LESSON_FIGURES.c).select_from(
    _COURSE_FIGURES.join(_STUDENT_FIGURES, true()).join(_LESSON_FIGURES, true())
)
_PLACES = (
    select(
        func.count().filter(HOLDS_PLACE).label("students"),
        func.count().filter(status_now() == "completed").label("completed"),
        func.coalesce(func.avg(CourseEnrollment.progress).filter(HOLDS_PLACE), 0).cast(Float).label("progress"),
    )
    .where(CourseEnrollment.course_id == Course.id)
    .correlate(Course)
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
    .where(CourseSection.course_id == Course.id)
    .correlate(Course)
    .lateral("watched")
)
_HAS_STUDENTS = case((or_(Course.status == "published", Course.status == "archived"), 0), else_=1)
_ROWS = (
    select(
        Course.id,
        Course.title,
        Course.slug,
        COVER_URL,
        Course.status,
        _PLACES.c.students,
        _PLACES.c.completed,
        _PLACES.c.progress,
        _WATCHED.c.watched_seconds,
        Course.rating,
        Course.rating_count,
    )
    .select_from(Course.__table__.join(_PLACES, true()).join(_WATCHED, true()))
    .where(owned())
    .order_by(_HAS_STUDENTS, Course.total_enrolled.desc(), Course.id.desc())
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("offset", type_=Integer))
)
_COUNT = select(func.count()).select_from(Course).where(owned())
_BUSIEST = (
    select(Course.id, Course.title)
    .where(owned(), Course.is_published)
    .order_by(Course.total_enrolled.desc(), Course.id.desc())
    .limit(1)
)


class CareFigures(Struct, frozen=True):
    """The courses in somebody's care; `students` counts each person once, `places` each course that they take."""

    courses: int
    published: int
    drafts: int
    ever_submitted: int
    reviews: int
    rating: float
    worth: float
    priced: int
    students: int
    places: int
    completed: int
    lessons: int
    seconds: int

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
    students: int
    completed: int
    progress: float
    watched_seconds: int
    rating: float
    rating_count: int

    @property
    def completion_rate(self) -> float:
        """The share of those who hold a place and are done, in per cent."""
        return round(100 * self.completed / self.students, 2) if self.students else 0.0


class BusyCourse(Struct, frozen=True):
    """The published course with most students."""

    id: UUID
    title: str


async def care_figures(db: Db, actor: Actor) -> CareFigures:
    """Return how the courses in the actor's care are doing, all together.

    Needs: courses.analytics.view
    """
    (figures,) = await db.rows(CareFigures, _FIGURES, owner=actor.limited_to(VIEW_ANALYTICS))
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
