"""Accounts are counted, and listed by age, by an index of those that are not closed."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_INDEX = "ix_users_tenant_id_id_not_deleted"


def upgrade() -> None:
    """Apply."""
    op.create_index(_INDEX, "users", ["tenant_id", "id"], schema="auth", postgresql_where=sa.text("deleted_at IS NULL"))


def downgrade() -> None:
    """Take back."""
    op.drop_index(_INDEX, "users", schema="auth")
