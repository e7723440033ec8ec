"""The database inside the cluster and its roles: made once, corrected when what they should be has changed.

A comment on the database holds the digest of the statements that were run last, so that a start which finds it costs
one query.
"""

import asyncio
import hashlib
from pathlib import Path

import asyncpg

from kernel.embedded.errors import EmbeddedStackError
from kernel.embedded.place import Secrets
from kernel.embedded.postgres import PORT
from kernel.roles import ROLE_NAMES, role_statements

DATABASE = "collegium"
SUPERUSER = "postgres"


def ensure_database(socket_dir: Path, secrets: Secrets) -> None:
    """Make or correct the database and its roles. Runs an event loop of its own."""
    try:
        asyncio.run(_ensure_database(socket_dir, secrets))
    except asyncpg.InvalidPasswordError as error:
        raise EmbeddedStackError(
            f"The embedded database refuses the administrator's password ({error}): put the secrets.json of this data "
            "directory back from a backup, or choose another one with --data-dir."
        ) from error
    except (asyncpg.PostgresError, OSError) as error:
        raise EmbeddedStackError(
            f"The embedded database did not accept its roles ({error}): look into postgres.log in the data directory."
        ) from error


def database_urls(socket_dir: Path, secrets: Secrets) -> dict[str, str]:
    """Return the address for each role, for SQLAlchemy; asyncpg itself takes it without the `+asyncpg`.

    The port is named because both would otherwise take one from the environment.
    """
    logins = {"superuser": SUPERUSER, **ROLE_NAMES}
    return {
        role: f"postgresql+asyncpg://{login}:{secrets.passwords[role]}@/{DATABASE}?host={socket_dir}&port={PORT}"
        for role, login in logins.items()
    }


async def _ensure_database(socket_dir: Path, secrets: Secrets) -> None:
    passwords = {role: secrets.passwords[role] for role in ROLE_NAMES}
    statements = role_statements(passwords, database=DATABASE)
    digest = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    connection = await asyncpg.connect(
        host=str(socket_dir), port=PORT, user=SUPERUSER, password=secrets.passwords["superuser"], database="postgres"
    )
    try:
        databases = await connection.fetch(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1", DATABASE
        )
        if not databases:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
        if [tuple(row) for row in databases] != [(digest,)]:
            async with connection.transaction():
                for statement in (*statements, f"COMMENT ON DATABASE {DATABASE} IS '{digest}'"):
                    await connection.execute(statement)
    finally:
        await connection.close()
