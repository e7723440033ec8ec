"""Switching plugins for a tenant: what turns on and off, why, and what has to happen with it.

Which plugins act is one rule, in `kernel.plugin.acting`; every process feels a change by the tenant's version
(`kernel.gate`). What a plugin counts or copies goes on without it while it is off, so it counts anew afterwards.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from kernel.audit import NOTE, noted
from kernel.db import Db
from kernel.errors import Conflict, FieldError, Invalid, NotFound
from kernel.plugin import LoadedPlugin
from kernel.registry import Registry
from kernel.tables import tenants
from kernel.tasks import NoPayload, enqueue_for_each

Listed = Collection[str] | None

_ONCE_MORE = timedelta(minutes=2)
"""Requests that began before a switch may publish what the plugin does not hear; by then they have ended."""
_LOCK = (
    select(tenants.c.plugins, tenants.c.version).where(tenants.c.id == bindparam("id", type_=Uuid)).with_for_update()
)
_WRITE = (
    update(tenants)
    .where(tenants.c.id == bindparam("tenant", type_=Uuid))
    .values(plugins=bindparam("listed", type_=ARRAY(Text)), version=tenants.c.version + 1)
)


class PluginNotLoaded(NotFound):
    """A plugin of this name is no part of the deployment."""

    code = "kernel.plugin_not_loaded"
    title = "This deployment has no such plugin."


class PluginEssential(Conflict):
    """Without the plugin nobody could sign in, or a guard would be gone."""

    code = "kernel.plugin_essential"
    title = "This plugin cannot be switched off. Disable the tenant instead."


class Stored(msgspec.Struct, frozen=True):
    """What a tenant has chosen, and its version."""

    plugins: list[str] | None
    version: int


class Switch(msgspec.Struct, frozen=True):
    """What a change of a tenant's list does.

    Args:
        listed: The list afterwards; None for every loaded plugin.
        on: What begins to act, in the plugins' order.
        off: What ends to act; what requires it first.
        idle: What is newly listed and does not act all the same.
        reasons: A sentence for each of these.
    """

    listed: tuple[str, ...] | None
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    reasons: Mapping[str, str] = {}


def preview(registry: Registry, before: Listed, after: Listed) -> Switch:
    """Return what turns on and off when a tenant's list changes, each with its reason."""
    was, will = registry.acting(before), registry.acting(after)
    order = [plugin.name for plugin in registry.plugins]
    on = tuple(name for name in order if name in will - was)
    off = tuple(name for name in reversed(order) if name in was - will)
    idle = () if after is None or before is None else tuple(sorted(set(after) - set(before) - will))
    reasons = {
        **{name: _why_on(before, name) for name in on},
        **{name: registry.why(after, name) for name in (*off, *idle)},
    }
    return Switch(None if after is None else tuple(sorted(after)), on, off, idle, reasons)


def _why_on(before: Listed, name: str) -> str:
    if before is not None and name not in before:
        return f"{name} is switched on."
    return f"{name} was switched on already; now all that it requires acts."


async def switch(
    db: Db,
    tenant_id: UUID,
    *,
    enable: Collection[str] = (),
    disable: Collection[str] = (),
    dry_run: bool = False,
    spare_essential: bool = False,
) -> Switch:
    """Switch a tenant's plugins and return what that does; what turns on counts anew, every process is told.

    Args:
        db: An operator's transaction (`Deployment.operator_session`).
        tenant_id: Whose.
        enable: What to add to the list; what that requires is not added silently.
        disable: What to take from the list; what requires it stays listed and ends to act.
        dry_run: Change nothing.
        spare_essential: Refuse to switch an essential plugin off: nobody could sign in to switch it on again.

    Raises:
        Invalid: A plugin is named both ways.
        NotFound: There is no such tenant.
        PluginNotLoaded: A plugin to enable is no part of the deployment.
        PluginEssential: A plugin to disable is essential, and shall be spared.
    """
    registry = db.deployment.registry
    stored = await db.row(Stored, _LOCK, id=tenant_id)
    if stored is None:
        raise NotFound
    before = stored.plugins
    listed = everything(db) if before is None else frozenset(before)
    _check(registry, enable, disable, listed)
    if spare_essential and (spared := [each.name for each in registry.plugins if _is_essential(each, disable)]):
        raise PluginEssential(f"{spared[0]} cannot be switched off: without it nobody is safe or can sign in.")
    wanted = (listed | set(enable)) - set(disable)
    after = before if wanted == listed else sorted(wanted)
    change = preview(registry, before, after)
    if dry_run or after is before:
        return change
    await db.run(_WRITE, tenant=tenant_id, listed=after)
    await rebuild(db, tenant_id, change.on)
    await note(db, tenant_id, "kernel.tenant.plugins_switched", {"plugins": before}, {"plugins": change.listed})

    async def tell() -> None:
        await db.deployment.gate.tell_version(tenant_id, stored.version + 1)

    db.after_commit(tell)
    return change


def everything(db: Db) -> frozenset[str]:
    """Return what a tenant without a list has: every plugin of the deployment, also those that are set aside."""
    return frozenset(plugin.name for plugin in db.deployment.registry.plugins) | db.deployment.set_aside.keys()


def _check(registry: Registry, enable: Collection[str], disable: Collection[str], listed: Collection[str]) -> None:
    known = [plugin.name for plugin in registry.well]
    for name in enable:
        if name in disable:
            raise Invalid(errors=[FieldError(name, "It cannot be switched on and off at once.")])
        if name not in known:
            raise PluginNotLoaded(f"{name!r} is not loaded; the plugins are {', '.join(known)}.")
    for name in disable:
        if name not in known and name not in listed:
            raise PluginNotLoaded(f"{name!r} is not loaded; the plugins are {', '.join(known)}.")


def _is_essential(plugin: LoadedPlugin, names: Collection[str]) -> bool:
    return plugin.manifest.essential and plugin.name in names


async def rebuild(db: Db, tenant_id: UUID, names: Iterable[str]) -> None:
    """Let plugins count anew what they keep for a tenant: a job each, gone if the transaction is rolled back."""
    for name in names:
        if (task := db.deployment.registry.rebuilds.get(name)) is not None:
            for delay in (timedelta(0), _ONCE_MORE):
                # Without a key: a job that runs already has not seen what this one shall count.
                await enqueue_for_each(db, task, NoPayload(), [tenant_id], delay=delay)


async def note(db: Db, tenant_id: UUID, action: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Write into a tenant's audit log what an operator did to it."""
    entity: dict[str, Any] = {"entity_type": "kernel.tenants", "entity_id": tenant_id}
    await db.run(NOTE, **noted(db.origin, tenant_id, action, old=old, new=new, **entity))
