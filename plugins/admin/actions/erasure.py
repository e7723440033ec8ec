"""Erasing a tenant: asked for by an operator, done as a task, since it takes as long as the school is large."""

from contextlib import suppress
from uuid import UUID

import msgspec

from kernel.audit import note
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError
from kernel.tasks import Task, TaskContext, enqueue
from kernel.tenant_erasure import check_erasable, erase_tenant
from kernel.tenants import TenantNotFound, tenant_details
from plugins.admin.errors import NotConfirmed, OwnTenant
from plugins.admin.schemas import ErasureBegun


class TenantToErase(msgspec.Struct, frozen=True):
    """Which tenant is to go."""

    tenant_id: UUID


async def _erase(context: TaskContext, payload: TenantToErase) -> None:
    async with context.transaction() as db:
        deployment = db.deployment
    # An attempt before this one may have come to the end without being able to say so.
    with suppress(TenantNotFound):
        await erase_tenant(deployment, payload.tenant_id, context.progress)
    async with context.transaction() as db:
        await note(db, "kernel.tenant.erased", entity_type="kernel.tenants", entity_id=payload.tenant_id)


ERASE_TENANT = Task(
    name="admin.erase_tenant", title="Erase a tenant", payload=TenantToErase, work=_erase, timeout_s=6 * 3600
)


async def begin_erasure(db: Db, actor: Actor, tenant_id: UUID, *, confirm: str) -> ErasureBegun:
    """Begin to delete a disabled tenant and everything of it; the log of the operator's own tenant tells of it.

    Raises:
        TenantNotFound: There is none.
        OwnTenant: It is the tenant of this session.
        TenantStillActive: It is not disabled.
        NotConfirmed: `confirm` is not its slug.
    """
    async with db.deployment.operator_session(actor, "tenants-erase", db.origin) as operator:
        found = await tenant_details(operator, tenant_id)
        if tenant_id == db.tenant_id:
            raise OwnTenant
        await check_erasable(operator, tenant_id)
    if confirm != found.slug:
        raise NotConfirmed(errors=[FieldError("confirm", NotConfirmed.title)])
    payload = TenantToErase(tenant_id)
    return ErasureBegun(await enqueue(db, ERASE_TENANT, payload, owner=actor, dedupe_key=str(tenant_id)))
