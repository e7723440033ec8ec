"""What a lesson's page tells from a course's curriculum: where the lesson stands, and why it is locked."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from plugins.courses.errors import VideoNotFound
from plugins.courses.queries.lessons import LearntCourse
from plugins.courses.schemas.curriculum import SectionDetails, VideoDetails

Lock = Literal["enroll", "course_code", "lesson_code", "ended", "closed", "not_yours"]
"""What keeps somebody from a lesson, and by that what would open it."""


class Outline(Struct, frozen=True, kw_only=True):
    """A lesson among all of its course."""

    sections: Sequence[SectionDetails]
    section: SectionDetails
    section_number: int
    lesson: VideoDetails
    number: int
    total: int
    done: int
    before: VideoDetails | None
    after: VideoDetails | None


def outline_of(sections: Sequence[SectionDetails], video_id: UUID) -> Outline:
    """Return where a lesson stands.

    Raises:
        VideoNotFound: It is none of this course, or not for this person.
    """
    lessons = [(number, section, video) for number, section in enumerate(sections, 1) for video in section.videos]
    at = next((index for index, (_, _, video) in enumerate(lessons) if video.id == video_id), None)
    if at is None:
        raise VideoNotFound
    number, section, lesson = lessons[at]
    return Outline(
        sections=sections,
        section=section,
        section_number=number,
        lesson=lesson,
        number=at + 1,
        total=len(lessons),
        done=sum(video.progress is not None and video.progress.is_completed for _, _, video in lessons),
        before=lessons[at - 1][2] if at else None,
        after=lessons[at + 1][2] if at + 1 < len(lessons) else None,
    )


def lock_of(course: LearntCourse, *, may_enroll: bool) -> Lock:
    """Return why somebody may not watch a lesson of a course that they see."""
    if course.enrollment_status in ("active", "completed"):
        return "lesson_code"
    if not may_enroll:
        return "not_yours"
    if course.status != "published":
        return "closed"
    if course.enrollment_status == "expired":
        return "ended"
    return "course_code" if course.needs_code else "enroll"
