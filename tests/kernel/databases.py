"""Empty databases, for tests of what migrations make of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from kernel import revisions
from kernel.db import Origin
from kernel.embedded import Stack
from kernel.embedded.lock import start_lock
from kernel.revisions import MigrationChain
from kernel.roles import role_statements
from tests.kernel.shop import tables as shop_tables

KERNEL = MigrationChain("kernel", Path(revisions.__file__).parent / "migrations")
SHOP = MigrationChain("shop", Path(shop_tables.__file__).parent / "migrations")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def new_database(stack: Stack, name: str) -> Mapping[str, str]:
    """Make an empty database as an operator would, and return each role's address."""
    with start_lock(stack.data_dir):
        async with connected(stack.database_urls["superuser"]) as connection:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
            for statement in role_statements({}, database=name):
                await connection.execute(statement)
    return {role: url.replace("/collegium?", f"/{name}?") for role, url in stack.database_urls.items()}


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Give a connection without any transaction."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def transaction(url: str, tenant_id: UUID | None, **origin: Any) -> AsyncIterator[Connection]:
    """Give a connection inside a transaction of a tenant, committed at the end of the block."""
    async with connected(url) as connection, connection.transaction():
        await connection.execute(Origin(tenant_id, **origin).prelude())
        yield connection
