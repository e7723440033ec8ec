"""How a course is doing, for those in whose care it is."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from msgspec import Struct

TENTHS = 10


class EnrollmentTotals(Struct, frozen=True):
    """How many enrolments there are in each state, and how far those that hold a place have got, in per cent."""

    active: int
    completed: int
    dropped: int
    expired: int
    average_progress: float


class DayCount(Struct, frozen=True):
    """How many enrolled on a day, by the tenant's time zone."""

    day: date
    count: int


class VideoAnalytics(Struct, frozen=True):
    """How a video is watched.

    `drop_off` says of each tenth of the video how many viewers have seen some of it; `watched_seconds` counts each
    second once for each viewer.
    """

    id: UUID
    section_id: UUID
    title: str
    duration_seconds: int
    viewers: int
    completed: int
    watched_seconds: int
    drop_off: Sequence[int]


class CourseAnalytics(Struct, frozen=True, kw_only=True):
    """How a course is doing; `completion_rate` is the share, in per cent, of those who hold a place and are done."""

    course_id: UUID
    enrollments: EnrollmentTotals
    completion_rate: float
    watched_seconds: int
    rating: float
    rating_count: int
    enrolled_by_day: Sequence[DayCount]
    videos: Sequence[VideoAnalytics]
