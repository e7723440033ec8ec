"""An instructor's own courses: the list with the next step of each, and how a new one begins."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from litestar.params import QueryParameter

from kernel.auth import Actor
from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.languages import own_name
from kernel.routing import Offset
from plugins.courses.permissions import CREATE, EDIT
from plugins.courses.queries.categories import all_categories
from plugins.courses.queries.teaching import taught_page
from plugins.courses.schemas.courses import Category
from plugins.courses.schemas.texts import CourseStatus
from plugins.media import api as media

_ROWS = 25
Words = Annotated[str, QueryParameter(max_length=100)]
Shown = tuple[str, Mapping[str, Any]]


async def own_courses(
    db: Db, actor: Actor, q: Words = "", status: CourseStatus | None = None, offset: Offset = 0
) -> Shown:
    """Show one's own courses, those first that wait for their instructor."""
    words = q.strip()
    page = await taught_page(db, actor, words=words or None, status=status, limit=_ROWS, offset=offset)
    most = media.most_bytes(db.tenant, "archive")
    values = {"page": page, "words": words, "status": status, "most_bytes": most, "may_create": actor.may(CREATE)}
    return "courses/teach_courses.html", values


async def new_course(db: Db, actor: Actor) -> Shown:
    """Show the three fields with which a course begins."""
    usual = db.tenant.setting(GENERAL, GeneralSettings).locale
    values = {
        "categories": await category_options(db, actor),
        "languages": language_options(db, usual),
        "language": usual,
    }
    return "courses/new_course.html", values


async def category_options(db: Db, actor: Actor) -> list[tuple[str, str]]:
    """Return the categories for a choice, each behind the one that it stands below."""
    found = await all_categories(db, actor)
    children: dict[Any, list[Category]] = {}
    known = {each.id for each in found}
    for each in found:
        children.setdefault(each.parent_id if each.parent_id in known else None, []).append(each)
    options: list[tuple[str, str]] = []

    def add(parent: Any, depth: int) -> None:
        for each in children.get(parent, ()):
            options.append((str(each.id), "\u2003" * depth + each.name))
            add(each.id, depth + 1)

    add(None, 0)
    return options


def language_options(db: Db, current: str) -> list[tuple[str, str]]:
    """Return the languages in which a course may be held, each under its own name; the current one is among them."""
    spoken = db.tenant.setting(GENERAL, GeneralSettings).locales
    return [(each, own_name(each)) for each in dict.fromkeys([*spoken, current])]


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/teach/courses", "handler": own_courses, "access": EDIT},
    {"path": "/teach/courses/new", "handler": new_course, "access": CREATE},
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "courses.teaching",
        "area": "teach",
        "group": "Teach",
        "label": "Courses",
        "icon": "book",
        "path": "/teach/courses",
        "order": 10,
        "access": EDIT,
        "scope": "own",
    },
)
SLOTS: Sequence[Mapping[str, Any]] = ()
