"""Tenants, for operators."""

from typing import Annotated
from uuid import UUID

from litestar import delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.types import Scope

from kernel.auth import Actor, operator
from kernel.db import Db
from kernel.idempotency import idempotent
from kernel.routing import Limit, Offset, Page
from kernel.tenants import TenantDetails
from plugins.admin.actions import tenants
from plugins.admin.actions.erasure import begin_erasure
from plugins.admin.schemas import (
    CreateTenantRequest,
    EnablePluginsRequest,
    ErasureBegun,
    PluginSwitch,
    UpdateTenantRequest,
)

Confirm = Annotated[str, QueryParameter(max_length=63, description="The tenant's slug, to confirm.")]
Preview = Annotated[bool, QueryParameter(description="Only tell what would turn on and off.")]


@get("/tenants", guards=[operator], operation_id="tenants_list")
async def list_tenants(db: Db, actor: Actor, limit: Limit = 20, offset: Offset = 0) -> Page[TenantDetails]:
    """Return the tenants of this deployment by slug."""
    return await tenants.list_tenants(db, actor, limit=limit, offset=offset)


@post("/tenants", guards=[operator], opt=idempotent(), operation_id="tenants_create")
async def create_tenant(db: Db, actor: Actor, scope: Scope, data: CreateTenantRequest) -> TenantDetails:
    """Make a tenant, reachable at once."""
    return await tenants.create_tenant(db, actor, data, hostname=scope["state"]["arrival"].hostname)


@get("/tenants/{tenant_id:uuid}", guards=[operator], operation_id="tenants_get")
async def read_tenant(db: Db, actor: Actor, tenant_id: FromPath[UUID]) -> TenantDetails:
    """Return a tenant."""
    return await tenants.read_tenant(db, actor, tenant_id)


@patch("/tenants/{tenant_id:uuid}", guards=[operator], opt=idempotent(), operation_id="tenants_update")
async def update_tenant(db: Db, actor: Actor, tenant_id: FromPath[UUID], data: UpdateTenantRequest) -> TenantDetails:
    """Rename a tenant, move it to other hosts, disable or enable it; felt at once."""
    return await tenants.update_tenant(db, actor, tenant_id, data)


@delete(
    "/tenants/{tenant_id:uuid}", guards=[operator], opt=idempotent(), status_code=202, operation_id="tenants_delete"
)
async def delete_tenant(db: Db, actor: Actor, tenant_id: FromPath[UUID], confirm: Confirm) -> ErasureBegun:
    """Erase a disabled tenant with everything of it, in the background."""
    return await begin_erasure(db, actor, tenant_id, confirm=confirm)


@put("/tenants/{tenant_id:uuid}/plugins", guards=[operator], opt=idempotent(), operation_id="tenants_plugins")
async def enable_plugins(
    db: Db, actor: Actor, tenant_id: FromPath[UUID], data: EnablePluginsRequest, preview: Preview = False
) -> PluginSwitch:
    """Switch on exactly these plugins, felt at once; with `preview=true` only tell what that would do."""
    return await tenants.enable_plugins(db, actor, tenant_id, data.enabled, preview=preview)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_tenants,
    create_tenant,
    read_tenant,
    update_tenant,
    delete_tenant,
    enable_plugins,
)
