"""What the audit log forgets when somebody is erased: the app role, and the worker's, may not change it."""

from alembic import op

from kernel.ddl import definer_function
from kernel.tables import CURRENT_TENANT

revision = "0008"
down_revision = "0007"

_CHANGED_VALUES = f"""
    UPDATE kernel.audit_logs AS log SET old_values = NULL, new_values = NULL,
        ip_address = CASE WHEN log.user_id IS NOT NULL THEN log.ip_address END,
        user_agent = CASE WHEN log.user_id IS NOT NULL THEN log.user_agent END
    FROM (
        SELECT DISTINCT entity_type, entity_id FROM kernel.audit_logs
        WHERE tenant_id = {CURRENT_TENANT} AND created_at = now()
          AND request_id IS NOT DISTINCT FROM nullif(current_setting('app.request', true), '')
    ) AS changed
    WHERE log.tenant_id = {CURRENT_TENANT}
      AND log.entity_type = changed.entity_type AND log.entity_id = changed.entity_id
"""
_ACTIVITY = f"""
    UPDATE kernel.audit_logs SET ip_address = NULL, user_agent = NULL
    WHERE tenant_id = {CURRENT_TENANT} AND user_id = person AND (ip_address IS NOT NULL OR user_agent IS NOT NULL)
"""


def upgrade() -> None:
    """Apply."""
    op.create_index(None, "audit_logs", ["tenant_id", "user_id", "created_at"], schema="kernel")
    # Who changed something and was not signed in, as in registering, was the person themselves.
    # `now()` is when the transaction began, and every row that it writes into the log carries it.
    definer_function("kernel.forget_changed_values()", "void", _CHANGED_VALUES, to="collegium_worker", writes=True)
    definer_function("kernel.forget_activity(person uuid)", "void", _ACTIVITY, to="collegium_worker", writes=True)


def downgrade() -> None:
    """Take back."""
    op.execute("DROP FUNCTION kernel.forget_activity(uuid)")
    op.execute("DROP FUNCTION kernel.forget_changed_values()")
    op.drop_index(op.f("ix_audit_logs_tenant_id_user_id_created_at"), "audit_logs", schema="kernel")
