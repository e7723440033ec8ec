"""What an operator does across tenants: migrate, make and switch tenants, change settings, look after the parts.

Uses the operator's own database role (`Deployment.operator_session`); reached from the command line only.
"""

import difflib
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Boolean, bindparam, delete, exists, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB

from kernel.activation import switch
from kernel.choices import Secrets, changed
from kernel.db import Db
from kernel.deployment import Deployment
from kernel.errors import Conflict, Invalid, NotFound
from kernel.failures import Failure, failures_everywhere, retry_everywhere
from kernel.health import readiness_checks, set_aside
from kernel.ids import new_id
from kernel.plugin import discover, why
from kernel.registry import load_registry
from kernel.roles import ROLE_NAMES, role_statements
from kernel.settings import Settings, SettingsError, SettingsSpec
from kernel.tables import tenant_hosts, tenants
from kernel.tenancy import TenantRow

_BY_SLUG = select(
    tenants.c.id,
    tenants.c.slug,
    tenants.c.name,
    tenants.c.is_active,
    tenants.c.plugins,
    tenants.c.settings,
    tenants.c.version,
    select(tenant_hosts.c.host)
    .where(tenant_hosts.c.tenant_id == tenants.c.id)
    .order_by(tenant_hosts.c.is_primary.desc(), tenant_hosts.c.host)
    .limit(1)
    .scalar_subquery()
    .label("host"),
).where(tenants.c.slug == bindparam("slug"))
_ALL = select(*_BY_SLUG.selected_columns).order_by(tenants.c.slug)
_ADD = insert(tenants).values(id=bindparam("id"), slug=bindparam("slug"), name=bindparam("name"))
# The first host of a tenant is its primary one.
_ADD_HOST = insert(tenant_hosts).values(
    host=bindparam("host"),
    tenant_id=bindparam("tenant_id"),
    is_primary=~exists().where(tenant_hosts.c.tenant_id == bindparam("tenant_id")),
)
_HOST_TAKEN = select(tenant_hosts.c.host).where(tenant_hosts.c.host == bindparam("host"))
_REMOVE_HOST = delete(tenant_hosts).where(
    tenant_hosts.c.host == bindparam("host"), tenant_hosts.c.tenant_id == bindparam("tenant_id")
)
_HOSTS = (
    select(tenant_hosts.c.host).where(tenant_hosts.c.tenant_id == bindparam("tenant_id")).order_by(tenant_hosts.c.host)
)
_HOMELESS = (
    select(tenants.c.slug).where(~exists().where(tenant_hosts.c.tenant_id == tenants.c.id)).order_by(tenants.c.slug)
)
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")


def _change(**columns: Any) -> Any:
    return (
        update(tenants)
        .where(tenants.c.id == bindparam("tenant"))
        .values(**columns, version=tenants.c.version + 1)
        .returning(tenants.c.version)
    )


_SWITCH = _change(is_active=bindparam("active", type_=Boolean))
_SET_SETTINGS = _change(settings=bindparam("chosen", type_=JSONB))


class TenantNotFound(NotFound):
    """No tenant has this slug."""

    code = "kernel.tenant_unknown"
    title = "No tenant has this slug; `collegium tenants list` shows them."


class Unwell(Exception):
    """Something is wrong with a deployment; the text says with which part."""


async def migrate(settings: Settings) -> None:
    """Apply every pending migration and make sure that there is a tenant."""
    if not settings.owner_database_url:
        raise SettingsError("COLLEGIUM_OWNER_DATABASE_URL is not set: only the owner role may migrate.")
    from kernel.migrate import ensure_default_tenant, upgrade  # import: start-up-time

    registry, _ = load_registry(discover(settings.plugins), settings.on_bad_plugin)
    await upgrade(settings.owner_database_url, registry.migration_chains())
    await ensure_default_tenant(settings.operator_database_url)


async def new_migration(settings: Settings, plugin: str, message: str) -> str:
    """Write a new revision for a plugin and return where it stands."""
    from kernel.drafts import new_revision  # import: start-up-time

    registry, _ = load_registry(discover(settings.plugins), settings.on_bad_plugin)
    chains = {chain.schema: chain for chain in registry.migration_chains()}
    if plugin not in chains:
        raise NotFound(f"No loaded plugin {plugin!r} has a folder `migrations`; those that have: {sorted(chains)}.")
    return str(await new_revision(settings.owner_database_url, chains[plugin], message))


def roles_sql() -> str:
    """Return the SQL that makes the database roles, passwords to be filled in."""
    passwords = {role: f"choose-a-password-for-{role}" for role in ROLE_NAMES}
    return "".join(f"{statement};\n" for statement in role_statements(passwords))


async def list_tenants(deployment: Deployment, _options: Namespace) -> str:
    """Return a line for each tenant."""
    async with deployment.operator_session(None, "tenants-list") as db:
        rows = await db.rows(TenantRow, _ALL)
    return "\n".join(
        f"{row.slug}\t{row.name}\t{row.host or '(any host)'}\t{'active' if row.is_active else 'disabled'}\t"
        f"{', '.join(row.plugins) if row.plugins is not None else 'all plugins'}"
        for row in rows
    )


async def create_tenant(deployment: Deployment, options: Namespace) -> str:
    """Make a tenant with its host names."""
    async with deployment.operator_session(None, "tenants-create") as db:
        if await db.row(TenantRow, _BY_SLUG, slug=options.slug) is not None:
            raise Conflict(f"There is a tenant {options.slug!r} already.")
        tenant_id = new_id()
        await db.run(_ADD, id=tenant_id, slug=options.slug, name=options.name)
        await _add_hosts(db, tenant_id, options.hosts)
        homeless = await db.values(_HOMELESS)
    await deployment.gate.tell_directory()
    notes = [
        f"{slug} has no host and is out of reach: `collegium tenants hosts {slug} --add HOST`." for slug in homeless
    ]
    return "\n".join([f"{options.slug} {tenant_id}", *notes])


async def change_hosts(deployment: Deployment, options: Namespace) -> str:
    """Show or change the host names of a tenant, felt at once in every process."""
    row = await _tenant(deployment, options.slug)
    async with deployment.operator_session(None, "tenants-hosts") as db:
        for host in options.remove:
            if await db.run(_REMOVE_HOST, host=_host(host), tenant_id=row.id) == 0:
                raise NotFound(f"{row.slug} has no host {host!r}.")
        await _add_hosts(db, row.id, options.add)
        hosts = await db.values(_HOSTS, tenant_id=row.id)
    await deployment.gate.tell_directory()
    return "\n".join(hosts) or f"{row.slug} has no host."


async def _add_hosts(db: Db, tenant_id: UUID, hosts: Sequence[str]) -> None:
    for host in hosts:
        name = _host(host)
        if await db.value(_HOST_TAKEN, host=name) is not None:
            raise Conflict(f"The host {name!r} belongs to a tenant already.")
        await db.run(_ADD_HOST, host=name, tenant_id=tenant_id)


def _host(text: str) -> str:
    if not _HOST.fullmatch(text.lower()):
        raise Invalid(f"{text!r} is no host: give a name or an address, without scheme, port and path.")
    return text.lower()


async def switch_tenant(deployment: Deployment, options: Namespace) -> str:
    """Enable or disable a tenant, felt at once in every process."""
    row = await _tenant(deployment, options.slug)
    await _apply(deployment, row, _SWITCH, active=options.active)
    await deployment.gate.tell_directory()
    return f"{row.slug} is {'enabled' if options.active else 'disabled'}."


async def tenant_plugins(deployment: Deployment, options: Namespace) -> str:
    """Show or switch a tenant's plugins, felt at once in every process."""
    row = await _tenant(deployment, options.slug)
    if not options.enable and not options.disable:
        plugins = deployment.registry.plugins
        return "\n".join(why(plugins, row.plugins, plugin.name) for plugin in plugins)
    async with deployment.operator_session(None, "tenants-plugins") as db:
        change = await switch(db, row.id, enable=options.enable, disable=options.disable, dry_run=options.dry_run)
    lines = [
        *(f"{name} turns on: {change.reasons[name]}" for name in change.on),
        *(f"{name} turns off: {change.reasons[name]}" for name in change.off),
        *(f"{name} stays off: {reason}" for name, reason in change.reasons.items() if name in change.idle),
    ]
    return "\n".join(lines) or "Nothing turns on or off."


async def plugin_why(deployment: Deployment, options: Namespace) -> str:
    """Explain whether a plugin acts for a tenant."""
    row = await _tenant(deployment, options.tenant)
    if options.plugin in deployment.set_aside:
        return deployment.set_aside[options.plugin]
    return why(deployment.registry.plugins, row.plugins, options.plugin)


async def set_tenant_settings(deployment: Deployment, options: Namespace) -> str:
    """Change settings, each `category.name[.name]=value`, all or none; a value is JSON or a plain word."""
    row = await _tenant(deployment, options.slug)
    chosen = dict(row.settings)
    secrets = Secrets(deployment.keyring, row.id)
    for setting in options.settings:
        spec, change = _change_of(setting, {spec.category: spec for spec in deployment.registry.settings})
        chosen[spec.category] = changed(spec, chosen.get(spec.category, {}), change, secrets)
    await _apply(deployment, row, _SET_SETTINGS, chosen=chosen)
    return f"{options.slug}: {', '.join(setting.partition('=')[0] for setting in options.settings)}"


def _change_of(setting: str, specs: Mapping[str, SettingsSpec]) -> tuple[SettingsSpec, Any]:
    """Return the category and the change that `category.name[.name]=value` means."""
    path, separator, text = setting.partition("=")
    category, *names = path.split(".")
    if not separator or not names or category not in specs:
        near = difflib.get_close_matches(category, specs, n=1)
        hint = f" Did you mean {near[0]!r}?" if near and near[0] != category else ""
        raise Invalid(f"Write category.name=value; the categories are {', '.join(sorted(specs))}.{hint}")
    change = _value(text)
    for name in reversed(names):
        change = {name: change}
    return specs[category], change


async def failed_tasks(deployment: Deployment, options: Namespace) -> str:
    """Return a line for each task and event that is not tried any more."""
    slugs = await _slugs(deployment)
    found = await _failures(deployment, slugs, options.tenant)
    return "\n".join(
        f"{each.id}\t{each.kind}\t{each.name}\t{slugs.get(each.tenant_id, '-')}\t{each.failed_at:%Y-%m-%dT%H:%MZ}\t"
        f"{each.reason}"
        for each in found
    )


async def retry_tasks(deployment: Deployment, options: Namespace) -> str:
    """Try failed tasks and events again."""
    if bool(options.ids) == options.all:
        raise Invalid("Give the ids that `collegium tasks failed` shows, or --all.")
    found = await _failures(deployment, await _slugs(deployment), options.tenant)
    chosen = [each for each in found if options.all or each.id in options.ids]
    if unknown := sorted(set(options.ids) - {each.id for each in chosen}):
        raise NotFound(f"Nothing that failed has the id {', '.join(unknown)}.")
    return f"{await retry_everywhere(deployment, chosen)} will be tried again."


async def _failures(deployment: Deployment, slugs: Mapping[UUID | None, str], slug: str | None) -> list[Failure]:
    if slug is not None and slug not in slugs.values():
        raise TenantNotFound
    found: list[Failure] = []
    while True:
        page = await failures_everywhere(deployment, limit=100, offset=len(found))
        found += page.items
        if len(found) >= page.total or not page.items:
            return [each for each in found if slug in (None, slugs.get(each.tenant_id))]


async def _slugs(deployment: Deployment) -> Mapping[UUID | None, str]:
    async with deployment.operator_session(None, "tenants-list") as db:
        return {row.id: row.slug for row in await db.rows(TenantRow, _ALL)}


async def doctor(deployment: Deployment, _options: Namespace) -> str:
    """Return a line for each part.

    Raises:
        Unwell: A part does not answer or a plugin is set aside; its text has the same lines.
    """
    checks = [*await readiness_checks(deployment), *set_aside(deployment)]
    lines = "\n".join(f"{'ok  ' if check.ok else 'FAIL'} {check.name} {check.detail}".rstrip() for check in checks)
    if not all(check.ok for check in checks):
        raise Unwell(lines)
    return lines


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


async def _tenant(deployment: Deployment, slug: str) -> TenantRow:
    async with deployment.operator_session(None, "tenants-read") as db:
        row = await db.row(TenantRow, _BY_SLUG, slug=slug)
    if row is None:
        raise TenantNotFound
    return row


async def _apply(deployment: Deployment, row: TenantRow, statement: Any, **values: Any) -> None:
    async with deployment.operator_session(None, "tenants-change") as db:
        version = await db.value(statement, tenant=row.id, **values)
    await deployment.gate.tell_version(row.id, version)
