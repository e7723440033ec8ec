"""What records progress as players report it.

A report takes two statements. The first one locks the student's enrolment, so that the second one, whose snapshot is
taken behind the lock, sees what their other tabs have written; nobody else waits for it. The sums:

- `watched_seconds` of a video is the length of the union of all stretches (a generated column);
- a video is completed once `rules.is_watched` says so, and stays it;
- `progress` of an enrolment is the watched share of its course's published seconds, below 100 until each of these
  videos is completed; then it is 100, the enrolment is completed, and nothing changes it any more.

What follows from a changed curriculum is counted in `actions.recounts`; the reports of many people at once are written
by `actions.crowded_reports`.
"""

from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Numeric,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, insert

from kernel.auth import Actor
from kernel.db import Db
from kernel.events import publish
from kernel.ids import new_id
from plugins.courses import rules
from plugins.courses.errors import VideoNotFound
from plugins.courses.events import CourseCompleted, VideoCompleted
from plugins.courses.permissions import WATCH
from plugins.courses.queries.videos import IN_CURRICULUM, IS_GRANTED, OWN_PROGRESS
from plugins.courses.queries.viewing import VIEWER, status_now, viewer_of
from plugins.courses.schemas.curriculum import EnrollmentProgress, ProgressAnswer, ProgressRequest
from plugins.courses.schemas.texts import CourseStatus, EnrollmentStatus
from plugins.courses.tables import Course, CourseEnrollment, CourseSection, CourseVideo, VideoProgress

_VIDEO = bindparam("video", type_=Uuid)


LESSON_COLUMNS: tuple[Any, ...] = (
    CourseVideo.duration_seconds,
    CourseVideo.is_preview,
    CourseVideo.requires_code,
    IN_CURRICULUM.label("in_curriculum"),
    Course.id.label("course_id"),
    Course.status.label("course_status"),
    Course.instructor_id,
)
"""The first fields of `Lesson`."""


class Lesson(Struct, frozen=True):
    """A video with the viewer's enrolment, which this transaction has locked."""

    duration_seconds: int
    is_preview: bool
    requires_code: bool
    in_curriculum: bool
    course_id: UUID
    course_status: CourseStatus
    instructor_id: UUID
    is_granted: bool
    enrollment_id: UUID | None
    enrollment_status: EnrollmentStatus | None
    enrollment_progress: float | None

    @property
    def is_enrolled(self) -> bool:
        """Whether the viewer holds a place."""
        return self.enrollment_status in ("active", "completed")


class Seen(Struct, frozen=True):
    """What is known of a video after a report, and the enrolment's progress if that has moved."""

    last_position: int
    watched_seconds: int
    is_completed: bool
    progress: float | None


def _locked_lesson() -> Select[Any]:
    lesson = (
        select(*LESSON_COLUMNS, IS_GRANTED.label("is_granted"))
        .join(CourseSection, CourseSection.id == CourseVideo.section_id)
        .join(Course, Course.id == CourseSection.course_id)
        .where(CourseVideo.id == _VIDEO)
        .cte("lesson")
    )
    enrollment = (
        select(CourseEnrollment.id, status_now().label("status"), CourseEnrollment.progress)
        .where(
            CourseEnrollment.user_id == VIEWER,
            CourseEnrollment.course_id == select(lesson.c.course_id).scalar_subquery(),
        )
        .with_for_update(key_share=True)
        .cte("enrollment")
    )
    return select(
        *lesson.c,
        enrollment.c.id.label("enrollment_id"),
        enrollment.c.status.label("enrollment_status"),
        enrollment.c.progress.label("enrollment_progress"),
    ).select_from(lesson.outerjoin(enrollment, true()))


def _union(*, completes: bool) -> CTE:
    """Return the part that unites a report with what was reported before.

    Args:
        completes: False gives no row, and changes none, if with this report enough of the video has been watched.
    """
    report = insert(VideoProgress).values(
        id=bindparam("id", type_=Uuid),
        user_id=VIEWER,
        video_id=_VIDEO,
        watched=cast(bindparam("ranges", type_=Text), INT4MULTIRANGE),
        total_seconds=bindparam("duration", type_=Integer),
        last_position=bindparam("position", type_=Integer),
    )
    watched = VideoProgress.watched + report.excluded.watched
    is_short = func.courses.seconds_in(watched) * 100 < report.excluded.total_seconds * rules.COMPLETE_PERCENT
    return (
        report.on_conflict_do_update(
            index_elements=["tenant_id", "user_id", "video_id"],
            set_={
                "watched": watched,
                "total_seconds": report.excluded.total_seconds,
                "last_position": report.excluded.last_position,
            },
            where=None if completes else or_(VideoProgress.is_completed, is_short),
        )
        .returning(VideoProgress.last_position, VideoProgress.watched_seconds, VideoProgress.is_completed)
        .cte("seen")
    )


def share(watched: ColumnElement[Any], whole: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the progress that so many seconds of a course are, while it is not completed."""
    percent = literal_column("100.0", Numeric) * watched / whole
    share_now = func.least(func.round(percent, 2), literal_column("99.99", Numeric))
    # Of a course without a published second, nothing; PostgreSQL's `least` would pass the null by.
    return case((whole.is_(None), literal_column("0", Numeric)), else_=share_now)


def _report_alone() -> Select[Any]:
    seen = _union(completes=True)
    return select(*seen.c, literal_column("NULL::numeric", Numeric).label("progress"))


def report_in_course(*columns: ColumnElement[Any], completes: bool = True) -> Select[Any]:
    """Return the statement that records what somebody has watched in a course that they are enrolled in, as `Seen`.

    Args:
        columns: What else it shall give.
        completes: False gives no row, and changes none, if the video was watched before and this completes it.
    """
    seen = _union(completes=completes)
    # The statement does not see the row that it writes itself, so that one's seconds come from `seen`.
    seconds = case((CourseVideo.id == _VIDEO, seen.c.watched_seconds), else_=VideoProgress.watched_seconds)
    sums = (
        select(
            func.sum(CourseVideo.duration_seconds).label("whole"),
            func.sum(func.least(func.coalesce(seconds, 0), CourseVideo.duration_seconds)).label("watched"),
        )
        .select_from(
            CourseSection.__table__.join(CourseVideo.__table__, CourseVideo.section_id == CourseSection.id)
            .outerjoin(VideoProgress.__table__, OWN_PROGRESS)
            .join(seen, true())
        )
        .where(CourseSection.course_id == bindparam("course", type_=Uuid), IN_CURRICULUM)
        .cte("sums")
    )
    progress = share(sums.c.watched, sums.c.whole)
    moved = (
        update(CourseEnrollment)
        .where(
            CourseEnrollment.id == bindparam("enrollment", type_=Uuid),
            CourseEnrollment.status == "active",
            CourseEnrollment.progress != progress,
        )
        .values(progress=progress)
        .returning(CourseEnrollment.progress)
        .cte("moved")
    )
    return select(*seen.c, select(moved.c.progress).scalar_subquery().label("progress"), *columns)


_LOCKED_LESSON = _locked_lesson()
_REPORT_ALONE = _report_alone()
_REPORT_IN_COURSE = report_in_course()
_COMPLETE_VIDEO = (
    update(VideoProgress)
    .where(VideoProgress.user_id == VIEWER, VideoProgress.video_id == _VIDEO)
    .values(is_completed=True, completed_at=func.now())
)
_WITH_VIDEOS = CourseSection.__table__.join(CourseVideo.__table__, CourseVideo.section_id == CourseSection.id)
_IN_COURSE = (CourseSection.course_id == CourseEnrollment.course_id, IN_CURRICULUM)
_COMPLETED_BY_STUDENT = and_(
    VideoProgress.video_id == CourseVideo.id,
    VideoProgress.user_id == CourseEnrollment.user_id,
    VideoProgress.is_completed,
)
_PUBLISHED = select(CourseVideo.id).select_from(_WITH_VIDEOS).where(*_IN_COURSE).correlate(CourseEnrollment)
_UNFINISHED = (
    select(CourseVideo.id)
    .select_from(_WITH_VIDEOS.outerjoin(VideoProgress.__table__, _COMPLETED_BY_STUDENT))
    .where(*_IN_COURSE, VideoProgress.id.is_(None))
    .correlate(CourseEnrollment)
)
IS_ALL_WATCHED: ColumnElement[bool] = and_(_PUBLISHED.exists(), ~_UNFINISHED.exists())
"""That whoever has this enrolment has completed every published video of its course."""
COMPLETED = {"status": "completed", "progress": 100, "completed_at": func.now()}
_COMPLETE_COURSE = (
    update(CourseEnrollment)
    .where(
        CourseEnrollment.id == bindparam("enrollment", type_=Uuid), CourseEnrollment.status == "active", IS_ALL_WATCHED
    )
    .values(COMPLETED)
)


async def report_progress(db: Db, actor: Actor, video_id: UUID, report: ProgressRequest) -> ProgressAnswer:
    """Unite what was watched with what was watched before; a report that comes late, or twice, changes nothing.

    The length that counts is the stored one, whatever the player says.

    Needs: courses.video.watch
    Emits: courses.video.completed, courses.enrollment.completed

    Raises:
        VideoNotFound: There is none, or not for this person.
        NotEnrolled: They may not watch it.
        CodeRequired: They may not watch it without a code.
        RangesInvalid: A stretch is no part of the video.
    """
    lesson = await db.row(Lesson, _LOCKED_LESSON, video=video_id, viewer=actor.id)
    if lesson is None:
        raise VideoNotFound
    check_may_watch(actor, lesson)
    duration = lesson.duration_seconds
    values = reported(actor, video_id, report, duration)
    statement = _REPORT_ALONE
    if lesson.is_enrolled:
        statement = _REPORT_IN_COURSE
        values |= {"course": lesson.course_id, "enrollment": lesson.enrollment_id}
    seen = (await db.rows(Seen, statement, **values))[0]
    watched = min(seen.watched_seconds, duration)
    is_news = not seen.is_completed and rules.is_watched(watched, duration)
    if is_news:
        # The report has locked the row, so nobody else can be completing it at the same time.
        await db.run(_COMPLETE_VIDEO, viewer=actor.id, video=video_id)
        await publish(db, VideoCompleted(video_id=video_id, course_id=lesson.course_id, user_id=actor.id))
    enrollment = await _enrollment(db, actor, lesson, seen, is_news=is_news)
    return ProgressAnswer(seen.last_position, watched, duration, seen.is_completed or is_news, enrollment)


def reported(actor: Actor, video_id: UUID, report: ProgressRequest, duration: int) -> dict[str, Any]:
    """Return the parameters of a report.

    Raises:
        RangesInvalid: A stretch is no part of the video.
    """
    return {
        "id": new_id(),
        "viewer": actor.id,
        "video": video_id,
        "ranges": rules.watched_ranges(report.ranges, position=report.position, duration=duration),
        "duration": duration,
        "position": report.position,
    }


def check_may_watch(actor: Actor, lesson: Lesson) -> None:
    """Refuse the report of somebody who may not watch.

    Raises:
        VideoNotFound: There is none for this person.
        NotEnrolled: They may not watch it.
        CodeRequired: They may not watch it without a code.
    """
    manages = viewer_of(actor, WATCH).manages(lesson.instructor_id)
    is_open = rules.is_open(
        course_status=lesson.course_status,
        in_curriculum=lesson.in_curriculum,
        is_enrolled=lesson.is_enrolled,
        is_granted=lesson.is_granted,
    )
    if not (manages or is_open):
        raise VideoNotFound
    may = rules.may_watch(
        manages=manages,
        is_preview=lesson.is_preview,
        is_granted=lesson.is_granted,
        is_enrolled=lesson.is_enrolled,
        requires_code=lesson.requires_code,
    )
    rules.check_watch(may=may, is_enrolled=lesson.is_enrolled)


async def _enrollment(db: Db, actor: Actor, lesson: Lesson, seen: Seen, *, is_news: bool) -> EnrollmentProgress | None:
    """Return how the course stands now; complete it if a video was completed and nothing is left to watch."""
    if lesson.enrollment_id is None or lesson.enrollment_status is None or not lesson.is_enrolled:
        return None
    if is_news and await db.run(_COMPLETE_COURSE, enrollment=lesson.enrollment_id):
        await publish(
            db, CourseCompleted(enrollment_id=lesson.enrollment_id, course_id=lesson.course_id, user_id=actor.id)
        )
        return EnrollmentProgress(100.0, "completed")
    progress = lesson.enrollment_progress if seen.progress is None else seen.progress
    return EnrollmentProgress(progress or 0.0, lesson.enrollment_status)
