"""Attempts of an erased person are deleted, which the app role may not do."""

from alembic import op

from kernel.ddl import definer_function
from kernel.tables import CURRENT_TENANT

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    body = f"DELETE FROM codes.redemption_attempts WHERE tenant_id = {CURRENT_TENANT} AND user_id = person"
    definer_function("codes.forget_attempts(person uuid)", "void", body, to="collegium_worker", writes=True)


def downgrade() -> None:
    """Take back."""
    op.execute("DROP FUNCTION codes.forget_attempts(uuid)")
