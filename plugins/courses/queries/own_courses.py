"""What somebody learns, the last watched first: how far they are, when they were there, which lesson is next."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Integer, Text, Uuid, and_, any_, bindparam, case, false, func, select, true

from kernel.auth import Actor
from kernel.db import Db
from plugins.courses.queries.catalogue import IS_OPEN
from plugins.courses.queries.covers import COVER_URL
from plugins.courses.queries.videos import IN_CURRICULUM, OWN_PROGRESS
from plugins.courses.queries.viewing import HOLDS_PLACE, VIEWER, status_now
from plugins.courses.schemas.texts import EnrollmentStatus
from plugins.courses.tables import Course, CourseCategory, CourseEnrollment, CourseSection, CourseVideo, VideoProgress

State = Literal["active", "done", "left"]
STATES: dict[State, tuple[EnrollmentStatus, ...]] = {
    "active": ("active",),
    "done": ("completed",),
    "left": ("dropped", "expired"),
}
_LIMIT, _OFFSET = bindparam("limit", type_=Integer), bindparam("offset", type_=Integer)
_VIDEOS = CourseSection.__table__.join(CourseVideo.__table__, CourseVideo.section_id == CourseSection.id)
_SEEN = (
    select(CourseSection.course_id, func.max(VideoProgress.updated_at).label("last_seen_at"))
    .select_from(_VIDEOS.join(VideoProgress.__table__, VideoProgress.video_id == CourseVideo.id))
    .where(VideoProgress.user_id == VIEWER)
    .group_by(CourseSection.course_id)
    .subquery("seen")
)
_IN_ORDER = (CourseSection.sort_order, CourseSection.id, CourseVideo.sort_order, CourseVideo.id)
_MINE = (
    select(
        CourseEnrollment.course_id,
        status_now().label("status"),
        CourseEnrollment.progress,
        CourseEnrollment.enrolled_at,
        CourseEnrollment.completed_at,
        CourseEnrollment.expires_at,
        _SEEN.c.last_seen_at,
        func.row_number()
        .over(
            order_by=(
                status_now() != "active",
                _SEEN.c.last_seen_at.desc().nulls_last(),
                CourseEnrollment.enrolled_at.desc(),
                CourseEnrollment.id.desc(),
            )
        )
        .label("place"),
    )
    .select_from(CourseEnrollment.__table__.outerjoin(_SEEN, _SEEN.c.course_id == CourseEnrollment.course_id))
    .where(CourseEnrollment.user_id == VIEWER, status_now() == any_(bindparam("states", type_=ARRAY(Text))))
    .subquery("mine")
)
_LESSONS = (
    select(
        CourseVideo.id,
        CourseVideo.title,
        CourseVideo.duration_seconds,
        func.coalesce(VideoProgress.last_position, 0).label("last_position"),
        func.coalesce(VideoProgress.is_completed, false()).label("is_completed"),
        VideoProgress.updated_at,
        func.row_number().over(order_by=_IN_ORDER).label("number"),
        func.count().over().label("lessons"),
    )
    .select_from(_VIDEOS.outerjoin(VideoProgress.__table__, OWN_PROGRESS))
    .where(
        CourseSection.course_id == _MINE.c.course_id,
        IN_CURRICULUM,
        _MINE.c.place <= bindparam("detailed", type_=Integer),
    )
    .correlate(_MINE)
    .subquery("lessons")
)
# What was begun and not finished, the latest first; then what was not begun, in its order; then what is done.
_NEXT = (
    select(_LESSONS)
    .order_by(_LESSONS.c.is_completed, _LESSONS.c.updated_at.desc().nulls_last(), _LESSONS.c.number)
    .limit(1)
    .lateral("next_lesson")
)
_OWN = (
    select(
        _MINE.c.course_id,
        Course.title,
        Course.slug,
        COVER_URL,
        Course.category_id,
        CourseCategory.slug.label("category_slug"),
        and_(Course.status == "published", IS_OPEN).label("is_open"),
        _MINE.c.status,
        _MINE.c.progress,
        _MINE.c.enrolled_at,
        _MINE.c.completed_at,
        _MINE.c.expires_at,
        _MINE.c.last_seen_at,
        _NEXT.c.id.label("lesson_id"),
        _NEXT.c.title.label("lesson_title"),
        _NEXT.c.number,
        _NEXT.c.lessons,
        _NEXT.c.duration_seconds,
        _NEXT.c.last_position,
    )
    .select_from(
        _MINE.join(Course.__table__, Course.id == _MINE.c.course_id)
        .outerjoin(CourseCategory.__table__, CourseCategory.id == Course.category_id)
        .outerjoin(_NEXT, true())
    )
    .order_by(_MINE.c.place)
    .limit(_LIMIT)
    .offset(_OFFSET)
)
_STANDING = select(status_now().label("status")).where(CourseEnrollment.user_id == VIEWER).subquery("standing")
_COUNTS = select(_STANDING.c.status, func.count().label("count")).group_by(_STANDING.c.status)
_USER = bindparam("user", type_=Uuid)
_TOTALS = select(
    func.count(case((HOLDS_PLACE, 1))).label("total_courses"),
    func.count(case((status_now() == "completed", 1))).label("completed_courses"),
    func.coalesce(
        select(func.sum(VideoProgress.watched_seconds)).where(VideoProgress.user_id == _USER).scalar_subquery(), 0
    ).label("watched_seconds"),
    func.coalesce(func.round(func.avg(case((HOLDS_PLACE, CourseEnrollment.progress))), 2), 0).label("overall_progress"),
    func.count().label("enrollments"),
).where(CourseEnrollment.user_id == _USER)
_RECENT = (
    select(
        CourseVideo.id,
        CourseVideo.title,
        Course.title.label("course_title"),
        Course.slug,
        VideoProgress.is_completed,
        VideoProgress.last_position,
        VideoProgress.total_seconds,
        VideoProgress.updated_at,
    )
    .select_from(
        VideoProgress.__table__.join(CourseVideo.__table__, CourseVideo.id == VideoProgress.video_id)
        .join(CourseSection.__table__, CourseSection.id == CourseVideo.section_id)
        .join(
            CourseEnrollment.__table__,
            and_(CourseEnrollment.course_id == CourseSection.course_id, CourseEnrollment.user_id == VIEWER),
        )
        .join(Course.__table__, Course.id == CourseSection.course_id)
    )
    .where(VideoProgress.user_id == VIEWER, IN_CURRICULUM)
    .order_by(VideoProgress.updated_at.desc(), VideoProgress.id.desc())
    .limit(_LIMIT)
)


class OwnCourse(Struct, frozen=True):
    """A course that somebody learns; the lesson to go on with, if its place in the list is among the detailed ones."""

    course_id: UUID
    title: str
    slug: str
    thumbnail_url: str | None
    category_id: UUID | None
    category_slug: str | None
    is_open: bool
    """Whether one may come back without a code."""
    status: EnrollmentStatus
    progress: float
    enrolled_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None
    last_seen_at: datetime | None
    lesson_id: UUID | None
    lesson_title: str | None
    number: int | None
    lessons: int | None
    duration_seconds: int | None
    last_position: int | None

    @property
    def seconds_left(self) -> int:
        """How much of the next lesson is still to be watched."""
        return max((self.duration_seconds or 0) - (self.last_position or 0), 0)


class LearningTotals(Struct, frozen=True):
    """How much somebody learns; `enrollments` counts those that are over too."""

    total_courses: int
    completed_courses: int
    watched_seconds: int
    overall_progress: float
    enrollments: int


class StatusCount(Struct, frozen=True):
    """How many of one's courses are in a state."""

    status: EnrollmentStatus
    count: int


class RecentLesson(Struct, frozen=True):
    """A lesson that somebody has watched."""

    id: UUID
    title: str
    course_title: str
    slug: str
    is_completed: bool
    last_position: int
    total_seconds: int
    updated_at: datetime


async def own_courses(
    db: Db, actor: Actor, states: Sequence[State], *, limit: int, offset: int = 0, detailed: int | None = None
) -> list[OwnCourse]:
    """Return the actor's courses, those under way before others, and the last watched first.

    Args:
        db: The transaction.
        actor: Whose.
        states: In which of them the courses are.
        limit: How many.
        offset: After how many.
        detailed: For how many, from the first, the next lesson is looked for; for all when None.
    """
    which = [status for state in states for status in STATES[state]]
    most = offset + limit if detailed is None else detailed
    return await db.rows(OwnCourse, _OWN, viewer=actor.id, states=which, limit=limit, offset=offset, detailed=most)


def going_on(courses: Sequence[OwnCourse]) -> OwnCourse | None:
    """Return the course with which somebody goes on: the first of `own_courses`, unless it is done or has no lesson."""
    return courses[0] if courses and courses[0].status == "active" and courses[0].lesson_id else None


async def own_course_counts(db: Db, actor: Actor) -> dict[State, int]:
    """Return how many courses of the actor's are in each state."""
    counts = {row.status: row.count for row in await db.rows(StatusCount, _COUNTS, viewer=actor.id)}
    return {state: sum(counts.get(each, 0) for each in statuses) for state, statuses in STATES.items()}


async def learning_totals(db: Db, user_id: UUID) -> LearningTotals:
    """Return how much somebody learns, for whoever may see it."""
    totals = await db.row(LearningTotals, _TOTALS, user=user_id)
    return totals or LearningTotals(0, 0, 0, 0, 0)


async def recent_lessons(db: Db, actor: Actor, *, limit: int) -> list[RecentLesson]:
    """Return what the actor watched last."""
    return await db.rows(RecentLesson, _RECENT, viewer=actor.id, limit=limit)
