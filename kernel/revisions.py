"""Which migrations a database lacks, told without Alembic, so that a server need not load it.

Applying them is `kernel.migrate`.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import asyncpg
import msgspec

_REVISION = re.compile(r'^revision(?:: str)? = "([^"]+)"', re.MULTILINE)
_DOWN = re.compile(r'^down_revision(?:: [^=]+)? = "([^"]+)"', re.MULTILINE)


class MigrationChain(msgspec.Struct, frozen=True):
    """The revisions of one schema, each a file, applied one after another."""

    schema: str
    directory: Path

    def head(self) -> str | None:
        """Return the newest revision; None without any."""
        revisions: set[str] = set()
        before: set[str] = set()
        for file in self.directory.glob("*.py"):
            source = file.read_text()
            revisions.update(_REVISION.findall(source))
            before.update(_DOWN.findall(source))
        heads = sorted(revisions - before)
        if len(heads) > 1:
            raise ValueError(f"{self.directory} has more than one newest revision: {', '.join(heads)}.")
        return heads[0] if heads else None


async def pending(url: str, chains: Iterable[MigrationChain]) -> list[str]:
    """Return the schemas whose newest revision the database does not have; any role may ask.

    Args:
        url: SQLAlchemy's or asyncpg's address.
        chains: The kernel's and each plugin's.
    """
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=5)
    try:
        return [chain.schema for chain in chains if await _current(connection, chain.schema) != chain.head()]
    finally:
        await connection.close()


async def _current(connection: "asyncpg.Connection[asyncpg.Record]", schema: str) -> str | None:
    if await connection.fetchval("SELECT to_regclass($1)", f"{schema}.alembic_version") is None:
        return None
    version: str | None = await connection.fetchval(f'SELECT version_num FROM "{schema}".alembic_version')
    return version
