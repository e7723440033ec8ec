"""A course before one is in it: what it is about, what is in it, who teaches it, what others say, and the way in.

What is watched stands at `/learn`; the field of a code is a part that another plugin gives (slot `course.unlock`).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from litestar.params import Parameter

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from plugins.auth import api as auth
from plugins.courses.errors import InstructorNotFound
from plugins.courses.permissions import EDIT, ENROLL, WRITE_REVIEW
from plugins.courses.queries.browsing import cards_by_instructor
from plugins.courses.queries.courses import course_details_by_slug
from plugins.courses.queries.curriculum import course_extent, whole_curriculum
from plugins.courses.queries.reviews import own_review, review_page
from plugins.courses.queries.viewing import check_may_browse, viewer_of
from plugins.courses.schemas.courses import CourseDetails

Tab = Literal["about", "curriculum", "instructor", "reviews"]
WayIn = Literal["go_on", "done", "sign_in", "enroll", "code", "ended", "full", "closed", "edit", "none"]
"""What somebody can do with a course, of which there is always one thing."""
Stars = Annotated[int | None, Parameter(ge=1, le=5)]
Shown = tuple[str, Mapping[str, Any]]
SLOTS_OF_A_COURSE = ("course.unlock", "course.tabs", "course.aside")
_REVIEWS = 10
_COURSES = 24


async def about(db: Db, actor: Actor, slug: str) -> Shown:
    """Show what a course is about."""
    course = await course_details_by_slug(db, actor, slug)
    return "courses/course.html", await _values(db, actor, course, "about")


async def curriculum(db: Db, actor: Actor, slug: str) -> Shown:
    """Show the sections of a course and their lessons, with what keeps each locked."""
    course = await course_details_by_slug(db, actor, slug)
    sections = await whole_curriculum(db, actor, course.id)
    values = await _values(db, actor, course, "curriculum")
    return "courses/course_curriculum.html", {**values, "sections": sections}


async def instructor(db: Db, actor: Actor, slug: str) -> Shown:
    """Show who teaches a course."""
    course = await course_details_by_slug(db, actor, slug)
    teacher = await auth.teacher_profile(db, course.instructor.id) if course.instructor else None
    values = await _values(db, actor, course, "instructor")
    return "courses/course_instructor.html", {**values, "teacher": teacher}


async def reviews(db: Db, actor: Actor, slug: str, rating: Stars = None, offset: Offset = 0) -> Shown:
    """Show what students say of a course, and let those who are in it say something."""
    course = await course_details_by_slug(db, actor, slug)
    page = await review_page(db, actor, course.id, rating=rating, limit=_REVIEWS, offset=offset)
    may_write = actor.may(WRITE_REVIEW) and course.enrollment is not None
    own = await own_review(db, actor, course.id) if may_write else None
    may_write = may_write and course.enrollment is not None and course.enrollment.status in ("active", "completed")
    values = await _values(db, actor, course, "reviews")
    return "courses/course_reviews_open.html", {
        **values, "page": page, "rating": rating, "own": own, "may_write": may_write
    }  # fmt: skip


async def instructor_page(db: Db, actor: Actor, instructor_id: UUID) -> Shown:
    """Show somebody who teaches, with their published courses."""
    # Before anybody learns who teaches here: where the catalogue is closed, so is this.
    check_may_browse(db, actor)
    teacher = await auth.teacher_profile(db, instructor_id)
    if teacher is None:
        raise InstructorNotFound
    cards = await cards_by_instructor(db, actor, teacher, limit=_COURSES)
    if teacher.role != "instructor" and not cards:
        raise InstructorNotFound
    opinions = sum(each.rating_count for each in cards)
    return "courses/instructor.html", {
        "teacher": teacher,
        "shown": cards,
        "opinions": opinions,
        "rating": sum(each.rating * each.rating_count for each in cards) / opinions if opinions else 0,
        "students": sum(each.total_enrolled for each in cards),
    }


async def _values(db: Db, actor: Actor, course: CourseDetails, tab: Tab) -> dict[str, Any]:
    """Return what every tab of a course needs."""
    return {
        "course": course,
        "subject": course,
        "path": f"/courses/{quote(course.slug)}",
        "tab": tab,
        "extent": await course_extent(db, course.id),
        "way_in": way_in(actor, course),
        "manages": course.instructor is not None and viewer_of(actor, EDIT).manages(course.instructor.id),
    }


def way_in(actor: Actor, course: CourseDetails) -> WayIn:
    """Return what somebody can do with a course."""
    own = course.enrollment.status if course.enrollment else None
    if own in ("active", "completed"):
        return "go_on" if own == "active" else "done"
    if actor.user_id is not None and not actor.may(ENROLL):
        manages = course.instructor is not None and viewer_of(actor, EDIT).manages(course.instructor.id)
        return "edit" if manages else "none"
    if course.status != "published":
        return "closed"
    if course.max_students is not None and course.total_enrolled >= course.max_students:
        return "full"
    if actor.user_id is None:
        return "sign_in"
    if course.requires_code or not (course.is_free or course.price == 0):
        return "ended" if own == "expired" else "code"
    return "enroll"


PAGES: Sequence[Mapping[str, Any]] = (
    *(
        {"path": path, "handler": handler, "access": "public", "slots": SLOTS_OF_A_COURSE}
        for path, handler in (
            ("/courses/{slug:str}", about),
            ("/courses/{slug:str}/curriculum", curriculum),
            ("/courses/{slug:str}/instructor", instructor),
            ("/courses/{slug:str}/reviews", reviews),
        )
    ),
    {"path": "/instructors/{instructor_id:uuid}", "handler": instructor_page, "access": "public"},
)
NAVIGATION: Sequence[Mapping[str, Any]] = ()
SLOTS: Sequence[Mapping[str, Any]] = ()
