"""What is left of a plugin that is no longer wanted: its rows in one tenant, or its whole schema, deleted for good.

Nothing of a plugin that acts is deleted, and nothing that others' rows point at. A tenant's own end is
`kernel.tenant_erasure`.
"""

from uuid import UUID

import msgspec
from sqlalchemy import TextClause, TextualSelect, column, text

from kernel.activation import note
from kernel.db import Db
from kernel.errors import Conflict, NotFound
from kernel.plugin import RESERVED_NAMES
from kernel.tenant_erasure import in_order_of_deletion, tenant_tables
from kernel.tenants import locked_plugins

_SCHEMA = text("""
    SELECT format('%I', n.nspname) FROM pg_namespace n
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'alembic_version'
    WHERE n.nspname = CAST(:name AS text)
""").columns(column("name"))
# Keys from other schemas: the table that has the key, and its columns besides the tenant's.
_POINTING = text("""
    SELECT DISTINCT format('%I.%I', n.nspname, c.relname) AS name,
        (SELECT string_agg(format('%I IS NOT NULL', a.attname), ' AND ') FROM unnest(k.conkey) AS number
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = number WHERE a.attname <> 'tenant_id') AS condition
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class tc ON tc.oid = k.confrelid JOIN pg_namespace tn ON tn.oid = tc.relnamespace
    WHERE k.contype = 'f' AND tn.nspname = CAST(:name AS text) AND n.nspname <> tn.nspname
    ORDER BY 1, 2
""").columns(column("name"), column("condition"))
_FORGET_EVENTS = text("""
    DELETE FROM kernel.outbox
    WHERE tenant_id = CAST(:tenant_id AS uuid) AND starts_with(listener, CAST(:prefix AS text))
""")
# Each deleted row has left its values in the log, which a summary replaces: they shall be gone.
_FORGET_DELETIONS = text("""
    DELETE FROM kernel.audit_logs
    WHERE tenant_id = CAST(:tenant_id AS uuid) AND request_id = CAST(:request_id AS text)
""")
_TENANT_IDS = text("SELECT id FROM kernel.tenants").columns(column("id"))


class PluginInUse(Conflict):
    """The plugin is switched on or loaded, or rows of others need its own."""

    code = "kernel.plugin_in_use"
    title = "This plugin is still in use."


class Pointing(msgspec.Struct, frozen=True):
    """A table of another plugin with a key to this one, and when a row uses it."""

    name: str
    condition: str


async def purgeable_rows(db: Db, name: str, tenant_id: UUID) -> dict[str, int]:
    """Return how many rows a plugin has in a tenant, by table, those first that must be deleted first.

    Nobody switches the tenant's plugins until the transaction ends.

    Args:
        db: An operator's transaction.
        name: The plugin's.
        tenant_id: Whose.

    Raises:
        NotFound: No schema of a plugin has this name, or there is no such tenant.
        PluginInUse: It is switched on, or others' rows point at its own.
    """
    schema = await _schema(db, name)
    if name in await locked_plugins(db, tenant_id):
        raise PluginInUse(f"{name} is switched on for this tenant: `collegium tenants plugins` switches it off.")
    for each in await db.rows(Pointing, _POINTING, name=name):
        if await db.value(_uses(each), tenant_id=tenant_id):
            raise PluginInUse(f"rows of {each.name} point at rows of {schema}; delete or purge those first.")
    tables = in_order_of_deletion(await tenant_tables(db))
    own = [table for table in tables if table.startswith(f"{schema}.")]
    return {table: int(await db.value(_count(table), tenant_id=tenant_id)) for table in own}


async def purge_rows(db: Db, name: str, tenant_id: UUID) -> dict[str, int]:
    """Delete a plugin's rows of a tenant where it is switched off; return how many, by table.

    Args:
        db: An operator's transaction, whose request id nothing else has.
        name: The plugin's.
        tenant_id: Whose.

    Raises:
        NotFound: No schema of a plugin has this name, or there is no such tenant.
        PluginInUse: It is switched on, or others' rows point at its own.
    """
    deleted = await purgeable_rows(db, name, tenant_id)
    for table in deleted:
        await db.run(_delete(table), tenant_id=tenant_id)
    await db.run(_FORGET_EVENTS, tenant_id=tenant_id, prefix=f"{name}.")
    await db.run(_FORGET_DELETIONS, tenant_id=tenant_id, request_id=db.origin.request_id)
    await note(db, tenant_id, "kernel.plugin.purged", {"plugin": name, "rows": deleted}, {})
    return deleted


async def check_unloaded(db: Db, name: str) -> str:
    """Return the quoted schema of a plugin that is not part of the deployment any more and that no key points at.

    Raises:
        NotFound: No schema of a plugin has this name.
        PluginInUse: It is loaded or set aside, or another schema has keys to it.
    """
    schema = await _schema(db, name)
    if name in db.deployment.set_aside or any(plugin.name == name for plugin in db.deployment.registry.plugins):
        raise PluginInUse(f"{name} is part of this deployment: uninstall it, or leave it out of `plugins`, first.")
    for each in await db.rows(Pointing, _POINTING, name=name):
        raise PluginInUse(f"the table {each.name} has keys to {schema}; purge its plugin first.")
    return schema


async def note_dropped(db: Db, name: str) -> None:
    """Write into every tenant's audit log that a plugin's schema is gone."""
    for tenant_id in await db.values(_TENANT_IDS):
        await note(db, tenant_id, "kernel.plugin.schema_dropped", {"plugin": name}, {})


async def _schema(db: Db, name: str) -> str:
    found = None if name in RESERVED_NAMES else await db.value(_SCHEMA, name=name)
    if found is None:
        raise NotFound(f"The database has no schema of a plugin {name!r}.")
    return str(found)


# Names of tables come from the catalogue, quoted by PostgreSQL itself.
def _count(table: str) -> TextualSelect:
    return text(f"SELECT count(*) AS n FROM {table} WHERE tenant_id = CAST(:tenant_id AS uuid)").columns(column("n"))  # noqa: S608


def _uses(each: Pointing) -> TextualSelect:
    statement = f"SELECT true AS used FROM {each.name} WHERE tenant_id = CAST(:tenant_id AS uuid)"  # noqa: S608
    return text(f"{statement} AND {each.condition} LIMIT 1").columns(column("used"))


def _delete(table: str) -> TextClause:
    return text(f"DELETE FROM {table} WHERE tenant_id = CAST(:tenant_id AS uuid)")  # noqa: S608
