"""What an operator does across tenants: migrate, make and switch tenants, change settings, look after the parts.

The words of the command line for it; the work itself is in `kernel.tenants`, `kernel.tenant_settings` and
`kernel.activation`, which `plugins.admin` uses too.
"""

import difflib
from argparse import Namespace
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import msgspec

from kernel import tenant_erasure
from kernel.activation import switch
from kernel.commands import Command
from kernel.db import Origin
from kernel.deployment import Deployment
from kernel.errors import Conflict, Invalid, NotFound
from kernel.failures import Failure, failures_everywhere, retry_everywhere
from kernel.health import readiness_checks, set_aside
from kernel.key_uses import KeyUse
from kernel.plugin import PluginError, discover
from kernel.redis_care import redis_checks
from kernel.registry import load_registry
from kernel.roles import ROLE_NAMES, role_statements
from kernel.settings import Settings, SettingsError
from kernel.tenant_settings import change_settings
from kernel.tenants import (
    TenantDetails,
    TenantNotFound,
    add_tenant,
    change_tenant,
    homeless_tenants,
    tenant_by_slug,
    tenant_page,
)


class Unwell(Exception):
    """Something is wrong with a deployment; the text says with which part."""


async def migrate(settings: Settings) -> None:
    """Apply every pending migration and make sure that there is a tenant.

    Raises:
        PluginError: A schema cannot be brought up to date, and the deployment refuses bad plugins.
        Unwell: The same, and the deployment leaves them out; all others are up to date.
    """
    if not settings.owner_database_url:
        raise SettingsError("COLLEGIUM_OWNER_DATABASE_URL is not set: only the owner role may migrate.")
    from kernel.migrate import ensure_default_tenant, upgrade  # import: start-up-time

    registry, _ = load_registry(discover(settings.plugins), settings.on_bad_plugin)
    # What requires a plugin whose turn has failed gets none: its keys may point at what is not there.
    chains = (chain for chain in registry.migration_chains() if chain.schema not in registry.set_aside)
    faults: list[PluginError] = []

    def leave_out(fault: PluginError) -> None:
        registry.leave_out(fault, settings.on_bad_plugin)
        faults.append(fault)

    await upgrade(settings.owner_database_url, chains, on_fault=leave_out)
    await ensure_default_tenant(settings.operator_database_url)
    if faults:
        raise Unwell("\n".join(str(fault) for fault in faults))


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
    return "\n".join(
        f"{each.slug}\t{each.name}\t{(each.hostnames or ['(any host)'])[0]}\t"
        f"{'active' if each.is_active else 'disabled'}\t"
        f"{', '.join(each.plugins) if each.plugins is not None else 'all plugins'}"
        for each in await _all_tenants(deployment)
    )


async def _all_tenants(deployment: Deployment) -> list[TenantDetails]:
    found: list[TenantDetails] = []
    async with deployment.operator_session(None, "tenants-list") as db:
        while True:
            page = await tenant_page(db, limit=100, offset=len(found))
            found += page.items
            if len(found) >= page.total or not page.items:
                return found


async def create_tenant(deployment: Deployment, options: Namespace) -> str:
    """Make a tenant with its host names; the first is the one that links lead to."""
    async with deployment.operator_session(None, "tenants-create") as db:
        made = await add_tenant(db, slug=options.slug, name=options.name, hostnames=options.hosts)
        homeless = await homeless_tenants(db)
    notes = [
        f"{slug} has no host and is out of reach: `collegium tenants hosts {slug} --add HOST`." for slug in homeless
    ]
    return "\n".join([f"{made.slug} {made.id}", *notes])


async def change_hosts(deployment: Deployment, options: Namespace) -> str:
    """Show or change the host names of a tenant, felt at once in every process; the primary one comes first."""
    async with deployment.operator_session(None, "tenants-hosts") as db:
        found = await tenant_by_slug(db, options.slug)
        if options.add or options.remove or options.primary:
            hosts = [*found.hostnames, *options.add]
            for host in options.remove:
                if host.lower() not in hosts:
                    raise NotFound(f"{found.slug} has no host {host!r}.")
                hosts.remove(host.lower())
            first = [options.primary] if options.primary else []
            found = await change_tenant(db, found.id, hostnames=[*first, *hosts])
    return "\n".join(found.hostnames) or f"{found.slug} has no host."


async def switch_tenant(deployment: Deployment, options: Namespace) -> str:
    """Enable or disable a tenant, felt at once in every process."""
    async with deployment.operator_session(None, "tenants-switch") as db:
        found = await tenant_by_slug(db, options.slug)
        await change_tenant(db, found.id, is_active=options.active)
    return f"{found.slug} is {'enabled' if options.active else 'disabled'}."


async def erase_tenant(deployment: Deployment, options: Namespace) -> str:
    """Delete a disabled tenant with everything of it."""
    if options.confirm != options.slug:
        raise Invalid("Repeat the slug in --confirm: everything of the tenant will be gone.")
    async with deployment.operator_session(None, "tenants-erase") as db:
        found = await tenant_by_slug(db, options.slug)
    await tenant_erasure.erase_tenant(deployment, found.id)
    return f"{found.slug} is gone."


async def tenant_plugins(deployment: Deployment, options: Namespace) -> str:
    """Show or switch a tenant's plugins, felt at once in every process."""
    async with deployment.operator_session(None, "tenants-plugins") as db:
        found = await tenant_by_slug(db, options.slug)
        if not options.enable and not options.disable:
            registry = deployment.registry
            names = [*(plugin.name for plugin in registry.well), *registry.set_aside]
            return "\n".join(registry.why(found.plugins, name) for name in names)
        change = await switch(db, found.id, enable=options.enable, disable=options.disable, dry_run=options.dry_run)
    lines = [
        *(f"{name} turns on: {change.reasons[name]}" for name in change.on),
        *(f"{name} turns off: {change.reasons[name]}" for name in change.off),
        *(f"{name} stays off: {reason}" for name, reason in change.reasons.items() if name in change.idle),
    ]
    return "\n".join(lines) or "Nothing turns on or off."


async def plugin_why(deployment: Deployment, options: Namespace) -> str:
    """Explain whether a plugin acts for a tenant."""
    async with deployment.operator_session(None, "plugins-why") as db:
        found = await tenant_by_slug(db, options.tenant)
    return deployment.registry.why(found.plugins, options.plugin)


async def set_tenant_settings(deployment: Deployment, options: Namespace) -> str:
    """Change settings, each `category.name[.name]=value`, all or none; a value is JSON or a plain word."""
    specs = {spec.category: spec for spec in deployment.registry.settings}
    change: dict[str, Any] = {}
    for setting in options.settings:
        _put(change, setting, specs)
    async with deployment.operator_session(None, "tenants-set") as db:
        found = await tenant_by_slug(db, options.slug)
        await change_settings(db, found.id, specs, change, is_operator=True)
    return f"{options.slug}: {', '.join(setting.partition('=')[0] for setting in options.settings)}"


def _put(change: dict[str, Any], setting: str, categories: Collection[str]) -> None:
    """Add what `category.name[.name]=value` means to a change."""
    path, separator, text = setting.partition("=")
    category, *names = path.split(".")
    if not separator or not names or category not in categories:
        near = difflib.get_close_matches(category, categories, n=1)
        hint = f" Did you mean {near[0]!r}?" if near and near[0] != category else ""
        raise Invalid(f"Write category.name=value; the categories are {', '.join(sorted(categories))}.{hint}")
    place = change
    for name in (category, *names[:-1]):
        within = place.setdefault(name, {})
        # One word says that it is a value, another that it has parts: the later one counts, and is then judged.
        place[name] = place = within if isinstance(within, dict) else {}
    place[names[-1]] = _value(text)


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
    return {each.id: each.slug for each in await _all_tenants(deployment)}


async def keys_status(deployment: Deployment, _options: Namespace) -> str:
    """Return what is kept under each key, and what a key that is gone has left unreadable."""
    found: dict[str, list[str]] = {}
    async with deployment.operator_session(None, "keys-status") as db:
        for use in deployment.registry.key_uses:
            for kid, count in (await use.counts(db)).items():
                what = "`collegium keys rewrap`" if use.renew else use.remark
                note = f" ({what})" if what and kid in deployment.keyring.older_kids else ""
                found.setdefault(kid, []).append(f"  {count} {use.title}{note}")
    lines: list[str] = []
    for kid in (deployment.keyring.newest_kid, *deployment.keyring.older_kids):
        lines.append(f"{kid}: {'the newest' if not lines else 'older'}")
        lines += found.pop(kid, ["  nothing"])
    for kid, unreadable in sorted(found.items()):
        lines += [f"{kid}: not configured any more, so this cannot be read", *unreadable]
    return "\n".join(lines)


async def rewrap_keys(deployment: Deployment, _options: Namespace) -> str:
    """Write everything that can be under the newest key and say what was written."""
    written = [(await _rewrap(deployment, use), use.title) for use in deployment.registry.key_uses]
    return "\n".join(f"{count} {title}" for count, title in written if count) or "Nothing was left to write anew."


async def _rewrap(deployment: Deployment, use: KeyUse) -> int:
    """Renew one use of keys, some hundred in a transaction, and return how many there were."""
    renewed = 0
    while use.renew is not None:
        async with deployment.operator_session(None, "keys-rewrap") as db:
            batch = await use.renew(db)
        if batch == 0:
            break
        renewed += batch
    return renewed


async def doctor(deployment: Deployment, _options: Namespace) -> str:
    """Return a line for each part.

    Raises:
        Unwell: A part does not answer, Redis may lose what it is told or is open to anybody, no server takes mails, or
            a plugin is set aside; its text has the same lines.
    """
    from kernel.mail.trial import mail_checks  # import: start-up-time

    checks = [
        *await readiness_checks(deployment),
        *await redis_checks(deployment.redis),
        *await mail_checks(deployment),
        *set_aside(deployment),
    ]
    lines = "\n".join(f"{'ok  ' if check.ok else 'FAIL'} {check.name} {check.detail}".rstrip() for check in checks)
    if not all(check.ok for check in checks):
        raise Unwell(lines)
    return lines


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


async def run_command(deployment: Deployment, command: Command, options: Namespace) -> str:
    """Run a plugin's command in a transaction of the tenant that the options name.

    Raises:
        Conflict: The plugin does not act there; with the reason.
    """
    tenant = await deployment.tenants.by_slug(options.tenant)
    plugin = deployment.registry.command_plugins[command.name]
    if plugin not in tenant.plugins:
        raise Conflict(deployment.registry.why(tenant.listed, plugin))
    origin = Origin(tenant.id, request_id=command.name.replace(" ", "-"))
    async with deployment.database.transaction(origin, tenant) as db:
        return await command.run(db, options)
