"""Refused sign-ins are forgotten after a while, which no role that serves may do by itself."""

from alembic import op

from kernel.ddl import definer_function
from kernel.tables import CURRENT_TENANT

revision = "0011"
down_revision = "0010"

_OLD = f"""
    DELETE FROM auth.failed_logins
    WHERE tenant_id = {CURRENT_TENANT} AND created_at < now() - make_interval(days => greatest(kept_days, 30))
"""


def upgrade() -> None:
    """Apply."""
    # Never less than 30 days, whatever it is called with.
    definer_function(
        "auth.forget_old_failed_logins(kept_days integer)", "void", _OLD, to="collegium_worker", writes=True
    )


def downgrade() -> None:
    """Take back."""
    op.execute("DROP FUNCTION auth.forget_old_failed_logins(integer)")
