"""The list of courses: the catalogue for everyone, drafts for their owners and administrators; searched and counted.

How words find courses stands in the function `courses.matching`, which its migration makes: row-level security would
keep PostgreSQL from using the index of a search in a statement of ours.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    Integer,
    Text,
    UnaryExpression,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    column,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from kernel.auth import Actor
from kernel.categories import GENERAL, PAYMENT, GeneralSettings, PaymentSettings
from kernel.db import Db
from kernel.errors import FieldError, Forbidden, Invalid
from kernel.kept_answers import Kept
from kernel.routing import rows_for
from kernel.tenancy import Tenant
from plugins.auth import api as auth
from plugins.courses.permissions import BROWSE, VIEW
from plugins.courses.queries.cards import CARD_COLUMNS, CARD_FROM, CardRow, card
from plugins.courses.queries.viewing import check_may_browse
from plugins.courses.schemas.catalogue import CataloguePage, CategoryFacet, CourseFacets, Facet
from plugins.courses.schemas.texts import CourseStatus, Level
from plugins.courses.settings import SETTINGS, CoursesSettings
from plugins.courses.tables import Course, CourseCategory

CourseSort = Literal["newest", "recommended", "relevance", "title", "rating", "popular", "submitted", "state"]
Order = tuple[UnaryExpression[Any] | InstrumentedAttribute[Any] | ColumnElement[Any], ...]

_COSTS_NOTHING = or_(Course.is_free, Course.price == 0)
# A shelf shows what stands on the shelves below it too.
_below = aliased(CourseCategory)


def _shelves(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a course stands in a category or below it."""
    shelf = select(CourseCategory.id).where(condition).cte(recursive=True)
    shelf = shelf.union(select(_below.id).where(_below.parent_id == shelf.c.id))
    return Course.category_id.in_(select(shelf.c.id))


IS_OPEN = and_(_COSTS_NOTHING, ~Course.requires_code)
"""Whether a student may enrol without a code."""
_FILTERS: dict[str, ColumnElement[bool]] = {
    "status": Course.status == bindparam("status", type_=Text),
    "instructor": Course.instructor_id == bindparam("instructor", type_=Uuid),
    "category": _shelves(CourseCategory.id == bindparam("category", type_=Uuid)),
    "category_slug": _shelves(CourseCategory.slug == bindparam("category_slug", type_=Text)),
    "categories": _shelves(CourseCategory.slug == any_(bindparam("categories", type_=ARRAY(Text)))),
    "level": Course.level == bindparam("level", type_=Text),
    "levels": Course.level == any_(bindparam("levels", type_=ARRAY(Text))),
    "language": Course.language == bindparam("language", type_=Text),
    "languages": Course.language == any_(bindparam("languages", type_=ARRAY(Text))),
    "open": IS_OPEN,
    "coded": ~IS_OPEN,
    "free": _COSTS_NOTHING,
    "paid": ~_COSTS_NOTHING,
    "featured": Course.featured_at.is_not(None),
    "not_featured": Course.featured_at.is_(None),
}
_FLAGS = frozenset({"free", "paid", "open", "coded", "featured", "not_featured"})
_matching = func.courses.matching(
    bindparam("words", type_=Text), bindparam("search_language", type_=Text)
).table_valued(column("id", Uuid), column("rank"), name="matching")
_ORDERS: dict[CourseSort, Order] = {
    # A course that is not published yet stands before all that are.
    "newest": (Course.published_at.desc(), Course.id.desc()),
    "recommended": (Course.featured_at.desc().nulls_last(), Course.total_enrolled.desc(), Course.id.desc()),
    "relevance": (_matching.c.rank.desc(), Course.id.desc()),
    # The longest wait first.
    "submitted": (Course.submitted_at, Course.id),
    # What is still to be done first, then what waits, is open, and is over.
    "state": (
        case({"draft": 0, "rejected": 0, "submitted": 1, "published": 2}, value=Course.status, else_=3),
        Course.updated_at.desc(),
        Course.id.desc(),
    ),
    "title": (Course.title, Course.id),
    "rating": (Course.rating.desc(), Course.rating_count.desc(), Course.id.desc()),
    "popular": (Course.total_enrolled.desc(), Course.id.desc()),
}
_FACETS = (Course.category_id, Course.level, Course.language, _COSTS_NOTHING)


class FacetRow(Struct, frozen=True):
    """A count of the list: `facet` says of what, by the bits of the columns that it is not about."""

    facet: int
    category_id: UUID | None
    name: str | None
    slug: str | None
    level: str | None
    language: str | None
    costs_nothing: bool | None
    count: int


_EVERYTHING, _CATEGORY, _LEVEL, _LANGUAGE, _FREE = 0b1111, 0b0111, 0b1011, 0b1101, 0b1110


class CatalogueFilter(Struct, frozen=True, kw_only=True):
    """What a list of courses is narrowed to; None does not narrow."""

    words: str | None = None
    category: str | None = None
    level: Level | None = None
    language: str | None = None
    free: bool | None = None
    featured: bool | None = None
    instructor: UUID | None = None
    status: CourseStatus | None = None
    mine: bool = False
    every_state: bool = False
    """Without a status, courses of all states; for who may see them all."""


def _audience(actor: Actor, tenant: Tenant, query: Sequence[tuple[str, str]]) -> str | None:
    """Return the same name for everyone who sees the published courses; drafts are kept for each person alone."""
    if any(name in ("mine", "status") for name, _ in query):
        return f"{actor.role} {actor.user_id}" if actor.user_id is not None and actor.may(BROWSE) else None
    if actor.user_id is None:
        return "everyone" if tenant.setting(SETTINGS, CoursesSettings).public_catalogue else None
    return "everyone" if actor.may(BROWSE) else None


CATALOGUE = Kept(
    name="courses.catalogue",
    # An instructor with courses cannot be deleted, so that accounts themselves do not count: each sign-in changes one.
    tables=frozenset({"courses.courses", "courses.course_categories", "auth.user_profiles"}),
    audience=_audience,
)


@cache
def card_page(filters: frozenset[str], sort: CourseSort) -> Executable:
    """Return the statement of a page of cards, narrowed by the filters of these names."""
    return (
        select(*CARD_COLUMNS)
        .select_from(found(CARD_FROM, filters))
        .where(*conditions(filters))
        .order_by(*_ORDERS[sort])
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
    )


@cache
def _counts(filters: frozenset[str]) -> Executable:
    """Return the statement that counts the whole list, and what it has of each category, level, language and price."""
    counted = (
        select(
            func.grouping(*_FACETS).label("facet"),
            Course.category_id,
            Course.level,
            Course.language,
            _COSTS_NOTHING.label("costs_nothing"),
            func.count().label("count"),
        )
        .select_from(found(Course.__table__, filters))
        .where(*conditions(filters))
        .group_by(func.grouping_sets(tuple_(), *[tuple_(each) for each in _FACETS]))
        .subquery("counted")
    )
    return (
        select(
            counted.c.facet,
            counted.c.category_id,
            CourseCategory.name,
            CourseCategory.slug,
            counted.c.level,
            counted.c.language,
            counted.c.costs_nothing,
            counted.c.count,
        )
        .select_from(counted.outerjoin(CourseCategory.__table__, CourseCategory.id == counted.c.category_id))
        .order_by(
            counted.c.facet,
            counted.c.count.desc(),
            CourseCategory.name,
            counted.c.level,
            counted.c.language,
            counted.c.costs_nothing,
        )
    )


def found(source: Any, filters: frozenset[str]) -> Any:
    """Return the tables of a list, with what words find if there are words to look for."""
    return source.join(_matching, _matching.c.id == Course.id) if "words" in filters else source


def conditions(filters: frozenset[str]) -> list[ColumnElement[bool]]:
    """Return what a course of the list must be."""
    return [_FILTERS[name] for name in sorted(filters & _FILTERS.keys())]


async def course_page(
    db: Db, actor: Actor, wanted: CatalogueFilter, *, sort: CourseSort | None, limit: int, offset: int
) -> CataloguePage:
    """Return published courses; those in another state to who may see them.

    Args:
        db: The transaction.
        actor: Who asks.
        wanted: What the list is narrowed to.
        sort: By relevance where words are looked for, else the newest first, unless another order is given.
        limit: How many.
        offset: After how many.

    Raises:
        Forbidden: The actor asks for a state that they may not see.
        Invalid: The order is by relevance, and no words are looked for.
    """
    check_may_browse(db, actor)
    values = _values(actor, wanted, language=db.tenant.setting(GENERAL, GeneralSettings).locale)
    filters = frozenset(values) - {"search_language"}
    if sort == "relevance" and wanted.words is None:
        raise Invalid(errors=[FieldError("sort", "The order by relevance needs words to look for.")])
    order = sort or ("newest" if wanted.words is None else "relevance")
    parameters = parameters_of(values)
    rows = await db.rows(CardRow, card_page(filters, order), limit=rows_for(limit), offset=offset, **parameters)
    counts = await db.rows(FacetRow, _counts(filters), **parameters)
    people = await auth.users_by_id(db, {row.instructor_id for row in rows})
    currency = db.tenant.setting(PAYMENT, PaymentSettings).currency
    return CataloguePage(
        items=[card(row, people, currency) for row in rows],
        total=total_of(counts),
        limit=rows_for(limit),
        offset=offset,
        facets=facets(counts),
    )


def parameters_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return those of the filters' values that a statement takes; the others are conditions by themselves."""
    return {name: value for name, value in values.items() if name not in _FLAGS}


def total_of(counts: Sequence[FacetRow]) -> int:
    """Return how many courses the whole list has."""
    return sum(row.count for row in counts if row.facet == _EVERYTHING)


def facets(counts: Sequence[FacetRow]) -> CourseFacets:
    """Return what the whole list has of each category, level, language and price."""
    return CourseFacets(
        category=[
            CategoryFacet(row.category_id, row.name or "", row.slug or "", row.count)
            for row in counts
            if row.facet == _CATEGORY and row.category_id is not None
        ],
        level=[Facet(row.level or "", row.count) for row in counts if row.facet == _LEVEL],
        language=[Facet(row.language or "", row.count) for row in counts if row.facet == _LANGUAGE],
        free=[Facet("true" if row.costs_nothing else "false", row.count) for row in counts if row.facet == _FREE],
    )


def _values(actor: Actor, wanted: CatalogueFilter, *, language: str) -> dict[str, Any]:
    """Return the values of the filters that apply, by name."""
    values: dict[str, Any] = {
        "words": wanted.words,
        "search_language": wanted.words and language,
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
    if (wanted.every_state or wanted.status not in (None, "published")) and actor.scope(VIEW) != "any":
        raise Forbidden
    return wanted.status if wanted.every_state else wanted.status or "published"


def _category(text: str | None) -> dict[str, Any]:
    """Return the filter for a category that is named by its id or by its slug."""
    try:
        return {"category": UUID(text)} if text else {}
    except ValueError:
        return {"category_slug": text}
