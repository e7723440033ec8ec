"""What every tenant table gets besides its columns: row-level security, exact rights, audit and time triggers.

Revisions of migrations call these; the catalogue check (`kernel.catalogue`) proves that they did.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from kernel.tables import CURRENT_TENANT

POLICY = f"tenant_id = {CURRENT_TENANT}"


def tenant_columns() -> list[sa.Column[object]]:
    """Return the four columns with which every tenant table begins, for `op.create_table`."""
    return [
        sa.Column("tenant_id", sa.Uuid(), server_default=sa.text(CURRENT_TENANT), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    ]


def secure_tenant_table(
    name: str, *, audited: bool = True, append_only: bool = False, secret: Sequence[str] = ()
) -> None:
    """Put a tenant table under row-level security and give the app role its exact rights.

    Args:
        name: `schema.table`.
        audited: Each change leaves a row in the audit log.
        append_only: The app role may insert and read, never change.
        secret: Columns that the audit log shows as `***`.
    """
    rights = "SELECT, INSERT" if append_only else "SELECT, INSERT, UPDATE, DELETE"
    op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {name} USING ({POLICY}) WITH CHECK ({POLICY})")
    op.execute(f"GRANT {rights} ON {name} TO collegium_app")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO collegium_operator")
    if not append_only:
        op.execute(
            f"CREATE TRIGGER touch BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION kernel.touch_updated_at()"
        )
    if audited:
        masked = ", ".join(f"'{column}'" for column in secret)
        op.execute(
            f"CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {name} "
            f"FOR EACH ROW EXECUTE FUNCTION kernel.record_change({masked})"
        )


def definer_function(signature: str, returns: str, body: str, *, to: str = "collegium_app") -> None:
    """Make a function that runs as the operator role, for what row security would hide.

    Args:
        signature: `kernel.tenant_by_host(host_name text)`.
        returns: The type or table that it returns.
        body: SQL that filters by tenant itself; every name in it is qualified.
        to: The only role that may call it.
    """
    op.execute(
        f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE sql STABLE SECURITY DEFINER "
        f"SET search_path = pg_catalog, pg_temp AS $body$ {body} $body$"
    )
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {to}")
    # Whoever is given a function must be allowed to create in its schema, at that moment and no longer.
    schema = signature.partition(".")[0]
    op.execute(f"GRANT CREATE, USAGE ON SCHEMA {schema} TO collegium_operator")
    op.execute(f"ALTER FUNCTION {signature} OWNER TO collegium_operator")
    op.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM collegium_operator")
