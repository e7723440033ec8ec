"""Who somebody is in the words of other sites."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import tenant_reference, tenant_unique

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "user_identities",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "authority",
            sa.Text(),
            nullable=False,
            comment="who says so: the issuer, or the address that tells the user",
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), comment="as the provider had it when it was linked; nothing is found by it"),
        tenant_reference("user_id", "auth.users"),
        tenant_unique("authority", "subject"),
        schema="auth",
    )
    op.create_index(None, "user_identities", ["tenant_id", "user_id"], schema="auth")
    secure_tenant_table("auth.user_identities")


def downgrade() -> None:
    """Take back."""
    op.drop_table("user_identities", schema="auth")
