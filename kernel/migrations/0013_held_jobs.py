"""Jobs that were given up are found among those that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_INDEX = "ix_pgqueuer_failed"


def upgrade() -> None:
    """Apply."""
    op.create_index(_INDEX, "pgqueuer", ["updated"], schema="queue", postgresql_where=sa.text("status = 'failed'"))


def downgrade() -> None:
    """Take back."""
    op.drop_index(_INDEX, "pgqueuer", schema="queue")
