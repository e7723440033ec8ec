"""Reads of categories."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Boolean, Integer, Uuid, bindparam, func, or_, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Page, rows_for
from plugins.courses.errors import CategoryNotFound
from plugins.courses.permissions import EDIT_CATEGORIES
from plugins.courses.queries.viewing import check_may_browse
from plugins.courses.schemas.courses import Category
from plugins.courses.tables import Course, CourseCategory

MOST_SHELVES = 500
CATEGORY_COLUMNS = (
    CourseCategory.id,
    CourseCategory.name,
    CourseCategory.slug,
    CourseCategory.description,
    CourseCategory.parent_id,
    CourseCategory.icon,
    CourseCategory.sort_order,
    CourseCategory.is_active,
)
_IS_SHOWN = or_(CourseCategory.is_active, bindparam("hidden_too", type_=Boolean))
_BY_ID = select(*CATEGORY_COLUMNS).where(CourseCategory.id == bindparam("id"), _IS_SHOWN)
_PAGE = (
    select(*CATEGORY_COLUMNS)
    .where(_IS_SHOWN)
    .order_by(CourseCategory.sort_order, CourseCategory.name, CourseCategory.id)
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("offset", type_=Integer))
)
_COUNT = select(func.count()).select_from(CourseCategory).where(_IS_SHOWN)
_COURSES = (
    select(func.count()).where(Course.category_id == CourseCategory.id).correlate(CourseCategory).scalar_subquery()
)
_SHELVES = (
    select(*CATEGORY_COLUMNS, _COURSES.label("courses"))
    .order_by(CourseCategory.sort_order, CourseCategory.name, CourseCategory.id)
    .limit(bindparam("limit", type_=Integer))
)
_SIBLINGS = (
    select(CourseCategory.id)
    .where(CourseCategory.parent_id.is_not_distinct_from(bindparam("parent", type_=Uuid)))
    .order_by(CourseCategory.sort_order, CourseCategory.name, CourseCategory.id)
)
_PARENTS = select(CourseCategory.id, CourseCategory.parent_id).order_by(CourseCategory.id).with_for_update()


class Shelf(Category, frozen=True):
    """A category, and how many courses of any state stand directly in it."""

    courses: int


class CategoryParent(Struct, frozen=True):
    """Where a category stands."""

    id: UUID
    parent_id: UUID | None


async def category_page(db: Db, actor: Actor, *, limit: int, offset: int) -> Page[Category]:
    """Return the categories in their order; hidden ones only for who may change them."""
    check_may_browse(db, actor)
    hidden_too = actor.may(EDIT_CATEGORIES)
    rows = await db.rows(Category, _PAGE, hidden_too=hidden_too, limit=rows_for(limit), offset=offset)
    total = await db.value(_COUNT, hidden_too=hidden_too)
    return Page(rows, total, rows_for(limit), offset)


async def all_categories(db: Db, actor: Actor) -> Sequence[Category]:
    """Return the categories in their order, for a choice; hidden ones only for who may change them."""
    check_may_browse(db, actor)
    return await db.rows(Category, _PAGE, hidden_too=actor.may(EDIT_CATEGORIES), limit=MOST_SHELVES, offset=0)


async def category_by_id(db: Db, actor: Actor, category_id: UUID) -> Category:
    """Return a category.

    Raises:
        CategoryNotFound: There is none, or it is hidden.
    """
    check_may_browse(db, actor)
    category = await db.row(Category, _BY_ID, id=category_id, hidden_too=actor.may(EDIT_CATEGORIES))
    if category is None:
        raise CategoryNotFound
    return category


async def parents_locked(db: Db) -> dict[UUID, UUID | None]:
    """Return the parent of every category, and let nobody else move one before this transaction ends."""
    return {row.id: row.parent_id for row in await db.rows(CategoryParent, _PARENTS)}


async def shelves(db: Db, actor: Actor) -> Sequence[Shelf]:
    """Return all categories, the hidden ones too, in the order of siblings; whoever shows them makes the tree.

    Needs: courses.category.edit
    """
    actor.reach(EDIT_CATEGORIES)
    return await db.rows(Shelf, _SHELVES, limit=MOST_SHELVES)


async def siblings(db: Db, parent_id: UUID | None) -> list[UUID]:
    """Return what stands directly below a category, or below none, in its order."""
    return list(await db.values(_SIBLINGS, parent=parent_id))
