"""The answers that are given again to requests repeated under their key."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "idempotency_keys",
        *tenant_columns(),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("answer", sa.Text()),
        sa.UniqueConstraint("tenant_id", "actor_id", "key"),
        schema="kernel",
    )
    op.create_index(None, "idempotency_keys", ["tenant_id", "created_at"], schema="kernel")
    secure_tenant_table("kernel.idempotency_keys", audited=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("idempotency_keys", schema="kernel")
