"""`collegium plugins ...`: list, check, write, rebuild and purge plugins; each function is one command.

What acts for a tenant is switched by `collegium tenants plugins`.
"""

import asyncio
import sys
from argparse import Namespace
from pathlib import Path

import asyncpg

from kernel.activation import rebuild
from kernel.deployment import Deployment
from kernel.errors import Invalid
from kernel.ids import new_id
from kernel.operations import Unwell
from kernel.plugin import PluginError, discover
from kernel.purging import check_unloaded, note_dropped, purge_rows, purgeable_rows
from kernel.registry import Registry, load_registry
from kernel.revisions import faults
from kernel.settings import Settings, SettingsError
from kernel.starter import write_plugin
from kernel.tenants import tenant_by_slug, tenant_page

_BECOMES = {"refuse": "refuses the start", "quarantine": "set aside"}


def list_plugins(settings: Settings, _options: Namespace) -> None:
    """Print a line for each plugin of the deployment."""
    registry, aside = load_registry(discover(settings.plugins), settings.on_bad_plugin)
    for plugin in registry.plugins:
        needs = f" (requires {', '.join(plugin.manifest.requires)})" if plugin.manifest.requires else ""
        print(f"{plugin.name} {plugin.manifest.version}: {plugin.manifest.summary}{needs}")
    for name, reason in aside.items():
        print(f"{name}: set aside. {reason}")
    for fault in _unmigrated(settings, registry):
        print(f"{fault.plugin}: {_BECOMES[settings.on_bad_plugin]}. {fault}")


def _unmigrated(settings: Settings, registry: Registry) -> list[PluginError]:
    if settings.is_embedded:
        # Its server migrates it at every start.
        return []
    try:
        return asyncio.run(faults(settings.database_url, registry.migration_chains()))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        print("Whether migrations are pending is not known: the database does not answer.", file=sys.stderr)
        return []


def print_reference(settings: Settings, _options: Namespace) -> None:
    """Print the catalogue of what the installed plugins offer and register."""
    from kernel.reference import reference  # import: start-up-time

    print(reference(load_registry(discover(settings.plugins), settings.on_bad_plugin)[0]), end="")


def new_plugin(_settings: Settings, options: Namespace) -> None:
    """Write a new plugin and print what to do next."""
    directory = Path(options.directory or f"collegium-{options.name}")
    for file in write_plugin(options.name, directory):
        print(file)
    print(f"\nNext: cd {directory} && pip install -e . && pytest")


def check_plugin(_settings: Settings, options: Namespace) -> None:
    """Print what is wrong with a plugin.

    Raises:
        Invalid: What the conformance suite runs on is not installed.
        Unwell: Something is; a sentence each.
    """
    try:
        from kernel import plugin_checks  # import: optional-dependency
    except ModuleNotFoundError as error:
        raise Invalid(f"The conformance suite needs {error.name}: pip install pytest aiosmtpd anyio.") from None
    problems = plugin_checks.check_plugin(options.plugin)
    if problems:
        raise Unwell("\n".join(problems))
    print(f"{options.plugin}: nothing is wrong.")


async def rebuild_plugin(deployment: Deployment, options: Namespace) -> str:
    """Let a plugin count anew, for one tenant or wherever it acts: after it was out of the deployment for a while."""
    if options.plugin not in deployment.registry.rebuilds:
        raise Invalid(f"{options.plugin} has nothing to count anew (`register_rebuild`).")
    async with deployment.operator_session(None, "plugins-rebuild") as db:
        if options.tenant:
            found = [await tenant_by_slug(db, options.tenant)]
        else:
            found = list((await tenant_page(db, limit=2**31 - 1, offset=0)).items)
        acting = [each for each in found if options.plugin in deployment.registry.acting(each.plugins)]
        for each in acting:
            await rebuild(db, each.id, [options.plugin])
    return f"{options.plugin} counts anew for {len(acting)} of {len(found)} tenants."


async def purge_plugin(deployment: Deployment, options: Namespace) -> str:
    """Delete what is left of a plugin in a tenant, or its schema, once the operator has typed its name."""
    if options.schema:
        return await _purge_schema(deployment, options)
    if not options.tenant:
        raise Invalid("Say --tenant T to delete a plugin's rows of one tenant, or --schema to delete all that it has.")
    async with deployment.operator_session(None, "plugins-purge") as db:
        found = await tenant_by_slug(db, options.tenant)
        rows = await purgeable_rows(db, options.plugin, found.id)
    _confirm(options, f"This deletes {sum(rows.values())} rows of {options.plugin} in {found.slug} for good.")
    # The rows of the audit log that this purge makes, and no other, have this in them.
    async with deployment.operator_session(None, f"plugins-purge-{new_id()}") as db:
        deleted = await purge_rows(db, options.plugin, found.id)
    return "\n".join(f"{count} rows of {table} are deleted." for table, count in deleted.items())


async def _purge_schema(deployment: Deployment, options: Namespace) -> str:
    if not deployment.settings.owner_database_url:
        raise SettingsError("COLLEGIUM_OWNER_DATABASE_URL is not set: only the owner role may drop a schema.")
    from kernel.migrate import drop_schema  # import: start-up-time

    async with deployment.operator_session(None, "plugins-purge") as db:
        schema = await check_unloaded(db, options.plugin)
    _confirm(options, f"This deletes the schema {schema} with everything in it, of every tenant, for good.")
    await drop_schema(deployment.settings.owner_database_url, schema)
    async with deployment.operator_session(None, "plugins-purge") as db:
        await note_dropped(db, options.plugin)
    return f"The schema {schema} is gone."


def _confirm(options: Namespace, warning: str) -> None:
    if options.yes:
        return
    print(warning, file=sys.stderr)
    try:
        typed = input(f"Type {options.plugin} to go on: ")
    except EOFError:
        typed = ""
    if typed.strip() != options.plugin:
        raise Invalid("Nothing is deleted.")
