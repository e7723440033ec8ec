"""The door for other plugins: find courses and videos, enrol somebody, open a video, hear what has happened."""

from plugins.courses.actions.enrollments import enroll_by_code, grant_video
from plugins.courses.errors import CourseFull, CourseNotFound, CourseNotPublished, VideoNotFound
from plugins.courses.events import (
    CourseApproved,
    CourseArchived,
    CourseCompleted,
    CourseDeleted,
    CourseFeatured,
    CoursePublished,
    CourseRejected,
    CourseSubmitted,
    CourseWithdrawn,
    CurriculumChanged,
    EnrollmentDropped,
    EnrollmentExpired,
    MaterialAdded,
    ReviewAnswered,
    ReviewChanged,
    StudentEnrolled,
    VideoCompleted,
)
from plugins.courses.queries.courses import course_by_slug, courses_by_id
from plugins.courses.queries.courses import course_ref as course_for_codes
from plugins.courses.queries.videos import video_ref, videos_by_id
from plugins.courses.schemas.courses import CourseRef
from plugins.courses.schemas.curriculum import VideoRef
from plugins.courses.schemas.enrollments import Enrollment

__all__ = [
    "CourseApproved",
    "CourseArchived",
    "CourseCompleted",
    "CourseDeleted",
    "CourseFeatured",
    "CourseFull",
    "CourseNotFound",
    "CourseNotPublished",
    "CoursePublished",
    "CourseRef",
    "CourseRejected",
    "CourseSubmitted",
    "CourseWithdrawn",
    "CurriculumChanged",
    "Enrollment",
    "EnrollmentDropped",
    "EnrollmentExpired",
    "MaterialAdded",
    "ReviewAnswered",
    "ReviewChanged",
    "StudentEnrolled",
    "VideoCompleted",
    "VideoNotFound",
    "VideoRef",
    "course_by_slug",
    "course_for_codes",
    "courses_by_id",
    "enroll_by_code",
    "grant_video",
    "video_ref",
    "videos_by_id",
]
