"""Codes that open something for a time."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    column = sa.Column("access_days", sa.Integer(), comment="what it opens stays open so long; null: for good")
    op.add_column("access_codes", column, schema="codes")
    op.create_check_constraint("access_days", "access_codes", "access_days > 0", schema="codes")


def downgrade() -> None:
    """Take back."""
    op.drop_column("access_codes", "access_days", schema="codes")
