"""What changes categories."""

from functools import cache
from typing import Any
from uuid import UUID

from msgspec import UNSET, structs
from sqlalchemy import ARRAY, Integer, Update, Uuid, bindparam, column, delete, func, update
from sqlalchemy.dialects.postgresql import insert

from kernel.auth import Actor
from kernel.constraints import constraint_errors
from kernel.db import Db
from kernel.errors import FieldError
from kernel.ids import new_id
from plugins.courses import rules
from plugins.courses.actions.slugs import CATEGORY_NUMBER, take_slug
from plugins.courses.errors import CategoryCycle, CategoryNotFound, OrderStale, SlugTaken
from plugins.courses.queries.categories import category_by_id, parents_locked, siblings
from plugins.courses.schemas.courses import (
    Category,
    CreateCategoryRequest,
    MoveCategoryRequest,
    UpdateCategoryRequest,
)
from plugins.courses.tables import CourseCategory

_COLUMNS = ("name", "description", "parent_id", "icon", "sort_order", "is_active")
_INSERT = (
    insert(CourseCategory)
    .values(id=bindparam("id"), slug=bindparam("slug"), **{name: bindparam(name) for name in _COLUMNS})
    .on_conflict_do_nothing(index_elements=["tenant_id", "slug"])
    .returning(CourseCategory.id)
)
_DELETE = delete(CourseCategory).where(CourseCategory.id == bindparam("category"))


_placed = (
    func.unnest(bindparam("ids", type_=ARRAY(Uuid)), bindparam("places", type_=ARRAY(Integer)))
    .table_valued(column("id", Uuid), column("place", Integer), name="placed")
    .render_derived()
)
_PLACE = (
    update(CourseCategory)
    .where(CourseCategory.id == _placed.c.id, CourseCategory.sort_order != _placed.c.place)
    .values(sort_order=_placed.c.place)
)
_REPARENT = (
    update(CourseCategory)
    .where(CourseCategory.id == bindparam("category", type_=Uuid))
    .values(parent_id=bindparam("parent", type_=Uuid))
)


@cache
def _update(columns: frozenset[str]) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(columns)}
    return update(CourseCategory).where(CourseCategory.id == bindparam("category")).values(values)


async def create_category(db: Db, actor: Actor, order: CreateCategoryRequest) -> Category:
    """Make a category.

    Raises:
        SlugTaken: Another category has the slug that was asked for.
        CategoryNotFound: The parent is not there.
    """
    category_id = new_id()
    values: dict[str, Any] = {"id": category_id, **{name: getattr(order, name) for name in _COLUMNS}}

    async def put(slug: str) -> bool:
        return await db.value(_INSERT, slug=slug, **values) is not None

    with constraint_errors(fk_course_categories_tenant_id_parent_id=CategoryNotFound):
        if order.slug is None:
            await take_slug(db, order.name, CATEGORY_NUMBER, put)
        elif not await put(rules.slug_of(order.slug)):
            raise SlugTaken(errors=[FieldError("slug", SlugTaken.title)])
    return await category_by_id(db, actor, category_id)


async def update_category(db: Db, actor: Actor, category_id: UUID, order: UpdateCategoryRequest) -> Category:
    """Change a category.

    Raises:
        CategoryNotFound: It is not there, or its new parent is not.
        CategoryCycle: The new parent stands below it.
        SlugTaken: Another category has the new slug.
    """
    changes = {name: value for name, value in structs.asdict(order).items() if value is not UNSET}
    if "slug" in changes:
        changes["slug"] = rules.slug_of(changes["slug"])
    if "parent_id" in changes:
        parents = await parents_locked(db)
        if rules.is_cycle(parents, category_id, changes["parent_id"]):
            raise CategoryCycle(errors=[FieldError("parent_id", CategoryCycle.title)])
    with constraint_errors(
        fk_course_categories_tenant_id_parent_id=CategoryNotFound, uq_course_categories_tenant_id_slug=SlugTaken
    ):
        if changes and not await db.run(_update(frozenset(changes)), category=category_id, **changes):
            raise CategoryNotFound
    return await category_by_id(db, actor, category_id)


async def move_category(db: Db, actor: Actor, category_id: UUID, order: MoveCategoryRequest) -> Category:
    """Put a category below another one, or below none, before one of those that stand there or behind them all.

    Raises:
        CategoryNotFound: It is not there, or its new parent is not.
        CategoryCycle: The new parent stands below it.
        OrderStale: That before which it shall stand is not there any more.
    """
    parents = await parents_locked(db)
    if category_id not in parents or (order.parent_id is not None and order.parent_id not in parents):
        raise CategoryNotFound
    if rules.is_cycle(parents, category_id, order.parent_id):
        raise CategoryCycle(errors=[FieldError("parent_id", CategoryCycle.title)])
    beside = [each for each in await siblings(db, order.parent_id) if each != category_id]
    if order.before_id is not None and order.before_id not in beside:
        raise OrderStale(errors=[FieldError("before_id", "It does not stand there any more.")])
    place = len(beside) if order.before_id is None else beside.index(order.before_id)
    beside.insert(place, category_id)
    if parents[category_id] != order.parent_id:
        await db.run(_REPARENT, category=category_id, parent=order.parent_id)
    await db.run(_PLACE, ids=beside, places=list(range(len(beside))))
    return await category_by_id(db, actor, category_id)


async def delete_category(db: Db, category_id: UUID) -> None:
    """Remove a category; what stood below it, and its courses, stand without one.

    Raises:
        CategoryNotFound: It is not there.
    """
    if not await db.run(_DELETE, category=category_id):
        raise CategoryNotFound
