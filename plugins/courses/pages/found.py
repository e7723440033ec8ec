"""What the portal's search finds of courses: those of the catalogue, ranked as there."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from plugins.courses.queries.browsing import courses_found


async def find_courses(db: Db, actor: Actor, words: str, limit: int) -> list[dict[str, str]]:
    """Return the courses that fit best, each with its short description."""
    found = await courses_found(db, actor, words, limit)
    return [
        {
            "title": each.title,
            "href": f"/courses/{each.slug}",
            "about": each.short_description or "",
            "icon": "book",
        }
        for each in found
    ]


SEARCH: Sequence[Mapping[str, Any]] = (
    {"id": "courses.catalogue", "heading": "Courses", "find": find_courses, "access": "public", "order": 10,
     "everything": "/courses?q="},
)  # fmt: skip
