"""A tenant's end: every row, file, waiting job and cached word of it is deleted, and the tenant itself last.

Each step commits by itself, so that no transaction is as large as a school, and may run again after a crash. The tenant
is disabled before (`kernel.tenants`): nothing new comes while it goes. Backups keep what they have.
"""

from collections.abc import Awaitable, Callable
from graphlib import CycleError, TopologicalSorter
from uuid import UUID

import msgspec
from sqlalchemy import column, text

from kernel.db import Database, Db, Origin
from kernel.deployment import Deployment
from kernel.errors import Conflict
from kernel.tenants import locked_plugins, tenant_details

Progress = Callable[[int, int, str], Awaitable[None]]

_BATCH = 10_000
_LOG = "kernel.audit_logs"
_TABLES = text("""
    SELECT format('%I.%I', n.nspname, c.relname) AS name,
           keys.all, keys.strict
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(target.name), '{}') AS "all",
               coalesce(array_agg(target.name) FILTER (WHERE k.confdeltype IN ('r', 'a')), '{}') AS strict
        FROM pg_constraint k JOIN pg_class tc ON tc.oid = k.confrelid JOIN pg_namespace tn ON tn.oid = tc.relnamespace
        CROSS JOIN LATERAL format('%I.%I', tn.nspname, tc.relname) AS target (name)
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid) AS keys
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND format('%I.%I', n.nspname, c.relname) <> 'kernel.tenant_hosts'
""").columns(column("name"), column("points_at"), column("holds"))
_BEGIN = text("""
    UPDATE kernel.tenants SET settings = '{"erasing": true}', version = version + 1
    WHERE id = CAST(:id AS uuid) AND NOT is_active
""")
_REMOVE_TENANT = text("DELETE FROM kernel.tenants WHERE id = CAST(:id AS uuid) AND NOT is_active")
_REMOVE_JOBS = text("""
    DELETE FROM queue.pgqueuer
    WHERE CAST(convert_from(payload, 'UTF8') AS jsonb) ->> 'tenant_id' = CAST(:id AS text)
""")


class TenantStillActive(Conflict):
    """A tenant that serves is not erased."""

    code = "kernel.tenant_active"
    title = "Disable the tenant first: a tenant that serves is not erased."


class TenantTable(msgspec.Struct, frozen=True):
    """A table with rows of tenants, the tables that its keys lead to, and those whose rows it does not let go."""

    name: str
    points_at: list[str]
    holds: list[str]


async def check_erasable(db: Db, tenant_id: UUID) -> None:
    """Refuse to erase what serves. Locks the tenant until the transaction ends.

    Raises:
        TenantNotFound: There is no such tenant.
        TenantStillActive: It is not disabled.
    """
    await locked_plugins(db, tenant_id)
    if (await tenant_details(db, tenant_id)).is_active:
        raise TenantStillActive


async def erase_tenant(deployment: Deployment, tenant_id: UUID, on_progress: Progress | None = None) -> None:
    """Delete a disabled tenant and everything of it, also what plugins keep that are not loaded.

    Raises:
        TenantNotFound: There is no such tenant.
        TenantStillActive: It is not disabled.
    """
    async with deployment.operator_session(None, "tenant-erase") as db:
        await check_erasable(db, tenant_id)
        # Its secrets go first, and from now on nobody enables it again (`kernel.tenants`).
        await db.run(_BEGIN, id=tenant_id)
        tables = in_order_of_deletion(await tenant_tables(db))
    for number, name in enumerate(tables):
        if on_progress is not None:
            await on_progress(number, len(tables) + 1, name)
        await _delete_rows(deployment, tenant_id, name)
    async for key in deployment.storage.list_keys(f"{tenant_id}/"):
        await deployment.storage.delete(key)
    await _delete_jobs(deployment, tenant_id)
    async with deployment.operator_session(None, "tenant-erase") as db:
        await db.run(_REMOVE_TENANT, id=tenant_id)
        db.after_commit(deployment.gate.tell_directory)
    await deployment.gate.forget_tenant(tenant_id)


async def tenant_tables(db: Db) -> list[TenantTable]:
    """Return every table with rows of tenants, also of plugins that are not loaded; any role may ask."""
    return await db.rows(TenantTable, _TABLES)


def in_order_of_deletion(tables: list[TenantTable]) -> list[str]:
    """Return the tables so that what points at another comes before it, and the log of all the deletions last."""
    try:
        ordered = _sorted(tables, lambda table: table.points_at)
    except CycleError:
        # Keys in a circle: then only those count that would refuse.
        ordered = _sorted(tables, lambda table: table.holds)
    return [name for name in ordered if name != _LOG] + [_LOG]


def _sorted(tables: list[TenantTable], targets: Callable[[TenantTable], list[str]]) -> list[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter({table.name: () for table in tables})
    for table in tables:
        for target in targets(table):
            sorter.add(target, table.name)
    return list(sorter.static_order())


async def _delete_rows(deployment: Deployment, tenant_id: UUID, table: str) -> None:
    # The name comes from the catalogue, quoted by PostgreSQL itself.
    batch = text(
        f"DELETE FROM {table} WHERE ctid = ANY (ARRAY("  # noqa: S608
        f"SELECT ctid FROM {table} WHERE tenant_id = CAST(:id AS uuid) LIMIT {_BATCH}))"
    )
    while True:
        async with deployment.operator_session(None, "tenant-erase") as db:
            if await db.run(batch, id=tenant_id) < _BATCH:
                return


async def _delete_jobs(deployment: Deployment, tenant_id: UUID) -> None:
    database = Database(deployment.settings.worker_database_url, deployment=deployment, pool_size=1)
    try:
        async with database.transaction(Origin(tenant_id=None)) as db:
            await db.run(_REMOVE_JOBS, id=str(tenant_id))
    finally:
        await database.close()
