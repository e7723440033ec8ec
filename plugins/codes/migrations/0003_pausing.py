"""From when on failures pause a code; attempts are listed by what came of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    column = sa.Column("failures_from", sa.DateTime(timezone=True), comment="earlier failures pause it no more")
    op.add_column("access_codes", column, schema="codes")
    op.create_index(None, "redemption_attempts", ["tenant_id", "outcome", "id"], schema="codes")


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_redemption_attempts_tenant_id_outcome_id", "redemption_attempts", schema="codes")
    op.drop_column("access_codes", "failures_from", schema="codes")
