"""Batches know how many of their codes a task still makes; paused codes are found without reading all."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "code_batches",
        sa.Column(
            "missing",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="so many of its codes a task still makes",
        ),
        schema="codes",
    )
    op.create_index(
        None,
        "access_codes",
        ["tenant_id", "paused_until"],
        schema="codes",
        postgresql_where=sa.text("paused_until IS NOT NULL"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_access_codes_tenant_id_paused_until", "access_codes", schema="codes")
    op.drop_column("code_batches", "missing", schema="codes")
