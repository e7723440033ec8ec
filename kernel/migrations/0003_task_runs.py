"""What owners can read of their background tasks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from kernel.ddl import secure_tenant_table, tenant_columns

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "task_runs",
        *tenant_columns(),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default=sa.text("'queued'")),
        sa.Column("done", sa.BigInteger()),
        sa.Column("total", sa.BigInteger()),
        sa.Column("note", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("result", JSONB()),
        sa.Column("error", sa.Text()),
        sa.Column("dedupe_key", sa.Text()),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("status IN ('queued', 'running', 'done', 'failed')", name="status"),
        schema="kernel",
    )
    op.create_index(None, "task_runs", ["tenant_id", "owner_id", "name"], schema="kernel")
    op.create_index(None, "task_runs", ["tenant_id", "finished_at"], schema="kernel")
    secure_tenant_table("kernel.task_runs", audited=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("task_runs", schema="kernel")
