"""Drafts a revision from what table classes say and the database lacks, for its author to read and complete.

Alembic finds tables, columns, types, keys and indexes; a changed check, default or trigger it does not see, and
`kernel.drift` does. Applying revisions is `kernel.migrate`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table

from kernel.migrate import migrating
from kernel.plugin import PluginError
from kernel.revisions import MigrationChain, pending
from kernel.tables import NormalisedText, metadata

_FILE = '''"""{message}."""

{imports}

revision = "{revision}"
down_revision = {down}


def upgrade() -> None:
    """Apply."""
{upgrade}


def downgrade() -> None:
    """Take back."""
{downgrade}
'''
_IMPORTS = {
    "sa.": "import sqlalchemy as sa",
    "op.": "from alembic import op",
    "postgresql.": "from sqlalchemy.dialects import postgresql",
    "secure_tenant_table(": "\nfrom kernel.ddl import secure_tenant_table, tenant_columns",
}
_STANDARD_COLUMNS = {"tenant_id": "*tenant_columns()", "id": "", "created_at": "", "updated_at": ""}


class SecureTableOp(ops.MigrateOperation):
    """The call of `secure_tenant_table` that follows a new table."""

    def __init__(self, table: Table) -> None:
        self.table = table


async def new_revision(url: str, chain: MigrationChain, message: str) -> Path:
    """Write the next revision of a schema and return its file; an empty one if nothing differs.

    Args:
        url: The owner role's address.
        chain: The schema's revisions.
        message: What it does, in a few words.

    Raises:
        PluginError: The database lacks revisions that exist already.
    """
    if missing := await pending(url, [chain]):
        reason = f"run `collegium migrate` first: the database lacks {', '.join(missing)}."
        raise PluginError(chain.schema, str(chain.directory), reason)
    async with migrating(url) as connection:
        text = await connection.run_sync(_draft, chain, message.rstrip("."))
    words = re.findall(r"[a-z0-9]+", message.lower())
    path = chain.directory / f"{_next(chain)}_{'_'.join(words)[:40]}.py"
    path.write_text(text)
    return path


def _next(chain: MigrationChain) -> str:
    return f"{len(chain.revisions()) + 1:04d}"


def _draft(connection: Connection, chain: MigrationChain, message: str) -> str:
    context = MigrationContext.configure(
        connection,
        opts={
            "target_metadata": metadata,
            "include_schemas": True,
            "include_name": lambda name, kind, _parents: kind != "schema" or name == chain.schema,
            "include_object": lambda item, _name, kind, _reflected, _other: (
                kind != "table" or item.schema == chain.schema
            ),
            "version_table": "alembic_version",
            "version_table_schema": chain.schema,
        },
    )
    script = produce_migrations(context, metadata)
    up, down = script.upgrade_ops or ops.UpgradeOps(), script.downgrade_ops or ops.DowngradeOps()
    up.ops = list(_with_securing(up))
    upgrade, downgrade = _code(up, context), _code(down, context)
    body = upgrade + downgrade
    head = chain.head()
    return _FILE.format(
        message=message,
        imports="\n".join(line for use, line in _IMPORTS.items() if use in body or use in "sa.op."),
        revision=_next(chain),
        down=f'"{head}"' if head else None,
        upgrade=upgrade,
        downgrade=downgrade,
    )


def _with_securing(found: ops.UpgradeOps) -> Iterator[ops.MigrateOperation]:
    for each in found.ops:
        yield each
        if isinstance(each, ops.CreateTableOp) and "audited" in (table := each.to_table()).info:
            yield SecureTableOp(table)


def _code(found: ops.UpgradeOps | ops.DowngradeOps, context: MigrationContext) -> str:
    text = render_python_code(found, render_item=_render_item, migration_context=context)
    # Alembic's own marks, and what the class alone needs to know.
    lines = [line for line in text.splitlines() if line.strip() and not line.strip().startswith(("# ###", "info={"))]
    return "\n".join(line if line.startswith("    ") else f"    {line}" for line in lines)


def _render_item(kind: str, item: Any, _context: AutogenContext) -> Any:
    """Return how an item is written; False for Alembic's own way, None or nothing for what `tenant_columns` brings."""
    if kind == "type" and isinstance(item, NormalisedText):
        return "sa.Text()"
    is_new_tenant_table = "audited" in getattr(getattr(item, "table", None), "info", {})
    if kind == "primary_key" and is_new_tenant_table:
        return None
    if kind == "column" and is_new_tenant_table:
        return _STANDARD_COLUMNS.get(item.name, False)
    return False


@renderers.dispatch_for(SecureTableOp)
def _render_securing(_context: AutogenContext, operation: SecureTableOp) -> str:
    table = operation.table
    secret = sorted(column.name for column in table.columns if column.info.get("secret"))
    options = [
        *(["audited=False"] if not table.info["audited"] else []),
        *(["append_only=True"] if table.info["append_only"] else []),
        *([f"secret={secret!r}"] if secret else []),
    ]
    return f"secure_tenant_table({', '.join([repr(table.fullname), *options])})"
