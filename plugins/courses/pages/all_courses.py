"""All courses of the school, for who looks after them: found, put in front of all others, archived, many at once."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar.params import QueryParameter

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Limit, Offset
from plugins.courses.pages.teaching import category_options
from plugins.courses.permissions import FEATURE
from plugins.courses.queries.care import instructors_of_courses
from plugins.courses.queries.catalogue import CatalogueFilter, course_page
from plugins.courses.schemas.texts import CourseStatus

Words = Annotated[str | None, QueryParameter(max_length=100)]
Sort = Literal["newest", "state", "title", "popular", "rating"]
Shown = tuple[str, Mapping[str, Any]]


async def all_courses(
    db: Db,
    actor: Actor,
    q: Words = None,
    status: CourseStatus | None = None,
    category: UUID | None = None,
    instructor: UUID | None = None,
    sort: Sort = "newest",
    limit: Limit = 25,
    offset: Offset = 0,
) -> Shown:
    """Show the courses of all instructors, in all states."""
    wanted = CatalogueFilter(
        words=q, category=str(category) if category else None, instructor=instructor, status=status, every_state=True
    )
    values = {
        "page": await course_page(db, actor, wanted, sort=sort, limit=limit, offset=offset),
        "categories": await category_options(db, actor),
        "instructors": await instructors_of_courses(db, actor),
        "sort": sort,
        "status": status,
    }
    return "courses/all_courses.html", values


PAGES: Sequence[Mapping[str, Any]] = ({"path": "/admin/courses", "handler": all_courses, "access": FEATURE},)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "courses.all",
        "area": "admin",
        "group": "Learning",
        "label": "Courses",
        "icon": "book",
        "path": "/admin/courses",
        "order": 220,
        "access": FEATURE,
    },
)
SLOTS: Sequence[Mapping[str, Any]] = ()
