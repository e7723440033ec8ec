"""What the home of a school tells of its courses."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Forbidden, Unauthenticated
from plugins.courses.queries.browsing import front

_FEATURED, _NEWEST = 3, 6
Filling = tuple[str, Mapping[str, Any]]


async def courses(db: Db, actor: Actor, _subject: object) -> Filling | None:
    """Show what is put in front, the shelves, and what is new, to whoever may see the catalogue."""
    try:
        found = await front(db, actor, featured=_FEATURED, newest=_NEWEST)
    except (Unauthenticated, Forbidden):
        return None
    return "courses/home.html", {"front": found}


PAGES: Sequence[Mapping[str, Any]] = ()
NAVIGATION: Sequence[Mapping[str, Any]] = ()
SLOTS: Sequence[Mapping[str, Any]] = (
    {"slot": "home.blocks", "fill": courses, "access": "public", "order": 10, "styles": ("courses/courses.css",)},
)
