"""Accounts are listed by their last sign-in, who has never signed in at one end."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_INDEX = "ix_users_tenant_id_last_login"


def upgrade() -> None:
    """Apply."""
    op.create_index(
        _INDEX,
        "users",
        ["tenant_id", sa.text("last_login NULLS FIRST"), "id"],
        schema="auth",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index(_INDEX, "users", schema="auth")
