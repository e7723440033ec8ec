"""Keeps the counters, each counting anew, so that it may come late or twice; and tells who waits for a review."""

from kernel.db import Db
from kernel.events import Listener
from plugins.courses.actions.notices import tell_author, tell_reviewers
from plugins.courses.actions.recounts import count_curriculum, count_enrollment, count_places, count_rating
from plugins.courses.events import (
    CourseApproved,
    CourseRejected,
    CourseSubmitted,
    CurriculumChanged,
    EnrollmentDropped,
    EnrollmentExpired,
    ReviewChanged,
    StudentEnrolled,
)


async def _count_places(db: Db, event: StudentEnrolled | EnrollmentDropped | EnrollmentExpired) -> None:
    await count_places(db, event.course_id)


async def _count_enrollment(db: Db, event: StudentEnrolled) -> None:
    await count_enrollment(db, event.enrollment_id)


async def _count_curriculum(db: Db, event: CurriculumChanged) -> None:
    await count_curriculum(db, event.course_id)


async def _count_rating(db: Db, event: ReviewChanged) -> None:
    await count_rating(db, event.course_id)


LISTENERS = (
    Listener(StudentEnrolled, "courses.count_places_after_enrolling", _count_places),
    Listener(StudentEnrolled, "courses.count_enrollment", _count_enrollment),
    Listener(EnrollmentDropped, "courses.count_places_after_dropping", _count_places),
    Listener(EnrollmentExpired, "courses.count_places_after_expiring", _count_places),
    Listener(CurriculumChanged, "courses.count_curriculum", _count_curriculum),
    Listener(ReviewChanged, "courses.count_rating", _count_rating),
    Listener(CourseSubmitted, "courses.tell_reviewers", tell_reviewers),
    Listener(CourseApproved, "courses.tell_author_of_approval", tell_author),
    Listener(CourseRejected, "courses.tell_author_of_notes", tell_author),
)
