"""For which tenants schedules start: a function for the worker, who may not read the table."""

from alembic import op

from kernel.ddl import definer_function

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    definer_function(
        "kernel.active_tenants()",
        "TABLE (id uuid, plugins text[])",
        "SELECT t.id, t.plugins FROM kernel.tenants t WHERE t.is_active",
        to="collegium_worker",
        across_tenants=True,
    )


def downgrade() -> None:
    """Take back."""
    op.execute("DROP FUNCTION kernel.active_tenants()")
