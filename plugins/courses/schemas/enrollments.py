"""Enrolments in answers."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct, field

from plugins.auth.api import UserRef
from plugins.courses.schemas.courses import CourseLink
from plugins.courses.schemas.texts import EnrollmentStatus


class Enrollment(Struct, frozen=True):
    """That somebody is enrolled."""

    id: UUID
    user_id: UUID
    course_id: UUID
    status: EnrollmentStatus
    progress: float
    enrolled_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None


class Continuation(Struct, frozen=True):
    """Where to go on: the unfinished video that was watched last, or else the first that was not begun."""

    video_id: UUID
    last_position: int


class EnrollmentCard(Struct, frozen=True, kw_only=True):
    """An enrolment in the student's own list."""

    id: UUID
    course_id: UUID
    course: CourseLink
    status: EnrollmentStatus
    progress: float
    enrolled_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None
    next_up: Continuation | None = field(name="continue")


class StudentCard(Struct, frozen=True, kw_only=True):
    """A student in the list of a course."""

    id: UUID
    user_id: UUID
    user: UserRef | None
    status: EnrollmentStatus
    progress: float
    enrolled_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None
