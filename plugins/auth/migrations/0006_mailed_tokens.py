"""One-time secrets that are mailed."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import one_of, tenant_reference, tenant_unique

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "user_tokens",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the secret in the link"),
        sa.Column("email", sa.Text(), nullable=False, comment="where it was mailed, and so what it proves"),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        tenant_reference("user_id", "auth.users"),
        tenant_unique("user_id", "purpose"),
        tenant_unique("token_hash"),
        one_of("purpose", "verification", "reset", "invitation"),
        schema="auth",
    )
    secure_tenant_table("auth.user_tokens", secret=["token_hash"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("user_tokens", schema="auth")
