"""Whether a plugin's revisions make what its table classes say, leave nothing behind, and keep tenants apart."""

from pathlib import Path

import asyncpg

from kernel.catalogue import catalogue_problems
from kernel.drift import drift
from kernel.faults import told
from kernel.migrate import downgrade, upgrade
from kernel.plugin import LoadedPlugin, PluginError
from kernel.registry import Registry
from kernel.tables import metadata

_LEFT = """
    SELECT relname FROM pg_catalog.pg_class
    WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p', 'v', 'm') AND relname <> 'alembic_version'
    ORDER BY 1
"""


async def schema_problems(plugin: LoadedPlugin, registry: Registry, url: str) -> list[str]:
    """Apply all revisions, take the plugin's back, apply them again; return a sentence for each thing that is wrong.

    Args:
        plugin: Whose revisions are tried.
        registry: With all that it requires.
        url: The owner role's address of an empty database.
    """
    chains = registry.migration_chains()
    own = next((chain for chain in chains if chain.schema == plugin.name), None)
    folder = plugin.folder / "migrations"
    if own is None:
        has_tables = any(table.schema == plugin.name for table in metadata.tables.values())
        await upgrade(url, chains)
        return [_sentence(plugin, folder, "it has tables and no revision that makes them.")] if has_tables else []
    try:
        await upgrade(url, chains)
        problems = [*await drift(url, [own]), *await _catalogue(plugin, url)]
        await downgrade(url, own)
        if left := [f"its revisions, taken back, leave {name} behind." for name in await _left(plugin, url)]:
            problems += left
        else:
            await upgrade(url, chains)
            problems += [f"taken back and applied again: {each}" for each in await drift(url, [own])]
    except PluginError as error:
        return [str(error)]
    except Exception as error:  # noqa: BLE001 - whatever a revision raises is its plugin's fault
        return [_sentence(plugin, folder, f"its revisions cannot be taken back: {told(error)}.")]
    return [_sentence(plugin, folder, problem) for problem in dict.fromkeys(problems)]


def _sentence(plugin: LoadedPlugin, folder: Path, reason: str) -> str:
    return str(plugin.broken(reason, str(folder)))


async def _catalogue(plugin: LoadedPlugin, url: str) -> list[str]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return [each for each in await catalogue_problems(connection) if each.startswith(f"{plugin.name}.")]
    finally:
        await connection.close()


async def _left(plugin: LoadedPlugin, url: str) -> list[str]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return [name for (name,) in await connection.fetch(_LEFT, plugin.name)]
    finally:
        await connection.close()
