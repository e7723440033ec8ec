"""What people choose not to be told of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "user_preferences",
        sa.Column(
            "notifications",
            JSONB(),
            nullable=False,
            server_default=sa.text("'{}'::jsonb"),
            comment="by kind and channel: whether it is told",
        ),
        schema="auth",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_column("user_preferences", "notifications", schema="auth")
