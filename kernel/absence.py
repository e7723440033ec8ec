"""Which plugins have something in the database and cannot be asked about it in this process.

Whoever deletes what others may be using has to wait for them. That a plugin is switched off for a tenant does not
matter here: its tables can be read all the same.
"""

from sqlalchemy import ARRAY, Text, bindparam, column, text

from kernel.db import Db

_OTHERS = (
    text("""
        SELECT CAST(n.nspname AS text) AS name FROM pg_namespace n
        JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'alembic_version'
        WHERE n.nspname <> ALL (:known) AND n.nspname <> 'kernel' ORDER BY 1
    """)
    .bindparams(bindparam("known", type_=ARRAY(Text)))
    .columns(column("name"))
)


async def absent_plugins(db: Db) -> tuple[str, ...]:
    """Return the plugins that are set aside, and those whose schema is still there although they are not loaded."""
    known = [plugin.name for plugin in db.deployment.registry.well]
    return tuple(sorted({*db.deployment.set_aside, *await db.values(_OTHERS, known=known)}))
