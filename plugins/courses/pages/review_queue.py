"""The courses that wait for a review, and one of them: as a student will see it, what is checked, what is answered."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from plugins.courses.permissions import REVIEW
from plugins.courses.queries.care import course_in_care, waiting_count, waiting_page
from plugins.courses.queries.courses import course_details
from plugins.courses.queries.curriculum import whole_curriculum
from plugins.courses.schemas.courses import CourseDetails
from plugins.courses.schemas.curriculum import SectionDetails

_ROWS = 25
Shown = tuple[str, Mapping[str, Any]]


async def review_queue(db: Db, actor: Actor, offset: Offset = 0) -> Shown:
    """Show which courses wait, the longest wait first."""
    return "courses/review_queue.html", {"page": await waiting_page(db, actor, limit=_ROWS, offset=offset)}


async def review_course(db: Db, actor: Actor, course_id: UUID) -> Shown:
    """Show a course to who decides about it."""
    await course_in_care(db, actor, course_id, REVIEW)
    course = await course_details(db, actor, course_id)
    sections = await whole_curriculum(db, actor, course_id)
    return "courses/review_course.html", {
        "course": course,
        "sections": sections,
        "places": places_of(sections),
        "checks": review_checks(course, sections),
        "lessons": sum(len(section.videos) for section in sections),
        "seconds": sum(video.duration_seconds for section in sections for video in section.videos),
    }


def places_of(sections: Sequence[SectionDetails]) -> Mapping[str, str]:
    """Return the titles of all parts, by the names under which notes know them (`ReviewNote.target`)."""
    places = {f"section:{section.id}": section.title for section in sections}
    places |= {f"video:{video.id}": video.title for section in sections for video in section.videos}
    return places | {f"material:{each.id}": each.title for section in sections for each in section.materials}


def review_checks(course: CourseDetails, sections: Sequence[SectionDetails]) -> Mapping[str, bool]:
    """Return what a machine can say of a course before somebody decides about it: each thing, and whether it is there.

    Args:
        course: Which one.
        sections: All of them, with their videos and materials.
    """
    shown = [section for section in sections if section.is_published]
    videos = [video for section in shown for video in section.videos if video.is_published]
    return {
        "cover": course.thumbnail_url is not None,
        "texts": bool(course.short_description and course.description),
        "category": course.category is not None,
        "filled": bool(shown) and all(section.videos or section.materials for section in shown),
        "preview": any(video.is_preview for video in videos),
        "access": course.requires_code or course.is_free or course.price > 0,
    }


async def waiting_need(db: Db, actor: Actor, _subject: object) -> Shown | None:
    """Tell reviewers on their dashboard that courses wait, and since when."""
    page = await waiting_page(db, actor, limit=1, offset=0)
    return ("courses/waiting_need.html", {"page": page}) if page.total else None


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/admin/review", "handler": review_queue, "access": REVIEW},
    {"path": "/admin/review/{course_id:uuid}", "handler": review_course, "access": REVIEW},
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "courses.review",
        "area": "admin",
        "group": "Learning",
        "label": "Review queue",
        "icon": "check",
        "path": "/admin/review",
        "order": 210,
        "access": REVIEW,
        "count": waiting_count,
    },
)
SLOTS: Sequence[Mapping[str, Any]] = ({"slot": "dashboard.needs", "fill": waiting_need, "access": REVIEW, "order": 10},)
