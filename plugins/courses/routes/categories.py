"""Categories."""

from uuid import UUID

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, public, requires
from kernel.db import Db
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset, Page
from plugins.courses.actions import categories
from plugins.courses.permissions import EDIT_CATEGORIES
from plugins.courses.queries.categories import category_by_id, category_page
from plugins.courses.schemas.courses import Category, CreateCategoryRequest, MoveCategoryRequest, UpdateCategoryRequest


@get("/categories", guards=[public], opt=reads_only(), operation_id="categories_list")
async def list_categories(db: Db, actor: Actor, limit: Limit = 100, offset: Offset = 0) -> Page[Category]:
    """List the categories; strangers see them where the tenant's catalogue is public."""
    return await category_page(db, actor, limit=limit, offset=offset)


@get("/categories/{category_id:uuid}", guards=[public], opt=reads_only(), operation_id="categories_get")
async def get_category(db: Db, actor: Actor, category_id: UUID) -> Category:
    """Show a category."""
    return await category_by_id(db, actor, category_id)


@post("/categories", guards=[requires(EDIT_CATEGORIES)], operation_id="categories_create")
async def create_category(db: Db, actor: Actor, data: CreateCategoryRequest) -> Category:
    """Make a category."""
    return await categories.create_category(db, actor, data)


@patch("/categories/{category_id:uuid}", guards=[requires(EDIT_CATEGORIES)], operation_id="categories_update")
async def update_category(db: Db, actor: Actor, category_id: UUID, data: UpdateCategoryRequest) -> Category:
    """Change a category."""
    return await categories.update_category(db, actor, category_id, data)


@post(
    "/categories/{category_id:uuid}/move",
    status_code=200,
    guards=[requires(EDIT_CATEGORIES)],
    operation_id="categories_move",
)
async def move_category(db: Db, actor: Actor, category_id: UUID, data: MoveCategoryRequest) -> Category:
    """Put a category at another place in the tree."""
    return await categories.move_category(db, actor, category_id, data)


@delete("/categories/{category_id:uuid}", guards=[requires(EDIT_CATEGORIES)], operation_id="categories_delete")
async def delete_category(db: Db, category_id: UUID) -> None:
    """Remove a category; its courses stay, without one."""
    await categories.delete_category(db, category_id)


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    list_categories,
    get_category,
    create_category,
    update_category,
    move_category,
    delete_category,
)
