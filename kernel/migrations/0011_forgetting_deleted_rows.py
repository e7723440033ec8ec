"""The audit log also forgets rows about an erased person that were deleted before, such as a link that was used."""

from alembic import op

from kernel.ddl import definer_function
from kernel.tables import CURRENT_TENANT

revision = "0011"
down_revision = "0010"

# Whichever column named the person: a row that is gone is of use to nobody's references.
_DELETED_ROWS = f"""
    UPDATE kernel.audit_logs AS log SET old_values = NULL, new_values = NULL,
        ip_address = CASE WHEN log.user_id IS NOT NULL THEN log.ip_address END,
        user_agent = CASE WHEN log.user_id IS NOT NULL THEN log.user_agent END
    FROM (
        SELECT DISTINCT entity_type, entity_id FROM kernel.audit_logs
        WHERE tenant_id = {CURRENT_TENANT} AND action = entity_type || '.deleted'
          AND jsonb_path_exists(old_values, '$.* ? (@ == $person)', jsonb_build_object('person', person::text))
    ) AS gone
    WHERE log.tenant_id = {CURRENT_TENANT}
      AND log.entity_type = gone.entity_type AND log.entity_id = gone.entity_id
"""


def upgrade() -> None:
    """Apply."""
    signature = "kernel.forget_deleted_rows(person uuid)"
    definer_function(signature, "void", _DELETED_ROWS, to="collegium_worker", writes=True)


def downgrade() -> None:
    """Take back."""
    op.execute("DROP FUNCTION kernel.forget_deleted_rows(uuid)")
