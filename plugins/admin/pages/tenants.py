"""The pages of tenants, for operators: all of them, a new one, one with its hosts and plugins."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar.params import FromPath, Parameter

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from plugins.admin.actions import tenants
from plugins.admin.queries.plugins import cards_for

Rows = Annotated[int, Parameter(ge=1, le=100)]
Shown = tuple[str, Mapping[str, Any]]


async def overview(db: Db, actor: Actor, limit: Rows = 25, offset: Offset = 0) -> Shown:
    """Show every tenant."""
    page = await tenants.list_tenants(db, actor, limit=limit, offset=offset)
    return "admin/tenants.html", {"page": page, "own_id": db.tenant_id}


async def new(db: Db) -> Shown:
    """Show how to make a tenant."""
    return "admin/tenant_new.html", {"plugins": [each.manifest for each in db.deployment.registry.well]}


async def details(db: Db, actor: Actor, tenant_id: FromPath[UUID]) -> Shown:
    """Show one tenant.

    Raises:
        TenantNotFound: There is none.
    """
    tenant = await tenants.read_tenant(db, actor, tenant_id)
    values = {
        "tenant": tenant,
        "cards": cards_for(db.deployment, tenant.plugins, is_operator=True),
        "own_id": db.tenant_id,
    }
    return "admin/tenant.html", values


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/admin/tenants", "handler": overview, "access": "operator"},
    {"path": "/admin/tenants/new", "handler": new, "access": "operator"},
    {"path": "/admin/tenants/{tenant_id:uuid}", "handler": details, "access": "operator"},
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "admin.tenants", "area": "admin", "group": "System", "label": "Tenants", "icon": "school",
        "path": "/admin/tenants", "order": 520, "access": "operator",
    },
)  # fmt: skip
