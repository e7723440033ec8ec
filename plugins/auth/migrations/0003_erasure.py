"""Accounts that were closed for good, and refused sign-ins that are forgotten with them."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import definer_function
from kernel.tables import CURRENT_TENANT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "users",
        sa.Column(
            "deleted_at", sa.DateTime(timezone=True), comment="closed for good; erased once every plugin has done so"
        ),
        schema="auth",
    )
    body = f"DELETE FROM auth.failed_logins WHERE tenant_id = {CURRENT_TENANT} AND user_id = person"
    definer_function("auth.forget_failed_logins(person uuid)", "void", body, to="collegium_worker", writes=True)


def downgrade() -> None:
    """Take back."""
    op.execute("DROP FUNCTION auth.forget_failed_logins(uuid)")
    op.drop_column("users", "deleted_at", schema="auth")
