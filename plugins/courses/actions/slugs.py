"""Finds a free slug: the title's own, or with the first number behind it that is not taken."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Integer, Select, Text, bindparam, cast, column, exists, func, select

from kernel.db import Db
from kernel.errors import Conflict
from plugins.courses.rules import slug_of
from plugins.courses.tables import Course, CourseCategory

_MOST_TRIES = 20
_MOST_ALIKE = 100_000


def _next_number(table: type[Course] | type[CourseCategory]) -> Select[Any]:
    number = func.generate_series(2, _MOST_ALIKE).table_valued(column("number", Integer)).render_derived()
    candidate = func.concat(bindparam("slug", type_=Text), "-", cast(number.c.number, Text))
    taken = exists().where(table.slug == candidate)
    return select(number.c.number).where(~taken).limit(1)


COURSE_NUMBER = _next_number(Course)
CATEGORY_NUMBER = _next_number(CourseCategory)


async def take_slug(db: Db, title: str, next_number: Select[Any], insert: Callable[[str], Awaitable[bool]]) -> None:
    """Insert a row under the first free slug of a title, also when others do so at the same moment.

    Args:
        db: The transaction.
        title: What the slug is made from.
        next_number: The statement that finds a number; `COURSE_NUMBER` or `CATEGORY_NUMBER`.
        insert: Inserts the row under a slug unless that is taken, and says whether it did.
    """
    slug = slug_of(title)
    candidate = slug
    for _ in range(_MOST_TRIES):
        if await insert(candidate):
            return
        candidate = f"{slug}-{await db.value(next_number, slug=slug)}"
    raise Conflict("Many courses of this name are made at this moment. Try again.")
