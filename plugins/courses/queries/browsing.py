"""What the catalogue's page shows: a page of cards, and what can be chosen, with the number of courses behind it.

Within one kind (category, level, ...) choices are alternatives, so that each is counted as if nothing else of its kind
were chosen. The API's list (`queries.catalogue`) has one value of each kind and counts what it holds.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Executable, Integer, and_, bindparam, func, select, tuple_

from kernel.auth import Actor
from kernel.categories import GENERAL, PAYMENT, GeneralSettings, PaymentSettings
from kernel.db import Db
from plugins.auth import api as auth
from plugins.auth.api import UserRef
from plugins.courses.queries.cards import CARD_COLUMNS, CARD_FROM, CardRow, card
from plugins.courses.queries.catalogue import (
    IS_OPEN,
    CourseSort,
    card_page,
    conditions,
    found,
    parameters_of,
)
from plugins.courses.queries.viewing import check_may_browse
from plugins.courses.schemas.courses import CourseCard
from plugins.courses.schemas.texts import Level
from plugins.courses.tables import Course, CourseCategory

Access = Literal["free", "code"]
Kind = Literal["category", "level", "access", "language"]
_COLUMNS = {
    "category": Course.category_id,
    "level": Course.level,
    "language": Course.language,
    "access": IS_OPEN,
}
_GROUPS = tuple(_COLUMNS.values())
_ONE = {name: 0b1111 ^ (0b1000 >> place) for place, name in enumerate(_COLUMNS)}
"""What PostgreSQL's `grouping` says of a row that counts by one of them."""
_BY_FILTER: Mapping[str, Kind] = {
    "categories": "category", "levels": "level", "languages": "language", "open": "access", "coded": "access",
}  # fmt: skip
_CATEGORIES = (
    select(CourseCategory.id, CourseCategory.name, CourseCategory.slug, CourseCategory.parent_id)
    .where(CourseCategory.is_active)
    .order_by(CourseCategory.sort_order, CourseCategory.name, CourseCategory.id)
)
_NEWEST = (
    select(*CARD_COLUMNS)
    .select_from(CARD_FROM)
    .where(Course.status == "published")
    .order_by(Course.published_at.desc(), Course.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
_FEATURED = (
    select(*CARD_COLUMNS)
    .select_from(CARD_FROM)
    .where(Course.status == "published", Course.featured_at.is_not(None))
    .order_by(Course.featured_at.desc(), Course.id.desc())
    .limit(bindparam("limit", type_=Integer))
)


class Chosen(Struct, frozen=True, kw_only=True):
    """What somebody has chosen; nothing of a kind narrows nothing."""

    words: str = ""
    categories: Sequence[str] = ()
    """Their slugs; what stands below them is meant too."""
    levels: Sequence[Level] = ()
    languages: Sequence[str] = ()
    access: Sequence[Access] = ()


class Shelf(Struct, frozen=True):
    """A category as it can be chosen."""

    name: str
    slug: str
    depth: int
    count: int


class Listing(Struct, frozen=True):
    """A page of cards with all that can be chosen; a choice without courses is there with zero."""

    cards: Sequence[CourseCard]
    total: int
    shelves: Sequence[Shelf]
    counts: Mapping[str, Mapping[Any, int]]
    """By kind (`level`, `access`, `language`) and value."""


class Front(Struct, frozen=True):
    """What the home of a school shows of its courses."""

    featured: Sequence[CourseCard]
    newest: Sequence[CourseCard]
    shelves: Sequence[Shelf]
    total: int


class CategoryRow(Struct, frozen=True):
    """A category and what it stands below."""

    id: UUID
    name: str
    slug: str
    parent_id: UUID | None


class ChoiceRow(Struct, frozen=True):
    """The counts of one value, or of everything."""

    grouping: int
    category: UUID | None
    level: str | None
    language: str | None
    access: bool | None
    everything: int
    of_category: int
    of_level: int
    of_language: int
    of_access: int


@cache
def _choices(filters: frozenset[str]) -> Executable:
    """Return the statement that counts what could be chosen beside these filters."""
    fits = {kind: [] for kind in _COLUMNS}  # type: dict[str, list[ColumnElement[bool]]]
    for name in sorted(filters & _BY_FILTER.keys()):
        fits[_BY_FILTER[name]] += conditions(frozenset({name}))
    base = (
        select(
            *[column.label(kind) for kind, column in _COLUMNS.items()],
            *[func.coalesce(and_(*each), False).label(f"fits_{kind}") for kind, each in fits.items() if each],
        )
        .select_from(found(Course.__table__, filters))
        .where(*conditions(filters - _BY_FILTER.keys()))
        .subquery("listed")
    )

    def counted(but: str = "") -> ColumnElement[int]:
        needed = [base.c[f"fits_{kind}"] for kind, each in fits.items() if each and kind != but]
        return func.count().filter(and_(*needed)) if needed else func.count()

    values = [base.c[kind] for kind in _COLUMNS]
    return select(
        func.grouping(*values).label("grouping"),
        *values,
        counted().label("everything"),
        *[counted(but=kind).label(f"of_{kind}") for kind in _COLUMNS],
    ).group_by(func.grouping_sets(tuple_(), *[tuple_(each) for each in values]))


async def catalogue_listing(
    db: Db, actor: Actor, chosen: Chosen, *, sort: CourseSort, limit: int, offset: int
) -> Listing:
    """Return published courses and what can be chosen among them."""
    check_may_browse(db, actor)
    values = _values(chosen, db.tenant.setting(GENERAL, GeneralSettings).locale)
    filters, parameters = frozenset(values) - {"search_language"}, parameters_of(values)
    rows = await db.rows(CardRow, card_page(filters, sort), limit=limit, offset=offset, **parameters)
    counts = await db.rows(ChoiceRow, _choices(filters), **parameters)
    categories = await db.rows(CategoryRow, _CATEGORIES)
    return Listing(
        await _cards(db, rows),
        next((row.everything for row in counts if row.grouping == 0b1111), 0),
        _shelves(categories, {row.category: row.of_category for row in counts if row.grouping == _ONE["category"]}),
        {
            "level": {row.level: row.of_level for row in counts if row.grouping == _ONE["level"]},
            "language": {row.language: row.of_language for row in counts if row.grouping == _ONE["language"]},
            "access": {
                "free" if row.access else "code": row.of_access for row in counts if row.grouping == _ONE["access"]
            },
        },
    )


async def front(db: Db, actor: Actor, *, featured: int, newest: int) -> Front:
    """Return what the home of a school shows: what is put in front, what is new, and the shelves."""
    check_may_browse(db, actor)
    first = await db.rows(CardRow, _FEATURED, limit=featured)
    fresh = await db.rows(CardRow, _NEWEST, limit=newest)
    counts = await db.rows(ChoiceRow, _choices(frozenset({"status"})), status="published")
    categories = await db.rows(CategoryRow, _CATEGORIES)
    cards = await _cards(db, [*first, *fresh])
    by_category = {row.category: row.of_category for row in counts if row.grouping == _ONE["category"]}
    total = next((row.everything for row in counts if row.grouping == 0b1111), 0)
    return Front(cards[: len(first)], cards[len(first) :], _shelves(categories, by_category), total)


async def cards_by_instructor(db: Db, actor: Actor, instructor: UserRef, *, limit: int) -> list[CourseCard]:
    """Return the published courses of an instructor, what is most attended first."""
    check_may_browse(db, actor)
    statement = card_page(frozenset({"status", "instructor"}), "recommended")
    rows = await db.rows(CardRow, statement, status="published", instructor=instructor.id, limit=limit, offset=0)
    currency = db.tenant.setting(PAYMENT, PaymentSettings).currency
    return [card(row, {instructor.id: instructor}, currency) for row in rows]


async def courses_found(db: Db, actor: Actor, words: str, limit: int) -> list[CourseCard]:
    """Return the published courses that fit some words best.

    Raises:
        Forbidden: The actor may not browse.
    """
    check_may_browse(db, actor)
    language = db.tenant.setting(GENERAL, GeneralSettings).locale
    values = _values(Chosen(words=words), language)
    statement = card_page(frozenset(values) - {"search_language"}, "relevance")
    return await _cards(db, await db.rows(CardRow, statement, limit=limit, offset=0, **values))


async def _cards(db: Db, rows: Sequence[CardRow]) -> list[CourseCard]:
    people = await auth.users_by_id(db, {row.instructor_id for row in rows})
    currency = db.tenant.setting(PAYMENT, PaymentSettings).currency
    return [card(row, people, currency) for row in rows]


def _values(chosen: Chosen, language: str) -> dict[str, Any]:
    values: dict[str, Any] = {"status": "published"}
    if chosen.words:
        values |= {"words": chosen.words, "search_language": language}
    given = {"categories": chosen.categories, "levels": chosen.levels, "languages": chosen.languages}
    values |= {name: list(each) for name, each in given.items() if each}
    if len(set(chosen.access)) == 1:
        values["open" if chosen.access[0] == "free" else "coded"] = True
    return values


def _shelves(categories: Sequence[CategoryRow], counts: Mapping[UUID | None, int]) -> list[Shelf]:
    """Return the categories that have courses, each after the one that it stands below, with what is below it."""
    below: dict[UUID | None, list[CategoryRow]] = {}
    shown = {row.id for row in categories}
    for row in categories:
        below.setdefault(row.parent_id if row.parent_id in shown else None, []).append(row)

    def tree(row: CategoryRow, depth: int) -> list[Shelf]:
        parts = [tree(each, depth + 1) for each in below.get(row.id, ())]
        direct = [each[0] for each in parts if each]
        if not direct and row.id not in counts:
            return []
        count = counts.get(row.id, 0) + sum(each.count for each in direct)
        return [Shelf(row.name, row.slug, depth, count), *[shelf for each in parts for shelf in each]]

    return [shelf for row in below.get(None, ()) for shelf in tree(row, 0)]
