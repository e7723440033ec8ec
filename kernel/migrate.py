"""Migrations: one Alembic chain and version table a schema, applied in the order of what requires what.

Runs as the owner role. Loads Alembic, so a server does not import it (`kernel.revisions` tells what is pending).
What revisions call stands in `kernel.ddl`, drafting a new one in `kernel.drafts`, the comparison of tables and
database in `kernel.drift`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, exists, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from kernel.faults import told
from kernel.ids import new_id
from kernel.plugin import PluginError
from kernel.revisions import MigrationChain
from kernel.tables import metadata, tenants

Progress = Callable[[str], None]

_LOCK = 7_205_759_403
"""Key of the advisory lock that lets one process migrate a database at a time."""
_POLL_S = 0.1


def refuse(fault: PluginError) -> None:
    """Stop at the first schema that cannot be brought up to date."""
    raise fault


async def upgrade(
    url: str,
    chains: Iterable[MigrationChain],
    on_progress: Progress = lambda text: None,
    on_fault: Callable[[PluginError], None] = refuse,
) -> None:
    """Bring every schema to its newest revision; each revision is a transaction.

    Args:
        url: The owner role's address.
        chains: In the order in which they are applied; asked for one by one.
        on_progress: Gets a short sentence before each revision.
        on_fault: Gets the fault of a schema; unless it raises, the next schema's turn comes.

    Raises:
        PluginError: A schema's revisions form no chain or cannot be applied, or the database is newer than this
            version.
    """
    async with migrating(url) as connection:
        for chain in chains:
            try:
                await connection.run_sync(_prepare, chain)
                await connection.run_sync(_upgrade, chain, on_progress)
            except PluginError as error:
                on_fault(error)
            except Exception as error:
                if isinstance(error, OSError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
                    raise
                await connection.rollback()
                on_fault(PluginError(chain.schema, str(chain.directory), f"its migration failed: {told(error)}."))


async def downgrade(url: str, chain: MigrationChain, revision: str = "base") -> None:
    """Take one schema back to a revision, or to nothing."""
    async with migrating(url) as connection:
        await connection.run_sync(_downgrade, chain, revision)


async def drop_schema(url: str, schema: str) -> None:
    """Delete a schema with everything in it.

    Args:
        url: The owner role's address.
        schema: Quoted by PostgreSQL; nobody else's keys lead to it.
    """
    async with migrating(url) as connection:
        await connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
        await connection.commit()


async def ensure_default_tenant(url: str, slug: str = "default", name: str = "Collegium") -> None:
    """Make the first tenant if there is none; it answers at every host until there is a second.

    Args:
        url: The operator role's address.
        slug: Of the tenant to make.
        name: Of the tenant to make.
    """
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            first = select(literal(new_id()), literal(slug), literal(name)).where(~exists(select(tenants.c.id)))
            names = ["id", "slug", "name"]
            await connection.execute(insert(tenants).from_select(names, first).on_conflict_do_nothing())
    finally:
        await engine.dispose()


@asynccontextmanager
async def migrating(url: str) -> AsyncIterator[AsyncConnection]:
    """Give a connection that alone works on the schemas of a database, for as long as the block lasts."""
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            # Asking again rather than waiting inside PostgreSQL, where a waiting transaction would hold up whoever
            # builds an index concurrently. The lock ends with the connection.
            while not await connection.scalar(select(func.pg_try_advisory_lock(_LOCK))):
                await connection.rollback()
                await asyncio.sleep(_POLL_S)
            await connection.commit()
            yield connection
    finally:
        await engine.dispose()


def _prepare(connection: Connection, chain: MigrationChain) -> None:
    """Make the schema and its version table, which every role may read."""
    for statement in (
        f'CREATE SCHEMA IF NOT EXISTS "{chain.schema}"',
        f'GRANT USAGE ON SCHEMA "{chain.schema}" TO collegium_app, collegium_operator',
        f'CREATE TABLE IF NOT EXISTS "{chain.schema}".alembic_version '
        "(version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)",
        f'GRANT SELECT ON "{chain.schema}".alembic_version TO collegium_app, collegium_operator',
    ):
        connection.exec_driver_sql(statement)
    connection.commit()


def _upgrade(connection: Connection, chain: MigrationChain, on_progress: Progress) -> None:
    script = _script(chain)

    def steps(heads: tuple[str, ...], _context: object) -> Iterator[Any]:
        chain.missing(heads[0] if heads else None)
        for step in script._upgrade_revs("head", _current(heads)):
            on_progress(f"{chain.schema} {step.revision.revision}: {step.revision.doc}")
            yield step

    _run(connection, chain, script, steps)


def _downgrade(connection: Connection, chain: MigrationChain, revision: str) -> None:
    script = _script(chain)
    _run(connection, chain, script, lambda heads, _context: script._downgrade_revs(revision, _current(heads)))


def _current(heads: tuple[str, ...]) -> str:
    return heads[0] if heads else "base"


def _script(chain: MigrationChain) -> ScriptDirectory:
    return ScriptDirectory(str(chain.directory), version_locations=[str(chain.directory)])


def _run(connection: Connection, chain: MigrationChain, script: ScriptDirectory, steps: Callable[..., Any]) -> None:
    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(
            connection=connection,
            target_metadata=metadata,
            version_table="alembic_version",
            version_table_schema=chain.schema,
            transaction_per_migration=True,
        )
        environment.run_migrations()
        connection.commit()
