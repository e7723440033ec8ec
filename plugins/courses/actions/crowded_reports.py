"""Reports of progress that come from many people at once: the ordinary ones are written together.

Ordinary is the report of a student who is enrolled and needs no grant to watch, whose enrolment nobody else is changing
at this moment, and with which the video is not completed. Two rounds to the database write all of them, whatever their
number. Every other report is left to `actions.progress`, alone: what is refused, what completes a video or a course
and is told to others, and what waits for a lock. The sums are the same statement as there.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Integer, Select, Uuid, bindparam, column, false, func, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import DomainError
from kernel.gathering import BEHALF, Entry, Gathering
from plugins.courses import rules
from plugins.courses.actions.progress import LESSON_COLUMNS, Lesson, Seen, check_may_watch, report_in_course, reported
from plugins.courses.queries.viewing import status_now
from plugins.courses.schemas.curriculum import EnrollmentProgress, ProgressAnswer, ProgressRequest
from plugins.courses.tables import Course, CourseEnrollment, CourseSection, CourseVideo


class Report(Struct, frozen=True):
    """What a player reports."""

    actor: Actor
    video_id: UUID
    said: ProgressRequest


class _Lesson(Lesson, frozen=True):
    """What the report of this number, from 1, is about; this transaction has locked the enrolment."""

    number: int


class _Seen(Seen, frozen=True):
    """What is known after the report of this number."""

    number: int
    behalf: str


def _locked_lessons() -> Select[Any]:
    asked = (
        func.unnest(bindparam("viewers", type_=ARRAY(Uuid)), bindparam("videos", type_=ARRAY(Uuid)))
        .table_valued(column("viewer", Uuid), column("video", Uuid), with_ordinality="number", name="asked")
        .render_derived()
    )
    return (
        select(
            *LESSON_COLUMNS,
            false().label("is_granted"),
            CourseEnrollment.id.label("enrollment_id"),
            status_now().label("enrollment_status"),
            CourseEnrollment.progress.label("enrollment_progress"),
            asked.c.number,
        )
        .select_from(asked)
        .join(CourseVideo, CourseVideo.id == asked.c.video)
        .join(CourseSection, CourseSection.id == CourseVideo.section_id)
        .join(Course, Course.id == CourseSection.course_id)
        .join(
            CourseEnrollment, (CourseEnrollment.user_id == asked.c.viewer) & (CourseEnrollment.course_id == Course.id)
        )
        .with_for_update(key_share=True, of=CourseEnrollment, skip_locked=True)
    )


_LOCKED_LESSONS = _locked_lessons()
_REPORT = report_in_course(bindparam("number", type_=Integer).label("number"), BEHALF.label("behalf"), completes=False)


async def _record(db: Db, entries: Sequence[Entry[Report]]) -> list[ProgressAnswer | None]:
    """Record the ordinary reports, and return None for the others."""
    reports = [entry.item for entry in entries]
    found = await db.rows(
        _Lesson,
        _LOCKED_LESSONS,
        viewers=[each.actor.id for each in reports],
        videos=[each.video_id for each in reports],
    )
    lessons = {lesson.number: lesson for lesson in found}
    answers: list[ProgressAnswer | None] = [None] * len(entries)
    if not (rows := list(_rows(entries, lessons))):
        return answers
    # Of somebody with two tabs the second report finds what the first has moved.
    progress = {lesson.enrollment_id: lesson.enrollment_progress for lesson in found}
    for seen in await db.rows_many(_Seen, _REPORT, rows):
        lesson = lessons[seen.number]
        if seen.progress is not None:
            progress[lesson.enrollment_id] = seen.progress
        answers[seen.number - 1] = _answer(lesson, seen, progress[lesson.enrollment_id])
    return answers


REPORTS: Gathering[Report, ProgressAnswer] = Gathering(_record)


def _rows(entries: Sequence[Entry[Report]], lessons: dict[int, _Lesson]) -> Iterator[dict[str, Any]]:
    for number, lesson in sorted(lessons.items()):
        entry = entries[number - 1]
        actor, said, duration = entry.item.actor, entry.item.said, lesson.duration_seconds
        try:
            check_may_watch(actor, lesson)
            values = reported(actor, entry.item.video_id, said, duration)
        except DomainError:
            continue
        if not lesson.is_enrolled or rules.is_watched(sum(end - start for start, end in said.ranges), duration):
            continue
        place = {"course": lesson.course_id, "enrollment": lesson.enrollment_id, "number": number}
        yield values | place | entry.behalf


def _answer(lesson: _Lesson, seen: _Seen, progress: float | None) -> ProgressAnswer:
    watched, status = min(seen.watched_seconds, lesson.duration_seconds), lesson.enrollment_status
    place = EnrollmentProgress(progress or 0.0, status) if status else None
    return ProgressAnswer(seen.last_position, watched, lesson.duration_seconds, seen.is_completed, place)
