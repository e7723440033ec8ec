"""What every tenant table gets besides its columns: row-level security, exact rights, audit and time triggers.

Revisions of migrations call these; the catalogue check (`kernel.catalogue`) proves that they did, and the drift check
(`kernel.drift`) that they did it as the table's class says.
"""

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from alembic import op

from kernel.tables import CURRENT_TENANT

POLICY = f"tenant_id = {CURRENT_TENANT}"
_DEFINER_MARK = "collegium: runs as the operator"
"""Comment of a function that `definer_function` made; the catalogue check refuses any other that runs as its owner."""


def tenant_columns() -> list[sa.Column[object]]:
    """Return the columns with which every tenant table begins, for `op.create_table`: its key and its times."""
    return [
        sa.Column("tenant_id", sa.Uuid(), server_default=sa.text(CURRENT_TENANT), primary_key=True),
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    ]


def secure_tenant_table(
    name: str, *, audited: bool = True, append_only: bool = False, secret: Sequence[str] = ()
) -> None:
    """Put a tenant table under row-level security and give the app role its exact rights.

    The owner is under row-level security too: a revision that must change rows of every tenant runs
    `SET LOCAL ROLE collegium_operator` first and `RESET ROLE` afterwards, or it changes none.

    Args:
        name: `schema.table`.
        audited: Each change leaves a row in the audit log.
        append_only: The app role may insert and read, never change.
        secret: Columns that the audit log shows as `***`.
    """
    for statement in tenant_table_statements(name, audited=audited, append_only=append_only, secret=secret):
        op.get_bind().exec_driver_sql(statement)


def tenant_table_statements(name: str, *, audited: bool, append_only: bool, secret: Sequence[str]) -> list[str]:
    """Return the SQL of `secure_tenant_table`."""
    rights = "SELECT, INSERT" if append_only else "SELECT, INSERT, UPDATE, DELETE"
    statements = [
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {name} USING ({POLICY}) WITH CHECK ({POLICY})",
        f"GRANT {rights} ON {name} TO collegium_app",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO collegium_operator",
        f"CREATE TRIGGER touch BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION kernel.touch_updated_at()",
    ]
    if audited:
        statements.append(_audit_trigger(name, secret))
    return statements


def replace_audit(name: str, *, audited: bool = True, secret: Sequence[str] = ()) -> None:
    """Change what the audit log keeps of a table's changes, for a revision that adds a secret column.

    Args:
        name: `schema.table`.
        audited: False ends the log of this table.
        secret: Every secret column, the old ones too.
    """
    op.get_bind().exec_driver_sql(f"DROP TRIGGER IF EXISTS audit ON {name}")
    if audited:
        op.get_bind().exec_driver_sql(_audit_trigger(name, secret))


def _audit_trigger(name: str, secret: Sequence[str]) -> str:
    # The trigger lays this over the row's values: one operation, however many columns are secret.
    mask = json.dumps(dict.fromkeys(sorted(secret), "***"))
    return (
        f"CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {name} "
        f"FOR EACH ROW EXECUTE FUNCTION kernel.record_change('{mask}')"
    )


def definer_function(
    signature: str,
    returns: str,
    body: str,
    *,
    to: str = "collegium_app",
    across_tenants: bool = False,
    writes: bool = False,
    settings: Mapping[str, str] | None = None,
) -> None:
    """Make a function that runs as the operator role, for what row-level security would hide or make slow.

    Args:
        signature: `search.matching(words text)`, without defaults.
        returns: The type or table that it returns.
        body: SQL that filters by `CURRENT_TENANT` itself; every name in it is qualified.
        to: The only role that may call it; `collegium_worker` for background work alone.
        across_tenants: The body filters by no tenant; the kernel's own functions alone may.
        writes: It changes rows, those of append-only tables too; each of its statements sees what the last one did.
        settings: PostgreSQL's settings while it runs, such as the threshold of an operator.

    Raises:
        ValueError: The body never asks for the tenant.
    """
    schema = signature.partition(".")[0]
    if not across_tenants and "app.tenant" not in body:
        raise ValueError(f"{signature} must filter by kernel.tables.CURRENT_TENANT: nothing else keeps tenants apart")
    volatility = "VOLATILE" if writes else "STABLE"
    set_ = "".join(f" SET {name} = {value}" for name, value in (settings or {}).items())
    mark = f"{_DEFINER_MARK}, across tenants" if across_tenants else _DEFINER_MARK
    for statement in (
        f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE sql {volatility} SECURITY DEFINER "
        f"SET search_path = pg_catalog, pg_temp{set_} AS $body$ {body} $body$",
        f"COMMENT ON FUNCTION {signature} IS '{mark}'",
        f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {signature} TO {to}",
        # Whoever is given a function must be allowed to create in its schema, at that moment and no longer.
        f"GRANT CREATE, USAGE ON SCHEMA {schema} TO collegium_operator",
        f"ALTER FUNCTION {signature} OWNER TO collegium_operator",
        f"REVOKE CREATE ON SCHEMA {schema} FROM collegium_operator",
    ):
        op.get_bind().exec_driver_sql(statement)
