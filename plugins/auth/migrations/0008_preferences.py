"""How people want to see the school."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import one_of, tenant_reference, tenant_unique

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "user_preferences",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("locale", sa.Text(), comment="null: the tenant's own"),
        sa.Column("theme", sa.Text(), nullable=False, server_default=sa.text("'system'")),
        tenant_reference("user_id", "auth.users"),
        tenant_unique("user_id"),
        one_of("theme", "system", "light", "dark"),
        schema="auth",
    )
    secure_tenant_table("auth.user_preferences")


def downgrade() -> None:
    """Take back."""
    op.drop_table("user_preferences", schema="auth")
