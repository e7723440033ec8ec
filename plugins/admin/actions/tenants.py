"""What operators do to tenants: make, change, switch plugins."""

from collections.abc import Collection
from uuid import UUID

from msgspec import UNSET, structs

from kernel.activation import switch
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError, Invalid
from kernel.mail import parse_address
from kernel.routing import Page
from kernel.tenants import (
    TenantDetails,
    add_tenant,
    change_tenant,
    homeless_tenants,
    locked_plugins,
    tenant_details,
    tenant_page,
)
from plugins.admin.errors import OwnTenant
from plugins.admin.schemas import CreateTenantRequest, FirstAdministrator, PluginSwitch, UpdateTenantRequest
from plugins.auth import api as auth


async def list_tenants(db: Db, actor: Actor, *, limit: int, offset: int) -> Page[TenantDetails]:
    """Return every tenant by slug."""
    async with db.deployment.operator_session(actor, "tenants-list", db.origin) as operator:
        return await tenant_page(operator, limit=limit, offset=offset)


async def read_tenant(db: Db, actor: Actor, tenant_id: UUID) -> TenantDetails:
    """Return a tenant.

    Raises:
        TenantNotFound: There is none.
    """
    async with db.deployment.operator_session(actor, "tenants-read", db.origin) as operator:
        return await tenant_details(operator, tenant_id)


async def create_tenant(db: Db, actor: Actor, request: CreateTenantRequest, *, hostname: str) -> TenantDetails:
    """Make a tenant.

    The only tenant answers at every host and may have none of its own. It would be out of reach from now on, the
    operator's own session included, so the host of this request becomes its first.

    Args:
        db: The transaction.
        actor: The operator.
        request: The tenant.
        hostname: To which the request came.

    Raises:
        Invalid: The slug or a host name is none, a plugin is not loaded, or the administrator has no address.
        TenantTaken: Another tenant has the slug or a host name.
    """
    _check_loaded(db, "plugins", request.plugins or ())
    person = request.admin
    if person is not None:
        parse_address(person.email, field_name="admin.email")
        if request.plugins is not None and "auth" not in request.plugins:
            raise Invalid(errors=[FieldError("admin", "Without the plugin auth nobody can sign in.")])
    async with db.deployment.operator_session(actor, "tenants-create", db.origin) as operator:
        if db.tenant.slug in await homeless_tenants(operator):
            await change_tenant(operator, db.tenant_id, hostnames=[hostname])
        made = await add_tenant(
            operator, slug=request.slug, name=request.name, hostnames=request.hostnames, plugins=request.plugins
        )
    if person is not None:
        await _invite(db, made.id, person)
    return made


async def _invite(db: Db, tenant_id: UUID, person: FirstAdministrator) -> None:
    """Make the first administrator's account, in a transaction of their tenant, and invite them to it by mail."""
    tenant = await db.deployment.tenants.by_id(tenant_id)
    origin = structs.replace(db.origin, tenant_id=tenant_id, idempotency_key="")
    async with db.deployment.database.transaction(origin, tenant) as theirs:
        await auth.add_user(theirs, None, auth.CreateUserRequest(role="admin", **structs.asdict(person)))


async def update_tenant(db: Db, actor: Actor, tenant_id: UUID, request: UpdateTenantRequest) -> TenantDetails:
    """Change a tenant, felt at once in every process.

    Raises:
        OwnTenant: The operator would disable the tenant of this session.
        TenantNotFound: There is none.
        Invalid: A host name is none.
        TenantTaken: Another tenant has a host name.
    """
    if request.is_active is False and tenant_id == db.tenant_id:
        raise OwnTenant
    changes = {name: value for name, value in structs.asdict(request).items() if value is not UNSET}
    async with db.deployment.operator_session(actor, "tenants-change", db.origin) as operator:
        return await change_tenant(operator, tenant_id, **changes)


async def enable_plugins(
    db: Db, actor: Actor, tenant_id: UUID, enabled: Collection[str], *, preview: bool
) -> PluginSwitch:
    """Switch on exactly these plugins for a tenant, or only tell what that would do.

    Raises:
        TenantNotFound: There is none.
        Invalid: A plugin is not loaded.
        PluginEssential: A plugin that would be switched off is essential.
    """
    async with db.deployment.operator_session(actor, "tenants-plugins", db.origin) as operator:
        listed = await locked_plugins(operator, tenant_id)
        on, off = set(enabled) - listed, listed - set(enabled)
        _check_loaded(db, "enabled", on)
        change = await switch(operator, tenant_id, enable=on, disable=off, dry_run=preview, spare_essential=True)
    return PluginSwitch(
        enabled=change.listed,
        on=change.on,
        off=change.off,
        idle=change.idle,
        reasons=change.reasons,
        is_preview=preview,
    )


def _check_loaded(db: Db, field: str, names: Collection[str]) -> None:
    known = [plugin.name for plugin in db.deployment.registry.plugins]
    if unknown := sorted(set(names) - set(known)):
        sentence = f"{unknown[0]!r} is not loaded; the plugins are {', '.join(known)}."
        raise Invalid(errors=[FieldError(field, sentence)])
