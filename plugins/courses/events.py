"""What has happened to courses."""

from typing import ClassVar
from uuid import UUID

from kernel.events import Event


class CoursePublished(Event, frozen=True, kw_only=True):
    """A course can be seen by everyone."""

    name: ClassVar[str] = "courses.course.published"
    course_id: UUID
    instructor_id: UUID


class CourseSubmitted(Event, frozen=True, kw_only=True):
    """A course waits for a reviewer."""

    name: ClassVar[str] = "courses.course.submitted"
    course_id: UUID
    instructor_id: UUID


class CourseApproved(Event, frozen=True, kw_only=True):
    """A reviewer has published a course that was submitted."""

    name: ClassVar[str] = "courses.course.approved"
    course_id: UUID
    instructor_id: UUID
    verdict_id: UUID


class CourseRejected(Event, frozen=True, kw_only=True):
    """A reviewer has sent a course back."""

    name: ClassVar[str] = "courses.course.rejected"
    course_id: UUID
    instructor_id: UUID
    verdict_id: UUID


class CourseWithdrawn(Event, frozen=True, kw_only=True):
    """A course waits for a reviewer no more: its author has taken it back."""

    name: ClassVar[str] = "courses.course.withdrawn"
    course_id: UUID
    instructor_id: UUID


class CourseFeatured(Event, frozen=True, kw_only=True):
    """A course stands in front of all others from now on."""

    name: ClassVar[str] = "courses.course.featured"
    course_id: UUID
    instructor_id: UUID


class CourseDeleted(Event, frozen=True, kw_only=True):
    """A course in which nobody had ever enrolled is gone, with all that was in it."""

    name: ClassVar[str] = "courses.course.deleted"
    course_id: UUID
    instructor_id: UUID


class CourseArchived(Event, frozen=True, kw_only=True):
    """A course takes no more students."""

    name: ClassVar[str] = "courses.course.archived"
    course_id: UUID
    instructor_id: UUID


class CurriculumChanged(Event, frozen=True, kw_only=True):
    """Published videos of a course came, went or have another length."""

    name: ClassVar[str] = "courses.curriculum.changed"
    course_id: UUID


class MaterialAdded(Event, frozen=True, kw_only=True):
    """There is more to download or to read in a course."""

    name: ClassVar[str] = "courses.material.added"
    material_id: UUID
    course_id: UUID


class StudentEnrolled(Event, frozen=True, kw_only=True):
    """Somebody is enrolled in a course, for the first time or again."""

    name: ClassVar[str] = "courses.enrollment.created"
    enrollment_id: UUID
    course_id: UUID
    user_id: UUID
    access_code_id: UUID | None


class ReviewChanged(Event, frozen=True, kw_only=True):
    """A review was written, changed or removed."""

    name: ClassVar[str] = "courses.review.changed"
    review_id: UUID
    course_id: UUID
    user_id: UUID


class ReviewAnswered(Event, frozen=True, kw_only=True):
    """Whoever teaches a course has answered a review of it."""

    name: ClassVar[str] = "courses.review.answered"
    review_id: UUID
    course_id: UUID
    user_id: UUID


class EnrollmentDropped(Event, frozen=True, kw_only=True):
    """Somebody has left a course."""

    name: ClassVar[str] = "courses.enrollment.dropped"
    enrollment_id: UUID
    course_id: UUID
    user_id: UUID


class EnrollmentExpired(Event, frozen=True, kw_only=True):
    """The time of somebody's enrolment is over."""

    name: ClassVar[str] = "courses.enrollment.expired"
    enrollment_id: UUID
    course_id: UUID
    user_id: UUID


class VideoCompleted(Event, frozen=True, kw_only=True):
    """Somebody has watched a video, once and for all."""

    name: ClassVar[str] = "courses.video.completed"
    video_id: UUID
    course_id: UUID
    user_id: UUID


class CourseCompleted(Event, frozen=True, kw_only=True):
    """Somebody has watched every published video of a course."""

    name: ClassVar[str] = "courses.enrollment.completed"
    enrollment_id: UUID
    course_id: UUID
    user_id: UUID


EVENTS = (
    CoursePublished,
    CourseSubmitted,
    CourseApproved,
    CourseRejected,
    CourseWithdrawn,
    CourseFeatured,
    CourseArchived,
    CourseDeleted,
    ReviewChanged,
    ReviewAnswered,
    CurriculumChanged,
    MaterialAdded,
    StudentEnrolled,
    EnrollmentDropped,
    EnrollmentExpired,
    VideoCompleted,
    CourseCompleted,
)
