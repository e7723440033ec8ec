"""The list of courses: the catalogue for everyone, drafts for their owners and administrators."""

from functools import cache
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    Select,
    Text,
    UnaryExpression,
    Uuid,
    bindparam,
    func,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Forbidden
from kernel.routing import Page, rows_for
from plugins.auth import api as auth
from plugins.courses.permissions import VIEW
from plugins.courses.queries.cards import CARD_COLUMNS, CARD_FROM, CardRow, card
from plugins.courses.queries.viewing import check_may_browse
from plugins.courses.schemas.courses import CourseCard
from plugins.courses.schemas.texts import CourseStatus, Level
from plugins.courses.settings import SETTINGS, CoursesSettings
from plugins.courses.tables import Course, CourseCategory

CourseSort = Literal["newest", "recommended", "title", "rating", "popular", "submitted"]
Order = tuple[UnaryExpression[Any] | InstrumentedAttribute[Any], ...]

_COSTS_NOTHING = or_(Course.is_free, Course.price == 0)
_FILTERS: dict[str, ColumnElement[bool]] = {
    "status": Course.status == bindparam("status", type_=Text),
    "instructor": Course.instructor_id == bindparam("instructor", type_=Uuid),
    "category": Course.category_id == bindparam("category", type_=Uuid),
    "category_slug": Course.category_id
    == select(CourseCategory.id)
    .where(CourseCategory.slug == bindparam("category_slug", type_=Text))
    .correlate(None)
    .scalar_subquery(),
    "level": Course.level == bindparam("level", type_=Text),
    "language": Course.language == bindparam("language", type_=Text),
    "free": _COSTS_NOTHING,
    "paid": ~_COSTS_NOTHING,
    "featured": Course.featured_at.is_not(None),
    "not_featured": Course.featured_at.is_(None),
}
_ORDERS: dict[CourseSort, Order] = {
    # A course that is not published yet stands before all that are.
    "newest": (Course.published_at.desc(), Course.id.desc()),
    "recommended": (Course.featured_at.desc().nulls_last(), Course.total_enrolled.desc(), Course.id.desc()),
    # The longest wait first.
    "submitted": (Course.submitted_at, Course.id),
    "title": (Course.title, Course.id),
    "rating": (Course.rating.desc(), Course.rating_count.desc(), Course.id.desc()),
    "popular": (Course.total_enrolled.desc(), Course.id.desc()),
}


class CountedCard(CardRow, frozen=True):
    """A row of the list, with how many there are in all."""

    total: int


class CatalogueFilter(Struct, frozen=True, kw_only=True):
    """What a list of courses is narrowed to; None does not narrow."""

    category: str | None = None
    level: Level | None = None
    language: str | None = None
    free: bool | None = None
    featured: bool | None = None
    instructor: UUID | None = None
    status: CourseStatus | None = None
    mine: bool = False


@cache
def _count(filters: frozenset[str]) -> Select[Any]:
    conditions = [_FILTERS[name] for name in sorted(filters)]
    return select(func.count().label("total")).select_from(Course).where(*conditions).correlate(None)


@cache
def _page(filters: frozenset[str], sort: CourseSort) -> Executable:
    return (
        select(*CARD_COLUMNS, _count(filters).scalar_subquery().label("total"))
        .select_from(CARD_FROM)
        .where(*[_FILTERS[name] for name in sorted(filters)])
        .order_by(*_ORDERS[sort])
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
    )


async def course_page(
    db: Db, actor: Actor, wanted: CatalogueFilter, *, sort: CourseSort, limit: int, offset: int
) -> Page[CourseCard]:
    """Return published courses; those in another state to who may see them.

    Raises:
        Forbidden: The actor asks for a state that they may not see.
    """
    check_may_browse(db, actor)
    values = _values(actor, wanted)
    filters = frozenset(values)
    flags = {"free", "paid", "featured", "not_featured"} & filters
    parameters = {name: value for name, value in values.items() if name not in flags}
    rows = await db.rows(CountedCard, _page(filters, sort), limit=rows_for(limit), offset=offset, **parameters)
    if rows or not offset:
        total = rows[0].total if rows else 0
    else:
        total = await db.value(_count(filters), **parameters)
    people = await auth.users_by_id(db, {row.instructor_id for row in rows})
    currency = db.tenant.setting(SETTINGS, CoursesSettings).currency
    return Page([card(row, people, currency) for row in rows], total, rows_for(limit), offset)


def _values(actor: Actor, wanted: CatalogueFilter) -> dict[str, Any]:
    """Return the values of the filters that apply, by name."""
    values: dict[str, Any] = {
        "level": wanted.level,
        "language": wanted.language,
        "instructor": wanted.instructor,
        "status": _status(actor, wanted),
        **_category(wanted.category),
    }
    if wanted.mine:
        values["instructor"] = actor.id
    if wanted.free is not None:
        values["free" if wanted.free else "paid"] = True
    if wanted.featured is not None:
        values["featured" if wanted.featured else "not_featured"] = True
    return {name: value for name, value in values.items() if value is not None}


def _status(actor: Actor, wanted: CatalogueFilter) -> CourseStatus | None:
    """Return the state to narrow to: published, unless one's own courses or an administrator's view are asked for."""
    if wanted.mine:
        return wanted.status
    if wanted.status not in (None, "published") and actor.scope(VIEW) != "any":
        raise Forbidden
    return wanted.status or "published"


def _category(text: str | None) -> dict[str, Any]:
    """Return the filter for a category that is named by its id or by its slug."""
    try:
        return {"category": UUID(text)} if text else {}
    except ValueError:
        return {"category_slug": text}
