"""Materials: files and links beside the videos."""

from uuid import UUID

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, requires
from kernel.db import Db
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset, Page
from plugins.courses.actions import materials
from plugins.courses.permissions import BROWSE, EDIT, WATCH
from plugins.courses.queries.materials import material_details, material_page
from plugins.courses.schemas.materials import (
    CreateMaterialRequest,
    MaterialAddress,
    MaterialDetails,
    UpdateMaterialRequest,
)


@get("/materials", guards=[requires(BROWSE)], opt=reads_only(), operation_id="materials_list")
async def list_materials(
    db: Db,
    actor: Actor,
    course_id: UUID | None = None,
    section_id: UUID | None = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Page[MaterialDetails]:
    """List the materials of a course or a section, in their order; without either, all that one may open."""
    return await material_page(db, actor, course_id=course_id, section_id=section_id, limit=limit, offset=offset)


@post("/materials", guards=[requires(EDIT)], operation_id="materials_create")
async def create_material(db: Db, actor: Actor, data: CreateMaterialRequest) -> MaterialDetails:
    """Add an uploaded file or a link to a course."""
    return await materials.add_material(db, actor, data)


@get("/materials/{material_id:uuid}", guards=[requires(BROWSE)], opt=reads_only(), operation_id="materials_get")
async def get_material(db: Db, actor: Actor, material_id: UUID) -> MaterialDetails:
    """Show a material, a locked one without its source."""
    return await material_details(db, actor, material_id)


@patch("/materials/{material_id:uuid}", guards=[requires(EDIT)], operation_id="materials_update")
async def update_material(db: Db, actor: Actor, material_id: UUID, data: UpdateMaterialRequest) -> MaterialDetails:
    """Change a material."""
    return await materials.update_material(db, actor, material_id, data)


@delete("/materials/{material_id:uuid}", guards=[requires(EDIT)], operation_id="materials_delete")
async def delete_material(db: Db, actor: Actor, material_id: UUID) -> None:
    """Remove a material."""
    await materials.delete_material(db, actor, material_id)


@get("/materials/{material_id:uuid}/download", guards=[requires(WATCH)], operation_id="materials_download")
async def download_material(db: Db, actor: Actor, material_id: UUID) -> MaterialAddress:
    """Return an address of a material for those who may open it, and count each of them once."""
    return await materials.open_material(db, actor, material_id)


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    list_materials,
    create_material,
    get_material,
    update_material,
    delete_material,
    download_material,
)
