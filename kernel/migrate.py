"""Migrations: one Alembic chain and version table a schema, applied in the order of what requires what.

Runs as the owner role. Loads Alembic, so a server does not import it (`kernel.revisions` tells what is pending).
The helpers that revisions use stand in `kernel.ddl`.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from alembic.autogenerate import api as autogenerate
from alembic.autogenerate import render_python_code
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from kernel.ids import new_id
from kernel.revisions import MigrationChain
from kernel.tables import metadata, tenants

_LOCK = 7_205_759_403
"""Key of the advisory lock that lets one process migrate at a time."""

Progress = Callable[[str], None]


async def upgrade(url: str, chains: Iterable[MigrationChain], on_progress: Progress = lambda text: None) -> None:
    """Bring every schema to its newest revision; each revision is a transaction.

    Args:
        url: The owner role's address.
        chains: In the order in which they are applied.
        on_progress: Gets a short sentence for each schema that changes.
    """
    await _with_connection(url, lambda connection: _upgrade_all(connection, list(chains), on_progress))


async def downgrade(url: str, chain: MigrationChain, revision: str = "base") -> None:
    """Take one schema back to a revision, or to nothing."""

    def work(connection: Connection) -> None:
        script = _script(chain)
        _run(connection, chain, script, lambda current, _: script._downgrade_revs(revision, current))

    await _with_connection(url, work)


async def drift(url: str, chains: Iterable[MigrationChain]) -> list[str]:
    """Return how the database differs from the table classes, a line a difference."""
    found: list[str] = []

    def work(connection: Connection) -> None:
        for chain in chains:
            found.extend(str(each) for each in _differences(connection, chain).upgrade_ops.as_diffs())

    await _with_connection(url, work)
    return found


async def new_revision(url: str, chain: MigrationChain, message: str) -> Path:
    """Write a revision with the difference between table classes and database, to be read and completed by hand."""
    body: list[str] = []

    def work(connection: Connection) -> None:
        body.append(render_python_code(_differences(connection, chain).upgrade_ops))

    await _with_connection(url, work)
    number = f"{len(list(chain.directory.glob('[0-9]*.py'))) + 1:04d}"
    path = chain.directory / f"{number}_{message.lower().replace(' ', '_')}.py"
    head = f'"{chain.head()}"' if chain.head() else "None"
    path.write_text(_TEMPLATE.format(message=message, number=number, head=head, body=body[0]))
    return path


_TEMPLATE = '''"""{message}."""

import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = {head}


def upgrade() -> None:
    """Apply."""
    {body}


def downgrade() -> None:
    """Take back."""
    raise RuntimeError("write how to take this back")
'''


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
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            if (await connection.execute(tenants.select().limit(1))).first() is None:
                await connection.execute(tenants.insert().values(id=new_id(), slug=slug, name=name))
    finally:
        await engine.dispose()


async def _with_connection(url: str, work: Callable[[Connection], None]) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))
            await connection.commit()
            await connection.run_sync(work)
            await connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK})"))
            await connection.commit()
    finally:
        await engine.dispose()


def _upgrade_all(connection: Connection, chains: list[MigrationChain], on_progress: Progress) -> None:
    for chain in chains:
        if chain.head() is None:
            continue
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{chain.schema}"'))
        connection.commit()
        script = _script(chain)

        def steps(current: Any, _: Any, script: ScriptDirectory = script, schema: str = chain.schema) -> Any:
            revisions = script._upgrade_revs("head", current)
            if revisions:
                on_progress(f"migrating {schema}")
            return revisions

        _run(connection, chain, script, steps)
        connection.execute(text(f'GRANT SELECT ON "{chain.schema}".alembic_version TO collegium_app'))
        connection.execute(text(f'GRANT USAGE ON SCHEMA "{chain.schema}" TO collegium_app, collegium_operator'))
        connection.commit()


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


def _differences(connection: Connection, chain: MigrationChain) -> Any:
    context = MigrationContext.configure(
        connection,
        opts={
            "target_metadata": metadata,
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name == chain.schema,
            "include_object": lambda item, name, kind, reflected, _: (
                kind != "table" or (item.schema == chain.schema and name != "alembic_version")
            ),
            "compare_server_default": False,
            "version_table": "alembic_version",
            "version_table_schema": chain.schema,
        },
    )
    return autogenerate.produce_migrations(context, metadata)
