"""Which revisions a schema has and which of them a database lacks, told without Alembic, so that a server needs none.

Applying them is `kernel.migrate`.
"""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec

from kernel.plugin import PluginError

_REVISION = re.compile(r'^revision(?:: *str)? = "([^"]+)"', re.MULTILINE)
_DOWN = re.compile(r'^down_revision(?:: *[^=]+)? = (?:"([^"]+)"|None)', re.MULTILINE)


class MigrationChain(msgspec.Struct, frozen=True):
    """The revisions of one schema, each a file, applied one after another."""

    schema: str
    directory: Path

    def revisions(self) -> list[str]:
        """Return the revisions, oldest first.

        Raises:
            PluginError: They do not form one chain.
        """
        after: dict[str, str] = {}
        for file in sorted(self.directory.glob("*.py")):
            source = file.read_text()
            revision, down = _REVISION.search(source), _DOWN.search(source)
            if revision is None or down is None:
                raise PluginError(
                    self.schema, str(file), 'it has no lines `revision = "..."` and `down_revision = ...`.'
                )
            if (before := down[1] or "") in after:
                raise PluginError(self.schema, str(file), f"two revisions come after {before or 'the beginning'}.")
            after[before] = revision[1]
        ordered = [""]
        while ordered[-1] in after:
            ordered.append(after.pop(ordered[-1]))
        if after:
            raise PluginError(self.schema, str(self.directory), f"no revision leads to {', '.join(after.values())}.")
        return ordered[1:]

    def head(self) -> str | None:
        """Return the newest revision; None without any."""
        return next(reversed(self.revisions()), None)

    def missing(self, current: str | None) -> list[str]:
        """Return the revisions that come after the one at which a database is.

        Raises:
            PluginError: The database is at a revision that this version does not have.
        """
        revisions = self.revisions()
        if current is None:
            return revisions
        if current not in revisions:
            reason = f"the database is at revision {current}, which this version does not have; install the newer one."
            raise PluginError(self.schema, str(self.directory), reason)
        return revisions[revisions.index(current) + 1 :]


async def pending(url: str, chains: Iterable[MigrationChain]) -> list[str]:
    """Return what the database lacks, `courses 0002` and so on; any role may ask.

    Args:
        url: SQLAlchemy's or asyncpg's address.
        chains: The kernel's and each plugin's.

    Raises:
        PluginError: The database is newer than this version.
    """
    async with _connected(url) as connection:
        return [
            f"{chain.schema} {revision}"
            for chain in chains
            for revision in chain.missing(await _current(connection, chain.schema))
        ]


async def faults(url: str, chains: Iterable[MigrationChain]) -> list[PluginError]:
    """Return an error for each schema that the database has not as this version needs it; any role may ask."""
    found = []
    async with _connected(url) as connection:
        for chain in chains:
            try:
                missing = chain.missing(await _current(connection, chain.schema))
            except PluginError as error:
                found.append(error)
            else:
                if missing:
                    reason = f"the database lacks {', '.join(missing)} of its revisions; run `collegium migrate`."
                    found.append(PluginError(chain.schema, str(chain.directory), reason))
    return found


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=5)
    try:
        yield connection
    finally:
        await connection.close()


async def _current(connection: "asyncpg.Connection[asyncpg.Record]", schema: str) -> str | None:
    if await connection.fetchval("SELECT to_regclass($1)", f'"{schema}".alembic_version') is None:
        return None
    version: str | None = await connection.fetchval(f'SELECT version_num FROM "{schema}".alembic_version')  # noqa: S608 - a plugin's name
    return version
